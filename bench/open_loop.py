"""A load whose rate does not depend on the answers, so that a slow server cannot hide its slowness.

Requests are due at fixed times, and a latency counts from the moment when the request was *due*: whoever waits for a
free connection or for this generator waits too (coordinated omission; Tene, "How not to measure latency", 2013).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import NamedTuple, Self

CONNECTIONS = 256


class Response(NamedTuple):
    """Status, the headers as they came, the body."""

    status: int
    head: bytes
    body: bytes


class Client:
    """As much of HTTP/1.1 as a generator needs: kept connections, GET and PATCH, answers with a Content-Length."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._places = asyncio.Semaphore(CONNECTIONS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for _, writer in self._idle:
            writer.close()

    async def request(self, method: str, path: str, *, headers: str = "", body: bytes = b"") -> Response:
        """Send one request; OSError or IncompleteReadError when the connection fails."""
        async with self._places:
            reader, writer = await self._connection()
            try:
                length = f"Content-Length: {len(body)}\r\n" if body else ""
                writer.write(f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n{headers}{length}\r\n".encode() + body)
                head = await reader.readuntil(b"\r\n\r\n")
                answer = await reader.readexactly(_content_length(head))
            except BaseException:
                writer.close()
                raise
            self._idle.append((reader, writer))
            return Response(int(head[9:12]), head, answer)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return self._idle.pop() if self._idle else await asyncio.open_connection(self._host, self._port)


async def at_rate(rate: float, seconds: float, send: Callable[[float], Awaitable[None]]) -> None:
    """Call `send` with the time at which it is due, `rate` times a second, and return when all have been answered."""
    began, sent = time.monotonic(), 0
    running: set[asyncio.Task[None]] = set()
    while sent < rate * seconds:
        for due in range(sent, min(int((time.monotonic() - began) * rate) + 1, int(rate * seconds))):
            task = asyncio.ensure_future(send(began + due / rate))
            running.add(task)
            task.add_done_callback(running.discard)
            sent = due + 1
        await asyncio.sleep(max(0.0, began + sent / rate - time.monotonic()))
    while running:
        await asyncio.wait(running)


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header in lower case, empty if there is none."""
    _, _, rest = head.lower().partition(b"\r\n" + name.lower() + b": ")
    return rest.partition(b"\r\n")[0]


def _content_length(head: bytes) -> int:
    return int(header(head, b"content-length") or 0)
