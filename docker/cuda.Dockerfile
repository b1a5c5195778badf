# dreamvid on NVIDIA GPUs, about 7 GB. CUDA comes with torch; the machine needs a driver, and NVIDIA's container toolkit.
#
#     docker build -f docker/cuda.Dockerfile -t dreamvid-cuda .
#     docker run --rm --gpus all -v "$PWD":/films dreamvid-cuda clip.mp4
FROM python:3.12-slim

RUN pip install --no-cache-dir "uv>=0.9"
WORKDIR /dreamvid
COPY pyproject.toml README.md LICENSE ./
COPY dreamvid dreamvid
COPY configs configs
RUN uv pip install --system --no-cache --compile-bytecode .
# `video` lets ffmpeg use the GPU's encoders: --codec h264-nvenc
ENV TORCH_HOME=/weights NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
RUN mkdir -m 777 /weights /films
WORKDIR /films
ENTRYPOINT ["dreamvid"]
CMD ["--help"]
