# Chitram as an image: built from uv.lock, run by somebody without rights, writing nothing but uploads on their way.

FROM python:3.13.7-slim-bookworm AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/chitram
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore uv==0.13.8
WORKDIR /build
# What changes seldom comes first.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups --no-install-project
COPY README.md LICENSE ./
COPY ring ring
COPY src src
COPY web web
RUN uv sync --frozen --no-default-groups --no-editable

FROM python:3.13.7-slim-bookworm
RUN groupadd --gid 10001 chitram \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin chitram \
    && install -d -m 700 -o chitram -g chitram /var/lib/chitram /var/lib/chitram/staging
COPY --from=build /opt/chitram /opt/chitram
ENV PATH=/opt/chitram/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STAGING_PATH=/var/lib/chitram/staging
WORKDIR /var/lib/chitram
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
# The program itself is process 1: SIGTERM reaches it, and it lets requests finish.
STOPSIGNAL SIGTERM
ENTRYPOINT ["chitram"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
