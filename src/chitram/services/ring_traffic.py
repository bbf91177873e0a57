"""How the nodes did in the last minute, from counters that only ever grow. Nothing here is on the path of a read."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from chitram.services.ring_ports import NodeCounts

WINDOW_SECONDS = 60.0
SAMPLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class NodeTraffic:
    """One node's reads by this process in the window; *p99* is since the start, in seconds."""

    reads: int = 0
    hits: int = 0
    errors_per_second: float = 0.0
    p99: float | None = None

    @property
    def hit_ratio(self) -> float | None:
        """``None`` without reads."""
        return self.hits / self.reads if self.reads else None


class Traffic(Protocol):
    """How the nodes did lately. *counted* is false where nobody counts."""

    @property
    def counted(self) -> bool:
        """Whether no reads means that there were none."""
        ...

    def by_node(self) -> Mapping[str, NodeTraffic]:
        """Every node that was ever read."""
        ...


class UncountedTraffic:
    """Nothing is known: counting is switched off."""

    counted = False

    def by_node(self) -> Mapping[str, NodeTraffic]:
        """Nothing."""
        return {}

    async def watch(self) -> None:
        """There is nothing to watch."""


class RecentTraffic:
    """Samples of the counters, at most a minute of them."""

    counted = True

    def __init__(
        self, counts: Callable[[], Mapping[str, NodeCounts]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._counts = counts
        self._clock = clock
        self._samples: deque[tuple[float, Mapping[str, NodeCounts]]] = deque()

    async def watch(self) -> None:
        """Take a sample every two seconds, until cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(SAMPLE_SECONDS)

    def sample(self) -> None:
        """Remember the counters, and forget what is older than the window but for one."""
        now = self._clock()
        self._samples.append((now, dict(self._counts())))
        while len(self._samples) > 1 and self._samples[1][0] <= now - WINDOW_SECONDS:
            self._samples.popleft()

    def by_node(self) -> dict[str, NodeTraffic]:
        """Every node that was ever read."""
        now, counts = self._clock(), self._counts()
        then, before = self._samples[0] if self._samples else (now, counts)
        seconds = max(now - then, 1e-9)
        return {name: _between(before.get(name, NodeCounts()), count, seconds) for name, count in counts.items()}


def hit_ratio(traffic: Mapping[str, NodeTraffic]) -> float | None:
    """Of all nodes together; ``None`` without reads."""
    reads = sum(node.reads for node in traffic.values())
    return sum(node.hits for node in traffic.values()) / reads if reads else None


def _between(before: NodeCounts, after: NodeCounts, seconds: float) -> NodeTraffic:
    return NodeTraffic(
        reads=after.reads - before.reads,
        hits=after.hits - before.hits,
        errors_per_second=(after.errors - before.errors) / seconds,
        p99=after.p99,
    )
