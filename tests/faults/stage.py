"""Three service processes, three nodes and a link between each two of them, on one database and one blob directory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import ClientError, ClientSession

from chitram.adapters.database import Database
from chitram.embedded.binary import Binary
from chitram.embedded.node import NodeProcess
from tests.faults.links import Link, address_of
from tests.faults.processes import CHITRAM, Process
from tests.faults.schedule import NODES, PROCESSES
from tests.servers.ports import free_port
from tests.waiting import until


@dataclass(frozen=True)
class Stage:
    """All that faults can strike. `links` are called PROCESS-NODE."""

    nodes: dict[str, NodeProcess]
    links: dict[str, Link]
    processes: list[Process]
    database: Database
    session: ClientSession

    async def whole(self) -> None:
        """Wait until every process trusts every node."""
        for process in self.processes:
            await until(partial(self._healthy, process), seconds=60)

    async def _healthy(self, process: Process) -> bool:
        try:
            async with self.session.get(f"{process.url}/health") as answer:
                return bool((await answer.json())["status"] == "healthy")
        except (ClientError, TimeoutError):
            return False


@asynccontextmanager
async def staged(
    root: Path, binary: Binary, database_url: str, command: Sequence[str] = CHITRAM
) -> AsyncIterator[Stage]:
    """Everything started and whole; ended with the block. `root` must leave room for a socket's name."""
    nodes = {name: NodeProcess(name, binary, _directory(root / name), port=free_port()) for name in NODES}
    environ = {
        "HOME": str(root),
        "DATABASE_URL": database_url,
        "LOCAL_STORAGE_PATH": str(root / "blobs"),
        "REDIS_NODES": ",".join(f"{name}={address_of(name)}" for name in NODES),
    }
    processes = [Process(_directory(root / f"process-{number}"), environ, command) for number in PROCESSES]
    links = {
        f"{number}-{name}": Link(processes[number].directory, name, nodes[name].port)
        for number in PROCESSES
        for name in NODES
    }
    database = Database(database_url)
    async with ClientSession() as session:
        try:
            for node in nodes.values():
                node.start()
            for link in links.values():
                await link.open()
            await asyncio.gather(*(process.start() for process in processes))
            stage = Stage(nodes, links, processes, database, session)
            await stage.whole()
            yield stage
        finally:
            await asyncio.gather(*(process.kill() for process in processes))
            await asyncio.gather(*(link.cut() for link in links.values()))
            for node in nodes.values():
                node.kill()
            await database.close()


def _directory(path: Path) -> Path:
    path.mkdir(mode=0o700)
    return path
