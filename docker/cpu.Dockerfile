# dreamvid on processors, about 1.6 GB. In the root of the checkout:
#
#     docker build -f docker/cpu.Dockerfile -t dreamvid .
#     docker run --rm -v "$PWD":/films dreamvid clip.mp4
FROM python:3.12-slim

RUN pip install --no-cache-dir "uv>=0.9"
WORKDIR /dreamvid
COPY pyproject.toml README.md LICENSE ./
COPY dreamvid dreamvid
COPY configs configs
RUN uv pip install --system --no-cache --compile-bytecode --torch-backend cpu .
# Downloaded weights stay where a volume can keep them: -v dreamvid-weights:/weights
ENV TORCH_HOME=/weights
RUN mkdir -m 777 /weights /films
WORKDIR /films
ENTRYPOINT ["dreamvid"]
CMD ["--help"]
