"""One multiplexed connection: many callers, one socket, one write every other turn of the loop, replies by position.

A caller that gives up keeps its place in the line, so that its late reply is dropped and not taken for another's.
Never reconnects: a new connection is another object, which nobody has verified yet.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis

from ring.errors import (
    NodeBusyError,
    NodeError,
    NodeGoneError,
    NodeReplyError,
    NodeTimeoutError,
    NodeUnreachableError,
)
from ring.node import Endpoint

Reply = Any
OnLost = Callable[[str], None]

_SWEEPS = 4
_WRITE_BUFFER = 16 << 20
_NOT_YET = object()


class RedisConnection(asyncio.Protocol):
    """A connection to one Redis (RESP2). Not thread-safe.

    `timeout` (seconds) holds for each command; it is kept by one sweep, four times per timeout, for all of them, and
    counted in sweeps: a loop that was blocked for a while does not blame the node. Beyond `max_in_flight` commands, or
    16 MiB not yet taken by the socket, `execute` fails at once with NodeBusyError.
    """

    def __init__(self, on_lost: OnLost, *, timeout: float = 0.1, max_in_flight: int = 16384) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._interval = timeout / _SWEEPS
        self._max_in_flight = max_in_flight
        self._reader = hiredis.Reader(replyError=NodeReplyError, notEnoughData=_NOT_YET)
        self._line: deque[tuple[asyncio.Future[Reply], int]] = deque()
        self._out: list[bytes] = []
        self._tick = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._full = False
        self._cause = ""
        self._transport: asyncio.Transport | None = None
        self._ended: asyncio.Future[None] = self._loop.create_future()

    @property
    def closed(self) -> bool:
        """True as soon as the connection is lost or was closed."""
        return self._transport is None

    def execute(self, *command: bytes | str | int) -> asyncio.Future[Reply]:
        """Send a command; the future gets the reply or a NodeError. Raises NodeGoneError or NodeBusyError at once."""
        return self._send(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub has the tuple one long

    def get(self, key: bytes) -> asyncio.Future[Reply]:
        """Send `GET key`, packed at half the cost: it is what a hit consists of."""
        return self._send(b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(key), key))

    def _send(self, packed: bytes) -> asyncio.Future[Reply]:
        if self._transport is None:
            raise NodeGoneError(self._cause)
        if self._full or len(self._line) >= self._max_in_flight:
            raise NodeBusyError
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._line.append((future, self._tick))
        if not self._out:
            self._loop.call_soon(self._gather)
        self._out.append(packed)
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._interval, self._expire)
        return future

    async def close(self) -> None:
        """Drop the connection; whoever waits gets NodeGoneError."""
        self._drop("closed")
        await self._ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports do not inherit from it
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER)

    def pause_writing(self) -> None:
        """Called by asyncio."""
        self._full = True

    def resume_writing(self) -> None:
        """Called by asyncio."""
        self._full = False

    def data_received(self, data: bytes) -> None:
        """Hand each reply to the first in the line."""
        self._reader.feed(data)
        next_reply, line = self._reader.gets, self._line
        try:
            while (reply := next_reply()) is not _NOT_YET:
                if type(reply) is not bytes and isinstance(reply, hiredis.PushNotification):
                    continue
                future, _ = line.popleft()
                if future.done():
                    continue
                if isinstance(reply, NodeError):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)
        except (hiredis.ProtocolError, IndexError):
            self._drop("not the Redis protocol")

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio, once."""
        self._forget(str(exc) if exc else "connection closed by the node")
        if not self._ended.done():
            self._ended.set_result(None)

    def _gather(self) -> None:
        # What the next turn brings goes out with it. A turn costs an idle loop a microsecond, where a write costs many;
        # on a loop whose turns are long, every reply comes one turn later for it.
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def _expire(self) -> None:
        self._tick += 1
        self._sweep = self._loop.call_later(self._interval, self._expire) if self._line else None
        for future, since in self._line:
            if since > self._tick - _SWEEPS:
                return
            if not future.done():
                future.set_exception(NodeTimeoutError())

    def _drop(self, cause: str) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._forget(cause)

    def _forget(self, cause: str) -> None:
        if self._transport is None:
            return
        self._transport, self._cause = None, cause
        if self._sweep is not None:
            self._sweep.cancel()
        line, self._line = self._line, deque()
        for future, _ in line:
            if not future.done():
                future.set_exception(NodeGoneError(cause))
        self._on_lost(cause)


async def connect(
    endpoint: Endpoint,
    on_lost: OnLost,
    *,
    op_timeout: float = 0.1,
    connect_timeout: float = 1.0,
    max_in_flight: int = 16384,
) -> RedisConnection:
    """Resolve, connect, authenticate and select. Raises NodeError; connecting takes at most `connect_timeout` s."""
    loop = asyncio.get_running_loop()

    def protocol() -> RedisConnection:
        return RedisConnection(on_lost, timeout=op_timeout, max_in_flight=max_in_flight)

    try:
        async with asyncio.timeout(connect_timeout):
            if endpoint.path:
                _, connection = await loop.create_unix_connection(protocol, endpoint.path)
            else:
                ssl = True if endpoint.tls else None
                _, connection = await loop.create_connection(protocol, endpoint.host, endpoint.port, ssl=ssl)
    except TimeoutError:
        raise NodeUnreachableError(f"{endpoint.display}: no connection within {connect_timeout} s") from None
    except OSError as error:
        raise NodeUnreachableError(f"{endpoint.display}: {error}") from error
    try:
        await _log_in(connection, endpoint)
    except BaseException:
        await connection.close()
        raise
    return connection


async def _log_in(connection: RedisConnection, endpoint: Endpoint) -> None:
    if endpoint.password:
        user = (endpoint.username,) if endpoint.username else ()
        await connection.execute("AUTH", *user, endpoint.password)
    if endpoint.database:
        await connection.execute("SELECT", endpoint.database)
