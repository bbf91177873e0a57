"""Breaking the stack's own nodes on purpose, so that one can see what the ring makes of it. Everything ends by itself.

A frozen node is a process that SIGSTOP holds: connections stay open and nothing answers. A slow one is the same in
short: held most of the time and let go for a moment, over and over, as on a machine that has no CPU to spare. Both are
the real server's real slowness: no client and no proxy is in on it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from chitram.domain.errors import Conflict, NotFound
from chitram.embedded.errors import NodeError
from chitram.embedded.node import NodeProcess
from chitram.services.ring_ports import Deed, Victim

FREEZE_SECONDS = 10.0
SLOW_SECONDS = 30.0
_HELD, _FREE = 0.06, 0.01
"""A command waits 26 ms on average, 60 at most: below the ring's deadline of 100 ms, above what it calls slow."""


class NoChaos:
    """Nothing may be broken: in production, and wherever the nodes are somebody else's processes."""

    def victims(self) -> tuple[Victim, ...]:
        """None."""
        return ()

    def do(self, name: str, deed: Deed) -> None:  # noqa: ARG002  the port's signature
        """There is nothing here. Raises ``NotFound``."""
        raise NotFound


class NodeChaos:
    """The nodes of a `chitram up`. Deeds run as tasks of the event loop; :meth:`running` ends them."""

    def __init__(self, nodes: Iterable[NodeProcess]) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._deeds: dict[str, tuple[Deed, float]] = {}

    def victims(self) -> tuple[Victim, ...]:
        """All of them, with what is being done to them."""
        now = asyncio.get_running_loop().time()
        return tuple(self._victim(name, now) for name in self._nodes)

    def do(self, name: str, deed: Deed) -> None:
        """Begin; whatever was being done to that node ends. Raises ``NotFound`` and ``Conflict``."""
        node = self._nodes.get(name)
        if node is None:
            raise NotFound(f"There is no node {name} here to break.")
        if not node.running:
            raise Conflict(f"Node {name} is dead already; it is started again by itself, after five seconds or more.")
        self._end(name)
        if deed is Deed.KILL:
            node.kill()
        elif deed is Deed.FREEZE:
            self._begin(node, deed, FREEZE_SECONDS, _frozen)
        elif deed is Deed.SLOW:
            self._begin(node, deed, SLOW_SECONDS, _slow)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ends everything after the block: no node is left frozen."""
        try:
            yield
        finally:
            tasks = list(self._tasks.values())
            for name in list(self._tasks):
                self._end(name)
            await asyncio.gather(*tasks, return_exceptions=True)

    def _victim(self, name: str, now: float) -> Victim:
        if not self._nodes[name].running:
            return Victim(name, Deed.KILL)
        deed, until = self._deeds.get(name, (None, now))
        return Victim(name, deed, max(0.0, until - now))

    def _begin(
        self, node: NodeProcess, deed: Deed, seconds: float, way: Callable[[NodeProcess], Coroutine[Any, Any, None]]
    ) -> None:
        self._deeds[node.name] = (deed, asyncio.get_running_loop().time() + seconds)
        task = asyncio.ensure_future(_bounded(node, seconds, way))
        self._tasks[node.name] = task
        task.add_done_callback(lambda ended: self._forget(node.name, ended))

    def _end(self, name: str) -> None:
        self._deeds.pop(name, None)
        if task := self._tasks.pop(name, None):
            task.cancel()
        _resume(self._nodes[name])

    def _forget(self, name: str, ended: "asyncio.Task[None]") -> None:
        if self._tasks.get(name) is ended:
            self._end(name)


async def _bounded(node: NodeProcess, seconds: float, way: Callable[[NodeProcess], Coroutine[Any, Any, None]]) -> None:
    # A node that dies meanwhile has no process id any more: then this has ended too.
    with suppress(TimeoutError, NodeError, ProcessLookupError):
        async with asyncio.timeout(seconds):
            await way(node)


async def _frozen(node: NodeProcess) -> None:
    node.pause()
    await asyncio.Event().wait()


async def _slow(node: NodeProcess) -> None:
    while True:
        node.pause()
        await asyncio.sleep(_HELD)
        node.resume()
        await asyncio.sleep(_FREE)


def _resume(node: NodeProcess) -> None:
    with suppress(NodeError, ProcessLookupError):
        node.resume()
