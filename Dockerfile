# One image for web, worker and management commands; the command decides.
#   docker build -t vcfjobs:0.2 .
FROM python:3.11-slim-bookworm AS build

# For strip below. No version: Debian keeps only the newest of a release.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*

RUN python -m venv /opt/venv
WORKDIR /build
COPY requirements.lock .
# Only files whose hashes are in requirements.lock (`make lock`), and wheels only: nothing is compiled here.
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --only-binary=:all: \
    --require-hashes -r requirements.lock \
    && /opt/venv/bin/pip uninstall --quiet --yes pip setuptools

# Deleted is what the service never reads, a quarter of the size: tests, headers, stubs, translations, source maps.
# Stripped are the libraries that come as their compilers left them; patched ones, such as NumPy's, would break.
WORKDIR /opt/venv/lib/python3.11/site-packages
RUN find . -depth -type d \( -name tests -o -name __pycache__ \) -exec rm -r {} + \
    && find . -type f -regex '.*\.\(a\|c\|cpp\|h\|map\|po\|pxd\|pyi\|pyx\)' -delete \
    && find . -type f -name '*.mo' ! -path '*/en/*' -delete \
    && rm -rf django/contrib/gis drf_spectacular_sidecar/static/*/redoc numpy/distutils numpy/f2py \
    && find llvmlite numba rpds wcwidth yaml -type f -name '*.so' -exec strip --strip-unneeded {} +


FROM python:3.11-slim-bookworm

# A fixed number: it owns the files on a shared volume on every host.
RUN groupadd --gid 10001 vrs \
    && useradd --uid 10001 --gid vrs --no-create-home --home-dir /srv/vrs --shell /usr/sbin/nologin vrs \
    && install -d -o vrs -g vrs -m 0700 /srv/vrs /srv/vrs/work /srv/vrs/sequences /srv/vrs/kernel \
    && install -d -o vrs -g vrs /app/var /app/var/static

COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY LICENSE NOTICE manage.py gunicorn.conf.py ./
COPY anyvar_site anyvar_site
COPY vcfjobs vcfjobs

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    ANYVAR_VCF_ASYNC_WORK_DIR=/srv/vrs/work \
    ANYVAR_SEQUENCE_DIR=/srv/vrs/sequences \
    NUMBA_CACHE_DIR=/srv/vrs/kernel

# Python compiles what it imports and keeps that beside the sources, which it could not in a running container.
RUN python -m compileall -q anyvar_site vcfjobs \
    && export SECRET_KEY=build DATABASE_URL=sqlite://:memory: ANYVAR_VCF_ASYNC_WORK_DIR=/tmp/work \
    && python -c "import anyvar_site.wsgi, anyvar_site.urls, celery.bin.celery, gunicorn.app.wsgiapp, gunicorn.workers.gthread" \
    && rm -rf /tmp/work

# The command for workflow engines, which start it in folders of their own.
RUN printf '%s\n' '#!/opt/venv/bin/python' 'import sys' 'sys.path.insert(0, "/app")' \
    'from vcfjobs.command_line.vrs_annotate import main' 'sys.exit(main())' > /usr/local/bin/vrs-annotate \
    && chmod 755 /usr/local/bin/vrs-annotate

USER 10001:10001
EXPOSE 8000

# For the web process; other commands switch it off. It asks as the proxy does, under a name of ALLOWED_HOSTS and
# as if over HTTPS: otherwise a service set up for HTTPS would redirect.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; host = os.environ.get('ALLOWED_HOSTS', '').split(',')[0].strip(' *.') or 'localhost'; u.urlopen(u.Request('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/healthz', headers={'Host': host, 'X-Forwarded-Proto': 'https'}), timeout=4)"]

# Heartbeats in memory: on the disk of the image's layers they may stall.
CMD ["gunicorn", "anyvar_site.wsgi", "--config", "gunicorn.conf.py", "--no-control-socket", "--worker-tmp-dir", "/dev/shm"]
