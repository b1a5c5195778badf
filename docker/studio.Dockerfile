# The studio on processors; for GPUs leave out `--torch-backend cpu`, and run it with --gpus all.
#
#     docker build -f docker/studio.Dockerfile -t dreamvid-studio .
#     docker run --rm -p 127.0.0.1:7860:7860 -e DREAMVID_PASSWORD=SECRET -v "$PWD":/films dreamvid-studio
#
# Then open http://127.0.0.1:7860. Finished films lie in dreamvid-studio/ beside the clips.
FROM python:3.12-slim

RUN pip install --no-cache-dir "uv>=0.9"
WORKDIR /dreamvid
COPY pyproject.toml README.md LICENSE ./
COPY dreamvid dreamvid
COPY configs configs
RUN uv pip install --system --no-cache --compile-bytecode --torch-backend cpu ".[studio]"
ENV TORCH_HOME=/weights
RUN mkdir -m 777 /weights /films
WORKDIR /films
EXPOSE 7860
ENTRYPOINT ["dreamvid", "studio"]
CMD ["--host", "0.0.0.0", "--port", "7860", "--no-browser"]
