"""The parts of `chitram up` in the order in which they start, and what they make of the settings."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import click
from aiohttp import web
from sqlalchemy import URL

from chitram.embedded.binary import OLDEST, find_binary
from chitram.embedded.chaos import NodeChaos
from chitram.embedded.data_dir import DataDir
from chitram.embedded.nodes import Nodes
from chitram.embedded.sockets import shut_down_leftovers, socket_directory
from chitram.settings import Settings

_NO_BINARY = (
    f"no Redis or Valkey server {OLDEST[0]}.{OLDEST[1]} or later found, running uncached: "
    "install redis-server or valkey-server, or name one with --redis-server"
)
_DECIDED_HERE = ("DATABASE_URL", "STORAGE_BACKEND", "LOCAL_STORAGE_PATH", "REDIS_NODES", "REDIS_HOST", "JOBS")


@contextmanager
def running_nodes(directory: DataDir, count: int, program: str | None) -> Iterator[Nodes]:
    """Started nodes, stopped at the end. None of them where no binary is found; said on stderr."""
    nodes = _nodes(directory, count, program)
    try:
        for error in nodes.start():
            complain(str(error))
        yield nodes
    finally:
        nodes.stop()


def stack_settings(environ: Mapping[str, str], directory: DataDir, nodes: Nodes) -> Settings:
    """The environment's settings with the stack's own database, storage and nodes.

    A `JWT_SECRET_KEY` of the environment holds; otherwise the directory's own. Raises SettingsError.
    """
    overruled = [name for name in _DECIDED_HERE if environ.get(name)]
    if overruled:
        complain(f"{', '.join(overruled)}: not used by `chitram up`, which has its own; `chitram serve` does")
    database = URL.create("sqlite+aiosqlite", database=str(directory.database))
    overrides = {
        "database_url": database.render_as_string(),
        "storage_backend": "local",
        "local_storage_path": directory.blobs,
        "redis_nodes": nodes.addresses,
        "redis_host": "",
        "jobs": "inline",
    }
    if not environ.get("JWT_SECRET_KEY"):
        overrides["jwt_secret_key"] = directory.secret()
    return Settings.load(environ, overrides, dotenv=None)


def supervision(nodes: Nodes) -> Callable[[web.Application], AsyncIterator[None]]:
    """A cleanup context that has dead nodes started again while the service runs."""

    async def run(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(nodes.supervise())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return run


def breaking(chaos: NodeChaos) -> Callable[[web.Application], AsyncIterator[None]]:
    """A cleanup context that leaves no node frozen when the service stops."""

    async def run(_app: web.Application) -> AsyncIterator[None]:
        async with chaos.running():
            yield

    return run


def complain(sentence: str) -> None:
    """Say on stderr what the person at the terminal should know."""
    click.echo(f"chitram: {sentence}", err=True)


def _nodes(directory: DataDir, count: int, program: str | None) -> Nodes:
    if count == 0:
        return Nodes()
    binary = find_binary(program)
    if binary is None:
        complain(_NO_BINARY)
        return Nodes()
    sockets = socket_directory(directory.path)
    left = shut_down_leftovers(sockets)
    if left:
        complain(f"{left} nodes of an earlier start were still running and have been shut down")
    return Nodes.named(count, binary, sockets)
