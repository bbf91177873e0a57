"""A TCP connection with a bad network in it: slow, held, cut, or behind TLS. It also tells what was asked."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

_PIECE = 64 * 1024
_REQUEST = re.compile(rb"(?m)^(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP/1.1\r$")


class Relay:
    """Passes bytes between clients and a server on 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.delay = 0.0
        """Seconds for each 64 KiB."""
        self.requests: list[str] = []
        """Method and path of every request, in order."""
        self.passed = 0
        """Bytes from clients to the server."""
        self.endpoint = ""
        self._port = port
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a free port."""
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _PIECE)  # what it holds back shall be felt
        self._server = await asyncio.start_server(self._accept, sock=listening, ssl=tls)
        self.endpoint = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def cut(self) -> None:
        """Break every connection there is; new ones are accepted."""
        carrying = list(self._carrying)
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    async def close(self) -> None:
        """The end."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                await asyncio.gather(self._up(reader, to_server), self._carry(from_server, writer))
            finally:
                to_server.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_PIECE):
            self.requests += [b" ".join(found).decode() for found in _REQUEST.findall(data)]
            await self._pass(data, writer)
            self.passed += len(data)
        with suppress(OSError):
            writer.write_eof()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_PIECE):
            await self._pass(data, writer)
        writer.close()

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        await self.open.wait()
        writer.write(data)
        await writer.drain()


StartRelay = Callable[..., Awaitable[Relay]]


@pytest.fixture
async def relay() -> AsyncIterator[StartRelay]:
    """Start a relay to a port; it ends with the test."""
    started: list[Relay] = []

    async def start(endpoint: str, tls: ssl.SSLContext | None = None) -> Relay:
        one = Relay(int(endpoint.rpartition(":")[2]))
        started.append(one)
        await one.start(tls)
        return one

    yield start
    for one in started:
        await one.close()
