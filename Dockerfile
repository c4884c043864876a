# Two stages of one base: the first installs, the second is what runs.
FROM python:3.13-slim AS build

WORKDIR /srv/poe2openai

# Wheels only: nothing is compiled, here or later. The environment needs no pip of its own.
COPY requirements.txt ./
RUN python -m venv --without-pip .venv \
    && pip --python .venv install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
        --only-binary=:all: --require-hashes -r requirements.txt \
    && rm requirements.txt

COPY gunicorn.conf.py wsgi.py LICENSE ./
COPY docker/entrypoint.py docker/healthcheck.py docker/
COPY app app
COPY static static
COPY templates templates
# Bytecode that needs no look at its source: at run time nothing is written here. And whatever the
# modes in the checkout, the service's user can read it.
RUN python -m compileall -q --invalidation-mode unchecked-hash app docker wsgi.py \
    && chmod -R a+rX .


FROM python:3.13-slim

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="poe2openai" \
      org.opencontainers.image.description="Every Poe bot for every program that speaks OpenAI's or Anthropic's API." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/python:3.13-slim"

# Temporary files in memory: the root file system may be read-only.
ENV PATH=/srv/poe2openai/.venv/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/dev/shm \
    CONFIG_DIR=/data

RUN groupadd --gid 10001 poe2openai \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin poe2openai \
    && install --directory --owner=poe2openai --group=poe2openai --mode=0700 /data

WORKDIR /srv/poe2openai
COPY --from=build /srv/poe2openai ./

VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-I", "/srv/poe2openai/docker/healthcheck.py"]

# No USER here: the entry point starts as root, gives /data to user 10001 and becomes that user.
ENTRYPOINT ["python", "-I", "/srv/poe2openai/docker/entrypoint.py"]
CMD ["python", "-m", "app"]
