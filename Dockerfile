# syntax=docker/dockerfile:1
# Lectern's image: every service of docker-compose.yml runs from it. KIND=gpu brings PyTorch with CUDA.

FROM python:3.11-slim-bookworm AS packages
ARG KIND=cpu
WORKDIR /app
COPY requirements requirements
RUN --mount=type=cache,target=/root/.cache requirements/install "$KIND"

FROM python:3.11-slim-bookworm
# hadolint ignore=DL3008  # Debian keeps one version of each, the one with the security fixes
RUN apt-get update \
    && apt-get install -y --no-install-recommends tesseract-ocr tesseract-ocr-eng tesseract-ocr-chi-sim tesseract-ocr-jpn \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home lectern \
    && install -d -o lectern -g lectern -m 700 /data /chroma
WORKDIR /app
COPY --from=packages /app/.venv .venv
COPY . .
ENV PATH=/app/.venv/bin:$PATH \
    KB_DATA=/data \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME /data
EXPOSE 8000
CMD ["python", "manage.py", "run"]
