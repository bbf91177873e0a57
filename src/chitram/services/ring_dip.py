"""What a change of the node set will do to the hit ratio, before it is made.

A key that gets another node misses once, and is then filled there. So of the reads of one node, the part whose keys
move away stops hitting, until each of those keys has been read once::

    hits after = Σ over nodes: reads × hit ratio × (1 − part of its keys that moves)

Reads and hit ratios are those of the last minute in this process. Assumed: a node's keys are read equally often. Where
few keys get most of the reads, they are warm again after a few seconds and the dip is shorter than it is deep. A node
that comes back from draining may still hold what it had: then the dip is smaller.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chitram.services.node_set_ports import NodePlan
from chitram.services.ring_traffic import NodeTraffic, hit_ratio


@dataclass(frozen=True, slots=True)
class Dip:
    """The hit ratio now and right after the change; both ``None`` where nothing was read in the last minute."""

    moved: float
    now: float | None
    after: float | None

    @property
    def sentence(self) -> str:
        """In words and numbers."""
        if not self.moved:
            return "No key moves, so no read gets slower."
        cold = "Each key that moves starts cold and costs one read of the database"
        if self.now is None or self.after is None:
            return f"{cold}. Nothing was read in the last minute, so there is no hit ratio to expect a dip of."
        return (
            f"{cold}. The hit ratio falls from {self.now:.0%} to about {self.after:.0%} right after and recovers as "
            "they are read."
        )


def expected_dip(plan: NodePlan, traffic: Mapping[str, NodeTraffic]) -> Dip:
    """See above."""
    read = {name: node for name, node in traffic.items() if plan.before.get(name)}
    now = hit_ratio(read)
    if now is None:
        return Dip(plan.moved, None, None)
    kept = sum(node.hits * (1 - plan.leaving(name) / plan.before[name]) for name, node in read.items())
    return Dip(plan.moved, now, kept / sum(node.reads for node in read.values()))
