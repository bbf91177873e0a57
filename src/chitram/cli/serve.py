"""`chitram serve`: one process of a service whose database, storage and nodes the environment names."""

from contextlib import closing

import click

from chitram.app import create_app
from chitram.cli.environment import environment
from chitram.cli.listener import bind
from chitram.cli.logging import start_logging
from chitram.cli.server import run_service
from chitram.settings import Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--reuse-port", is_flag=True, help="Share the port with other `serve` processes of this machine.")
def serve(host: str, port: int, *, reuse_port: bool) -> None:
    """Serve from the database, storage and Redis nodes that the environment (or .env) names.

    \b
    export DATABASE_URL=postgresql://chitram:secret@db/chitram
    export REDIS_NODES=a=redis-a:6379,b=redis-b:6379,c=redis-c:6379
    chitram migrate && chitram serve --host 0.0.0.0

    SIGTERM stops it once a proxy in front has had SHUTDOWN_DELAY_SECONDS to find out; Ctrl-C does not wait for one.
    """
    settings = Settings.load(environment(), dotenv=None)
    start_logging(settings)
    app = create_app(settings)
    with closing(bind(host, port, reuse_port=reuse_port)) as listener:
        run_service(
            app,
            listener,
            on_ready=lambda url: click.echo(f"ready {url}"),
            delay=settings.shutdown_delay_seconds,
            log_requests=settings.logs_requests,
        )
