"""Is the service fit to answer? The database is needed; storage and cache may be away and are only reported."""

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
        self._database = database
        self._storage = storage
        self._nodes = nodes
        self._report: Report | None = None
        self._until = 0.0
        self._probing = asyncio.Lock()
        self.draining = False
        """Set at shutdown: not ready any more, still answering."""

    async def report(self) -> Report:
        """The state of everything, at most a second old."""
        async with self._probing:
            if self._report is None or time.monotonic() >= self._until:
                self._report = await self._probe()
                self._until = time.monotonic() + REMEMBER_SECONDS
            return self._report

    async def _probe(self) -> Report:
        database, storage = await asyncio.gather(_answers(self._database), _answers(self._storage))
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


async def _answers(probe: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await probe()
    except (ChitramError, TimeoutError):
        return False
    return True
