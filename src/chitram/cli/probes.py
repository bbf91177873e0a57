"""The port of one process's own for its metrics and probes: `METRICS_PORT`."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from aiohttp import web

from chitram.app import create_probe_app
from chitram.cli.listener import bind
from chitram.cli.server import Site
from chitram.settings import Settings


@contextmanager
def probe_sites(app: web.Application, settings: Settings, host: str) -> Iterator[Sequence[Site]]:
    """What is to be served beside the application: nothing while the port is 0. Raises AddressError."""
    if not settings.metrics_port:
        yield ()
        return
    with closing(bind(host, settings.metrics_port, option="--metrics-port")) as listener:
        yield ((create_probe_app(app, metrics=settings.metrics_enabled), listener),)


def metrics_address(url: str, settings: Settings) -> str:
    """Where the metrics of the service at *url* are, in words for a person."""
    if not settings.metrics_enabled:
        return "off (METRICS_ENABLED)"
    return f"{url.rpartition(':')[0]}:{settings.metrics_port}/metrics" if settings.metrics_port else f"{url}/metrics"
