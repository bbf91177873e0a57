"""Files and archives on their way to clients that stop or dawdle."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chitram.handlers.blobs import stream_out
from chitram.handlers.pace import SteadyPace
from tests.waiting import until

KIB = 1024


class Sender:
    """A server that sends what it is told to, over connections that buffer next to nothing. *ends* are how it went."""

    def __init__(self, chunks: list[bytes], pace: SteadyPace) -> None:
        self._chunks = chunks
        self._pace = pace
        self.ends: list[str] = []

    async def send(self, request: web.Request) -> web.StreamResponse:
        """As a handler."""
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            await stream_out(request, response, self._all(), self._pace)
        except ConnectionResetError:
            self.ends.append("cut off")
            raise
        self.ends.append("sent")
        return response

    async def _all(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[Sender], Awaitable[asyncio.StreamReader]]]:
    """A client's end of an answer that a sender has begun."""
    servers, writers = [], []

    async def to(sender: Sender) -> asyncio.StreamReader:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * KIB)
        listening.bind(("127.0.0.1", 0))
        app = web.Application()
        app.router.add_get("/", sender.send)
        server = TestServer(app, socket_factory=lambda *_: listening)
        servers.append(server)
        await server.start_server()
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * KIB)
        own.connect(listening.getsockname())
        reader, writer = await asyncio.open_connection(sock=own, limit=KIB)
        writers.append(writer)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return reader

    yield to
    for writer in writers:
        writer.close()
    for server in servers:
        await server.close()


async def test_a_client_that_stops_just_before_the_end_is_cut_off(connect):
    """When all is written and only the sending is waited for."""
    sender = Sender([bytes(66 * KIB), bytes(60 * KIB)], SteadyPace(patience=0.2, slowest=16 * KIB))
    await connect(sender)
    await until(lambda: sender.ends == ["cut off"], seconds=5)


async def test_a_client_that_takes_a_little_now_and_then_is_cut_off(connect):
    """It is the pace that counts: each chunk would be taken in time."""
    sender = Sender([bytes(64 * KIB)] * 200, SteadyPace(patience=0.5, slowest=64 * KIB * 20))
    reader = await connect(sender)

    async def sip() -> bool:
        for _ in range(64):
            await reader.read(KIB)
        await asyncio.sleep(0.08)  # 64 KB in 0.1 seconds instead of 0.05
        return bool(sender.ends)

    await until(sip)
    assert sender.ends == ["cut off"]


async def test_a_client_that_keeps_the_pace_gets_everything(connect):
    """However many times its patience that takes altogether."""
    sender = Sender([bytes(64 * KIB)] * 30, SteadyPace(patience=1.0, slowest=16 * KIB))
    reader = await connect(sender)

    async def steadily() -> bool:
        for _ in range(10):
            await reader.read(4 * KIB)
            await asyncio.sleep(0.002)
        return bool(sender.ends)

    await until(steadily)
    assert sender.ends == ["sent"]
