"""`chitram serve`: one process of a service whose database, storage and nodes the environment names."""

from contextlib import closing

import click

from chitram.app import create_app
from chitram.cli.environment import environment
from chitram.cli.listener import bind
from chitram.cli.logging import start_logging
from chitram.cli.probes import probe_sites
from chitram.cli.server import run_service
from chitram.settings import Settings


@click.command(short_help="Serve on what the environment names.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--reuse-port", is_flag=True, help="Share the port with other `serve` processes of this machine.")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Serve /metrics and the probes of this process on a port of its own (METRICS_PORT).",
)
def serve(host: str, port: int, *, reuse_port: bool, metrics_port: int | None) -> None:
    """Serve from the database, storage and Redis nodes that the environment (or .env) names.

    \b
    export DATABASE_URL=postgresql://chitram:secret@db/chitram
    export REDIS_NODES=a=redis-a:6379,b=redis-b:6379,c=redis-c:6379
    chitram migrate && chitram serve --host 0.0.0.0

    \b
    chitram serve --reuse-port --metrics-port 9101 & chitram serve --reuse-port --metrics-port 9102
                                   two processes behind one port, each with its own metrics

    SIGTERM stops it once a proxy in front has had SHUTDOWN_DELAY_SECONDS to find out; Ctrl-C does not wait for one.
    """
    given = {} if metrics_port is None else {"metrics_port": metrics_port}
    settings = Settings.load(environment(), given, dotenv=None)
    start_logging(settings)
    app = create_app(settings)
    with closing(bind(host, port, reuse_port=reuse_port)) as listener, probe_sites(app, settings, host) as beside:
        run_service(
            app,
            listener,
            on_ready=lambda url: click.echo(f"ready {url}"),
            delay=settings.shutdown_delay_seconds,
            log_requests=settings.logs_requests,
            beside=beside,
        )
