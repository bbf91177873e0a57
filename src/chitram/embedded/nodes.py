"""The nodes of one stack: all started, all stopped, and each started again when it dies."""

import asyncio
import string
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

from chitram.embedded.binary import Binary
from chitram.embedded.errors import NodeError
from chitram.embedded.node import NodeProcess
from chitram.logs import get_logger

MOST_NODES = len(string.ascii_lowercase)
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 60.0
_LOOK_EVERY = 0.5
_log = get_logger(__name__)


class Nodes:
    """The nodes of one stack, or none of them.

    `first_pause` is how many seconds a dead node stays down before it is started again; the pause
    doubles with every further death up to a minute, and is the first one again after a minute of life.
    """

    def __init__(self, processes: Iterable[NodeProcess] = (), *, first_pause: float = FIRST_PAUSE) -> None:
        self._nodes = tuple(processes)
        self._first_pause = first_pause

    @classmethod
    def named(cls, count: int, binary: Binary, directory: Path) -> Self:
        """`count` nodes, at most 26, called a, b, c…, with their sockets in `directory`."""
        return cls(NodeProcess(name, binary, directory) for name in string.ascii_lowercase[:count])

    def __iter__(self) -> Iterator[NodeProcess]:
        return iter(self._nodes)

    @property
    def addresses(self) -> str:
        """All nodes as `REDIS_NODES` has them: `name=address`, comma-separated."""
        return ",".join(f"{node.name}={node.address}" for node in self)

    def start(self) -> list[NodeError]:
        """Start all nodes at once. Returns one error for each that did not: the service works without it."""
        failed = {node.name: _try(node.spawn) for node in self}
        for node in self:
            failed[node.name] = failed[node.name] or _try(node.wait_until_ready)
        return [error for error in failed.values() if error]

    def stop(self) -> None:
        """Stop all nodes, at most two seconds each, and take their sockets away."""
        for node in self:
            node.terminate()
        for node in self:
            node.stop()
            node.socket.unlink(missing_ok=True)

    def kill(self) -> None:
        """End all nodes at once."""
        for node in self:
            node.kill()

    async def supervise(self) -> None:
        """Start every node again that dies; runs until it is cancelled. From the main thread's loop only."""
        async with asyncio.TaskGroup() as group:
            for node in self:
                group.create_task(self._keep_running(node))

    async def _keep_running(self, node: NodeProcess) -> None:
        loop = asyncio.get_running_loop()
        pause = self._first_pause
        while True:
            started = loop.time()
            while node.running:  # noqa: ASYNC110 - the death of a child is no event on every system
                await asyncio.sleep(_LOOK_EVERY)
            if loop.time() - started > LONGEST_PAUSE:
                pause = self._first_pause
            _log.warning("a node ended, starting it again", node=node.name, cause=node.end, seconds=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            await _start_again(node)


async def _start_again(node: NodeProcess) -> None:
    try:
        node.spawn()
        await asyncio.to_thread(node.wait_until_ready)
    except NodeError as error:
        _log.warning("a node did not start again", node=node.name, cause=str(error))
    else:
        _log.info("a node runs again", node=node.name)


def _try(step: Callable[[], None]) -> NodeError | None:
    try:
        step()
    except NodeError as error:
        return error
    return None
