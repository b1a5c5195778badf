# A worker, or the head, of a dreamvid farm. Build it in the root of the checkout, so that all nodes run the same code:
#
#     docker build -f docker/farm.Dockerfile -t dreamvid-farm .
#
# The head, and workers (--gpus needs NVIDIA's container toolkit; leave it out on machines without a GPU):
#
#     docker run -d --network host --shm-size 2g dreamvid-farm ray start --head --port 6379 --block
#     docker run -d --network host --shm-size 2g --gpus all dreamvid-farm ray start --address HEAD:6379 --block
#
# And a film, from a machine of the cluster; the folder holds the clip, and gets the film:
#
#     docker run --rm --network host --shm-size 2g -v "$PWD":/films -w /films dreamvid-farm \
#         dreamvid farm clip.mp4 --address HEAD:6379
FROM python:3.12-slim

RUN pip install --no-cache-dir "uv>=0.9"
WORKDIR /dreamvid
COPY pyproject.toml README.md LICENSE ./
COPY dreamvid dreamvid
COPY configs configs
RUN uv pip install --system --no-cache --compile-bytecode ".[farm]"
ENV OMP_WAIT_POLICY=PASSIVE RAY_USAGE_STATS_ENABLED=0
CMD ["dreamvid", "--help"]
