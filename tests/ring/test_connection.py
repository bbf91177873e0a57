"""One connection, many callers: order, deadlines, cancellation, losses and error replies; on asyncio and on uvloop."""

import asyncio
from contextlib import suppress

import pytest
import uvloop

from ring.connection import RedisConnection, connect
from ring.errors import NodeBusyError, NodeError, NodeGoneError, NodeReplyError, NodeTimeoutError, NodeUnreachableError
from ring.node import parse_address
from tests.ring.conftest import until


@pytest.fixture(params=["asyncio", "uvloop"])
def play(request):
    """Runs a scene on one of the two loops."""
    return uvloop.run if request.param == "uvloop" else asyncio.run


async def open_to(node, on_lost=None, **kwargs):
    return await connect(parse_address(node.address), on_lost or (lambda cause: None), **kwargs)


def test_replies_come_to_those_who_asked(play, start_node):
    """A thousand callers at once, each gets his own."""
    node = start_node()

    async def scene():
        connection = await open_to(node)
        replies = await asyncio.gather(*(connection.execute("ECHO", f"{i}") for i in range(1000)))
        await connection.close()
        return replies

    assert play(scene()) == [b"%d" % i for i in range(1000)]


def test_a_cancelled_caller_keeps_its_place(play, start_node):
    """Else everybody behind it would get another one's reply."""
    node = start_node()

    async def scene():
        connection = await open_to(node)
        futures = [connection.execute("ECHO", f"{i}") for i in range(9)]
        futures[0].cancel()
        futures[4].cancel()
        rest = await asyncio.gather(*(future for future in futures if not future.cancelled()))
        await connection.close()
        return rest

    assert play(scene()) == [b"%d" % i for i in range(9) if i not in (0, 4)]


def test_a_timeout_leaves_the_connection_usable(play, start_node):
    """The late reply is dropped, and the next caller gets the right one."""
    node = start_node()

    async def scene():
        connection = await open_to(node)
        node.freeze()
        with pytest.raises(NodeTimeoutError):
            await connection.execute("ECHO", "late")
        node.thaw()
        reply = await connection.execute("ECHO", "next")
        await connection.close()
        return reply

    assert play(scene()) == b"next"


def test_a_blocked_loop_does_not_blame_the_node(play, start_node):
    """A process that was busy for longer than the deadline finds its replies, not timeouts."""
    node = start_node()

    async def scene():
        connection = await open_to(node)
        future = connection.execute("ECHO", "x")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.get_running_loop().run_in_executor(None, node.command, "PING")
        _block_for_longer_than_the_deadline()
        reply = await future
        await connection.close()
        return reply

    assert play(scene()) == b"x"


def _block_for_longer_than_the_deadline():
    import time  # noqa: PLC0415  # blocking is the point here and nowhere else

    time.sleep(0.25)


def test_a_killed_node_tells_everyone_who_waits(play, start_node):
    """Nobody waits for a deadline when the connection is known to be lost."""
    node = start_node()
    causes: list[str] = []

    async def scene():
        connection = await open_to(node, causes.append)
        node.freeze()
        waiting = [connection.execute("GET", "k") for _ in range(5)]
        await asyncio.sleep(0)
        node.kill()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert connection.closed
        with pytest.raises(NodeGoneError):
            connection.execute("GET", "k")
        await connection.close()
        return results

    assert {type(result) for result in play(scene())} == {NodeGoneError}
    assert len(causes) == 1


def test_too_much_in_flight_fails_at_once(play, start_node):
    """The queue has an end; beyond it the database is the faster answer."""
    node = start_node()

    async def scene():
        connection = await open_to(node, max_in_flight=10)
        waiting = [connection.execute("PING") for _ in range(10)]
        with pytest.raises(NodeBusyError):
            connection.execute("PING")
        await asyncio.gather(*waiting)
        assert await connection.execute("PING") == b"PONG"
        await connection.close()

    play(scene())


def test_a_socket_that_takes_nothing_fails_at_once(play, start_node):
    """Megabytes do not pile up in memory behind a frozen node."""
    node = start_node()

    async def scene():
        connection = await open_to(node)
        node.freeze()
        waiting = []
        for _ in range(40):
            with suppress(NodeBusyError):
                waiting.append(connection.execute("SET", "k", bytes(1 << 20)))
            await asyncio.sleep(0)
        assert len(waiting) < 30
        await connection.close()
        await asyncio.gather(*waiting, return_exceptions=True)

    play(scene())


def test_an_error_reply_has_its_first_word_as_cause(play, start_node):
    """Bounded, so that it can be a label."""
    node = start_node()

    async def scene():
        connection = await open_to(node)
        await connection.execute("RPUSH", "list", "x")
        with pytest.raises(NodeReplyError) as caught:
            await connection.execute("GET", "list")
        await connection.close()
        return caught.value.cause

    assert play(scene()) == "WRONGTYPE"


def test_a_nested_error_reply_breaks_nothing(play, start_node):
    """An error inside of an array is data."""
    node = start_node()

    async def scene():
        connection = await open_to(node)
        reply = await connection.execute("EVAL", "return {1, redis.error_reply('BAD inside')}", 0)
        await connection.close()
        return reply

    assert isinstance(play(scene())[1], NodeReplyError)


def test_password_user_and_database_are_used(play, start_node):
    """`redis://user:password@host/3`, and the reason when it is refused."""
    node = start_node("--requirepass", "s3cret")

    async def scene():
        right = await connect(parse_address(f"redis://default:s3cret@{node.address}/3"), lambda cause: None)
        info = await right.execute("CLIENT", "INFO")
        await right.close()
        causes = []
        for address in (f"redis://:wrong@{node.address}", f"redis://:s3cret@{node.address}/99"):
            with pytest.raises(NodeError) as caught:
                await connect(parse_address(address), lambda cause: None)
            causes.append(caught.value.cause)
        return info, causes

    info, causes = play(scene())
    assert b" db=3 " in info
    assert causes == ["WRONGPASS", "ERR"]


def test_a_unix_socket_is_a_node_too(play, start_node):
    """The fastest way on one machine."""
    node = start_node()

    async def scene():
        connection = await connect(parse_address(f"unix://{node.socket}"), lambda cause: None)
        reply = await connection.execute("PING")
        await connection.close()
        return reply

    assert play(scene()) == b"PONG"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "unix:///nowhere.sock", "no.such.host.invalid:6379"])
def test_nobody_there_is_said_at_once(play, address):
    """With the address and the reason."""

    async def scene():
        with pytest.raises(NodeUnreachableError, match=r".+: .+"):
            await connect(parse_address(address), lambda cause: None)

    play(scene())


def test_a_server_that_speaks_something_else_is_dropped(play):
    """A web server on the port costs an error, not a hang."""

    async def scene():
        server = await asyncio.get_running_loop().create_server(WebServer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        connection = await connect(parse_address(f"127.0.0.1:{port}"), lambda cause: None)
        with pytest.raises(NodeError, match="not the Redis protocol"):
            await connection.execute("PING")
        await connection.close()
        server.close()
        await server.wait_closed()

    play(scene())


class WebServer(asyncio.Protocol):
    """Answers everything with an HTTP error and hangs up."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.transport.close()


def test_a_large_value_passes(play, start_node):
    """Several megabytes, in both directions."""
    node, value = start_node(), bytes(range(256)) * (5 << 12)

    async def scene():
        connection = await open_to(node, op_timeout=2.0)
        await connection.execute("SET", "k", value)
        reply = await connection.execute("GET", "k")
        await connection.close()
        return reply

    assert play(scene()) == value


class Written(asyncio.Transport):
    """Keeps what was written to it."""

    def __init__(self):
        super().__init__()
        self.writes = []

    def write(self, data):
        self.writes.append(bytes(data))

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def abort(self):
        pass


def test_what_the_next_turn_asks_goes_out_in_the_same_write(play):
    """One system call, and one waking of the node, for callers of whom one comes a moment after the other."""

    async def scene():
        connection, transport = RedisConnection(lambda cause: None), Written()
        connection.connection_made(transport)
        connection.execute("ECHO", "1")
        await asyncio.sleep(0)
        connection.execute("ECHO", "2")
        await until(lambda: transport.writes)
        connection.execute("ECHO", "3")
        await until(lambda: len(transport.writes) > 1)
        connection.connection_lost(None)
        return transport.writes

    first, second = play(scene())
    assert (first.count(b"ECHO"), second.count(b"ECHO")) == (2, 1)
