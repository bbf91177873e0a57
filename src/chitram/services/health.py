"""Is the service fit to answer? The database is needed; storage and cache may be away and are only reported.

Readiness asks the database alone: a storage that hangs must not take every process out of the proxy.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from chitram.domain.errors import ChitramError

Status = Literal["healthy", "degraded", "unhealthy"]
PROBE_SECONDS = 2.0
REMEMBER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """One node of the ring as this process sees it."""

    name: str
    state: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. ``cache`` is ``disabled`` without nodes, ``degraded`` when not all of them are trusted."""

    status: Status
    database: bool
    storage: bool
    cache: Literal["healthy", "degraded", "unavailable", "disabled"]
    nodes: tuple[NodeHealth, ...]


class Health:
    """Probes, remembered for a second so that probing cannot become a load of its own."""

    def __init__(
        self,
        *,
        database: Callable[[], Awaitable[None]],
        storage: Callable[[], Awaitable[None]],
        nodes: Callable[[], Sequence[NodeHealth]],
    ) -> None:
        self._database = _Probe(database)
        self._storage = _Probe(storage)
        self._nodes = nodes
        self.draining = False
        """Set at shutdown: not ready any more, still answering."""

    async def ready(self) -> bool:
        """Whether requests should be sent here: the database answers, and this process stays."""
        return not self.draining and await self._database.answers()

    async def report(self) -> Report:
        """The state of everything, at most a second old."""
        database, storage = await asyncio.gather(self._database.answers(), self._storage.answers())
        nodes = tuple(self._nodes())
        cache = _cache_state(nodes)
        fine = storage and cache in {"healthy", "disabled"}
        status: Status = ("healthy" if fine else "degraded") if database else "unhealthy"
        return Report(status, database, storage, cache, nodes)


def _cache_state(nodes: Sequence[NodeHealth]) -> Literal["healthy", "degraded", "unavailable", "disabled"]:
    if not nodes:
        return "disabled"
    trusted = sum(node.trusted for node in nodes)
    return "healthy" if trusted == len(nodes) else "degraded" if trusted else "unavailable"


class _Probe:
    """Asks at most once a second, however many want to know."""

    def __init__(self, ask: Callable[[], Awaitable[None]]) -> None:
        self._ask = ask
        self._answered = False
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def answers(self) -> bool:
        async with self._asking:
            if time.monotonic() >= self._until:
                self._answered = await self._try()
                self._until = time.monotonic() + REMEMBER_SECONDS
            return self._answered

    async def _try(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._ask()
        except (ChitramError, TimeoutError):
            return False
        return True
