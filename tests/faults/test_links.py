"""The bad network is tested too: what it lets through, holds back, loses, and that it leaves nothing open."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from tests.faults.links import Link
from tests.waiting import until


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


async def test_a_connection_cut_as_it_comes_is_closed(link, connect):
    """Whatever the link was about to do with it."""
    for _ in range(20):
        opening = asyncio.create_task(connect())
        await until(lambda: bool(link._carrying) or opening.done())  # noqa: B023  awaited in this turn
        await link.cut()
        reader, _ = await opening
        assert await reader.read(100) == b""
        await link.mend()
