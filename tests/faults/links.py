"""The link between one process and one node, that can be cut, held and slowed down without anybody else noticing.

It listens on a unix socket in the directory in which the process runs. All processes know the node by one address,
`unix:///proc/self/cwd/NAME.sock`, which leads each of them to a link of its own.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

_CHUNK = 65536


def address_of(name: str) -> str:
    """The node's address in the node set, the same for every process."""
    return f"unix:///proc/self/cwd/{name}.sock"


class Direction:
    """One way of a link. What is held is not lost: it arrives later, as with a network that comes back."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.delay = 0.0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on until the sender is done."""
        while data := await reader.read(_CHUNK):
            await self._pass()
            writer.write(data)
            await writer.drain()
        await self._pass()

    async def _pass(self) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        await self.free.wait()


class Link:
    """Carries a process' connections to a node on 127.0.0.1:`port`. In its own way it is a very bad network."""

    def __init__(self, directory: Path, name: str, port: int) -> None:
        self.commands, self.replies = Direction(), Direction()
        self._path = directory / f"{name}.sock"
        self._port = port
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Accept connections."""
        self._server = await asyncio.start_unix_server(self._accept, self._path)

    async def cut(self) -> None:
        """End every connection and refuse new ones; whatever was on its way is lost."""
        if self._server is not None:
            self._server.close()
            self._server = None
        carrying = list(self._carrying)
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    async def mend(self) -> None:
        """Let everything through, at once, what was held first of all."""
        for direction in (self.commands, self.replies):
            direction.delay = 0.0
            direction.free.set()
        if self._server is None:
            await self.open()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # it came in while the link was being cut
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        # Not in the task: one that is cancelled before its first step does not even reach its `finally`.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # the node is dead, or one end hung up: so does the other
            from_node, to_node = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                await _first(self.commands.carry(reader, to_node), self.replies.carry(from_node, writer))
            finally:
                to_node.transport.abort()


async def _first(*ways: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, OSError):
                await task
