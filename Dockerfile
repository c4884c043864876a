FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 \
    CONFIG_DIR=/data

# The folder of the settings belongs to the user that the service runs as.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin poe2openai \
    && install --directory --owner=poe2openai --mode=0700 /data

WORKDIR /srv/poe2openai

COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --require-hashes -r requirements.txt

COPY gunicorn.conf.py wsgi.py LICENSE ./
COPY app ./app

USER 10001
VOLUME /data
EXPOSE 8080

# Without a proxy, whatever the environment says: this asks the container itself.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import os, urllib.request as r; \
        address = 'http://127.0.0.1:' + (os.environ.get('PORT') or '8080') + '/readyz'; \
        r.build_opener(r.ProxyHandler({})).open(address, timeout=4)"]

CMD ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
