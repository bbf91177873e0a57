"""A span for each operation on a node, with its outcome. The ring tells of an operation when it is over, so its span is
made then; when it began is known from the connection, which notes when a task last sent a command.
"""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from opentelemetry.trace import Tracer

from chitram.tracing.spans import nanoseconds, now, past
from ring import Observer, Options
from ring.connection import connect as connect_to_redis
from ring.events import AckWaited, Event, Filled, Invalidated
from ring.node import Endpoint
from ring.session import Connect, Connection

_FAILED = frozenset({"error", "timeout"})
_sent: ContextVar[tuple[object, int]] = ContextVar("_sent", default=(None, 0))
"""Which task last sent a command in this context, and when."""


class TracedRing:
    """An observer that makes spans, in front of another one."""

    def __init__(self, observer: Observer, tracer: Tracer) -> None:
        self._observer = observer
        self._tracer = tracer

    def op(self, node: str, op: str, result: str, seconds: float) -> None:
        """One read of a key; ``skipped`` is a node that is out, for which another one is asked."""
        self._observer.op(node, op, result, seconds)
        ended = now()
        self._span(op, node, result, ended - nanoseconds(seconds), ended)

    def event(self, event: Event) -> None:
        """What a request waits for: a fill, an invalidation brought to a node, the wait for those that cannot be told.

        A node that is not connected is sent nothing, so its failure takes no time of its own.
        """
        self._observer.event(event)
        match event:
            case Filled(node=node, result=result):
                self._span("fill", node, result, _began(), now())
            case Invalidated(node=node, result=result):
                self._span("apply", node, result, _began(), now())
            case AckWaited(nodes=nodes, seconds=seconds):
                began = now()
                told = {"ring.nodes": list(nodes)}
                past(self._tracer, "ring ack wait", told, began=began, ended=began + nanoseconds(seconds))
            case _:
                pass

    def _span(self, op: str, node: str, result: str, began: int, ended: int) -> None:
        told = {"ring.operation": op, "ring.node": node, "ring.result": result}
        error = result if result in _FAILED else ""
        past(self._tracer, f"ring {op}", told, began=began, ended=ended, error=error)


def timed_connect() -> Connect:
    """Connect as the ring does by default, and note when commands are sent."""
    options = Options()
    connect = partial(
        connect_to_redis,
        op_timeout=options.op_timeout,
        connect_timeout=options.connect_timeout,
        max_in_flight=options.max_in_flight,
    )

    async def timed(endpoint: Endpoint, lost: Callable[[str], None]) -> Connection:
        return _Timed(await connect(endpoint, lost))

    return timed


class _Timed:
    """A connection that notes when a command is sent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def closed(self) -> bool:
        """True once the connection is lost."""
        return self._connection.closed

    def execute(self, *command: bytes | str | int) -> "asyncio.Future[Any]":
        """Send a command."""
        _sent.set((asyncio.current_task(), now()))
        return self._connection.execute(*command)

    def get(self, key: bytes) -> "asyncio.Future[bytes | None]":
        """Send a GET; the ring itself tells how long that took."""
        return self._connection.get(key)

    async def close(self) -> None:
        """Drop the connection."""
        await self._connection.close()


def _began() -> int:
    """When this very task last sent a command; now, if it has sent none."""
    task, at = _sent.get()
    return at if task is asyncio.current_task() else now()
