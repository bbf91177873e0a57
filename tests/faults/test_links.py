"""The bad network is tested too: what it lets through, holds back, loses, and that it leaves nothing open."""

import asyncio
import socket
import tempfile
from pathlib import Path

import pytest

from tests.faults.links import Link


@pytest.fixture
async def link():
    """A link to a server that answers with what it is sent."""

    async def echo(reader, writer):
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory(prefix="chitram-") as directory:
        link = Link(Path(directory), "a", server.sockets[0].getsockname()[1])
        await link.open()
        yield link
        await link.cut()
    server.close()


@pytest.fixture
async def connect(link):
    """Opens connections through it, and closes them."""
    writers = []

    async def connect():
        reader, writer = await asyncio.open_unix_connection(link._path)
        writers.append(writer)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()


async def test_it_lets_everything_through(connect):
    """To the node and back."""
    reader, writer = await connect()
    writer.write(b"ping")
    assert await reader.read(100) == b"ping"


@pytest.mark.parametrize("way", ["commands", "replies"])
async def test_what_is_held_arrives_later(link, connect, way):
    """Nothing is lost, and nothing comes before its time."""
    reader, writer = await connect()
    getattr(link, way).free.clear()
    writer.write(b"ping")
    waiting = asyncio.create_task(reader.read(100))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    await link.mend()
    assert await waiting == b"ping"


async def test_a_cut_ends_connections_and_refuses_new_ones(link, connect):
    """Until it is mended."""
    reader, writer = await connect()
    writer.write(b"ping")
    assert await reader.read(100) == b"ping"
    await link.cut()
    assert await reader.read(100) == b""
    with pytest.raises(OSError):  # noqa: PT011  refused or not found: either will do
        await connect()
    await link.mend()
    reader, writer = await connect()
    writer.write(b"again")
    assert await reader.read(100) == b"again"


@pytest.mark.parametrize("state", ["open", "cut"])
async def test_a_connection_cut_as_it_comes_is_closed(link, state):
    """Before a single step was made for it, or after the link was cut already."""
    near, far = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=near)
    if state == "cut":
        await link.cut()
    link._accept(reader, writer)
    await link.cut()
    assert writer.transport.is_closing()
    far.close()
