"""Vitals of all nodes for the ring page, within a fraction of a second however the nodes are."""

from collections.abc import Sequence

from chitram.adapters.node_probe import Probe, probe_all
from chitram.domain.node_set import RingNode
from chitram.services.ring_ports import Vitals

ASK_SECONDS = 0.5
"""A frozen node holds the page up for no longer than this."""


class NodeVitals:
    """The port that asks nodes."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    async def __call__(self, nodes: Sequence[RingNode]) -> Sequence[Vitals]:
        """One answer a node. Never raises for a node."""
        return [_vitals(probe) for probe in await probe_all(nodes, self._prefix, ASK_SECONDS)]


def _vitals(probe: Probe) -> Vitals:
    if not probe.up:
        return Vitals(probe.name, error="no answer")
    return Vitals(
        probe.name, memory=probe.memory_bytes, memory_limit=probe.memory_limit, keys=probe.keys, evicted=probe.evicted
    )
