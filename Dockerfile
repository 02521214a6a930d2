# The HTTP service in a container. Written and checked by reading; never built or run.
#
#   docker build -t voice2face .
#   docker run --rm -p 8000:8000 --read-only --cap-drop ALL --security-opt no-new-privileges \
#     --memory 2g --pids-limit 256 voice2face
#
# The service opens no connection by itself: give it no network beside the published port.
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src src
RUN python -m venv /opt/voice2face \
    && /opt/voice2face/bin/pip install --no-cache-dir '.[serve]'

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home voice2face
COPY --from=build /opt/voice2face /opt/voice2face
ENV PATH=/opt/voice2face/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    VOICE2FACE_SERVE_HOST=0.0.0.0
USER voice2face
EXPOSE 8000
# The process is number 1 and handles SIGTERM itself. Docker kills it 10 s later: set
# VOICE2FACE_SERVE_DRAIN_S and `docker stop --time` to fit the longest request.
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["voice2face", "serve"]
