"""`chitram worker`: a process that does the jobs which services queue."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from socket import socket

import click

from chitram.cli.environment import environment
from chitram.cli.listener import bind
from chitram.cli.logging import start_logging
from chitram.cli.server import run_service
from chitram.settings import Settings
from chitram.worker import create_worker

MOST = 64


@click.command(short_help="Make thumbnails beside services that do not (JOBS=worker).")
@click.option(
    "--concurrency",
    type=click.IntRange(1, MOST),
    help="Pictures at a time, each in a few times MAX_PIXELS × 4 bytes. Default: one for each processor.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the metrics port; 0.0.0.0 for all.")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Serve /metrics, /health/live and /health/ready there (METRICS_PORT); 0: nowhere.",
)
def worker(concurrency: int | None, host: str, metrics_port: int | None) -> None:
    """Do the jobs that services with JOBS=worker queue in the database: today those are thumbnails.

    Start as many as you like, on as many machines; each needs the same DATABASE_URL, storage and REDIS_NODES as the
    services. No two do the same job. What a killed one leaves is done by another after half a minute; SIGTERM and
    Ctrl-C hand it back at once.

    \b
    JOBS=worker chitram serve & chitram worker
    chitram worker --concurrency 4 --metrics-port 9201
    chitram jobs list                  what waits, and who is at it
    """
    given = {} if metrics_port is None else {"metrics_port": metrics_port}
    settings = Settings.load(environment(), given, dotenv=None)
    start_logging(settings)
    at_once = concurrency or os.cpu_count() or 1
    app = create_worker(settings, concurrency=at_once)
    with _probes(host, settings) as listener:
        run_service(app, listener, on_ready=lambda url: click.echo(f"ready {url or f'{at_once} at a time'}"))


@contextmanager
def _probes(host: str, settings: Settings) -> Iterator[socket | None]:
    if not settings.metrics_port:
        yield None
        return
    with closing(bind(host, settings.metrics_port, option="--metrics-port")) as listener:
        yield listener
