"""What the nodes say of themselves, remembered for a second so that looking cannot become a load of its own."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from chitram.domain.node_set import RingNode
from chitram.services.ring_ports import AskNodes, Vitals

REMEMBER_SECONDS = 1.0


class RecentVitals:
    """Asks at most once a second, for however many pages are open."""

    def __init__(self, ask: AskNodes) -> None:
        self._ask = ask
        self._asking = asyncio.Lock()
        self._of: Sequence[RingNode] = ()
        self._known: Mapping[str, Vitals] = {}
        self._until = 0.0

    async def by_node(self, nodes: Sequence[RingNode]) -> Mapping[str, Vitals]:
        """What each node said, at most a second ago."""
        async with self._asking:
            same = [node.name for node in nodes] == [node.name for node in self._of]
            if not same or time.monotonic() >= self._until:
                self._known = {vitals.name: vitals for vitals in await self._ask(nodes)}
                self._of, self._until = nodes, time.monotonic() + REMEMBER_SECONDS
            return self._known
