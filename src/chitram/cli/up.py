"""`chitram up`: the whole stack on one machine, in one process and its nodes."""

import os
import signal
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import click

from chitram.adapters.schema import migrate
from chitram.app import create_app
from chitram.cli.environment import environment
from chitram.cli.listener import bind
from chitram.cli.logging import start_logging
from chitram.cli.probes import metrics_address, probe_sites
from chitram.cli.server import run_service
from chitram.cli.stack import breaking, running_nodes, stack_settings, supervision
from chitram.embedded.chaos import NodeChaos
from chitram.embedded.data_dir import DataDir
from chitram.embedded.nodes import MOST_NODES, Nodes
from chitram.settings import Settings


def _default_data() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "chitram"


@click.command(short_help="Start everything on this machine.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=_default_data,
    show_default="~/.local/share/chitram",
    metavar="DIR",
    help="Where everything is kept. One stack a directory.",
)
@click.option(
    "--nodes", default=3, show_default=True, type=click.IntRange(0, MOST_NODES), help="Redis nodes; 0 runs uncached."
)
@click.option(
    "--redis-server",
    envvar="CHITRAM_REDIS_SERVER",
    metavar="PROGRAM",
    help="What the nodes run. Default: redis-server or valkey-server on the PATH, else the packaged one.",
)
def up(host: str, port: int, data: Path, nodes: int, redis_server: str | None) -> None:
    """Start everything: Redis nodes, SQLite, storage on disk, the service. Ctrl-C stops it.

    \b
    chitram up
    chitram up --port 9000 --data ~/gallery
    chitram up --host 0.0.0.0 --nodes 5
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # until the service has its own
    with (
        DataDir(data) as directory,
        closing(bind(host, port)) as listener,
        running_nodes(directory, nodes, redis_server) as running,
    ):
        settings = stack_settings(environment(), directory, running)
        start_logging(settings)
        migrate(settings.database_url)
        chaos = NodeChaos(running)
        app = create_app(settings, sole=True, chaos=chaos)
        app.cleanup_ctx.extend([supervision(running), breaking(chaos)])
        with probe_sites(app, settings, host) as beside:
            run_service(
                app,
                listener,
                on_ready=lambda url: _announce(url, directory, running, settings),
                log_requests=settings.logs_requests,
                beside=beside,
            )


def _announce(url: str, directory: DataDir, nodes: Nodes, settings: Settings) -> None:
    addresses = {
        "gallery": f"{url}/",
        "API": f"{url}/api/v1",
        "metrics": metrics_address(url, settings),
        "health": f"{url}/health",
        **{f"node {node.name}": node.address for node in nodes},
        **({} if settings.node_list else {"cache": "off: every read goes to the database"}),
        "database": settings.database_url,
        "storage": str(directory.blobs),
    }
    lines = [f"  {name:<9} {address}" for name, address in addresses.items()]
    heading = f"Chitram {version('chitram')} keeps everything in {directory.path}; Ctrl-C stops it"
    click.echo("\n".join([heading, *lines, f"ready {url}"]))
