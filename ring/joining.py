"""Where a joining node's points should fall, so that it takes its due and leaves the others even.

Pure: whoever plans a join and whoever commits it choose the same, in whichever process.
"""

from bisect import bisect
from dataclasses import replace

from ring.hashing import SLOTS
from ring.hashring import HashRing, imbalance_of, placed, point_count, slots_up_to
from ring.node import Node

CLOSE = 0.005
"""A joining node's share may be this far from its due; of the seeds that are as good, the others' shares decide."""
_FEWEST, _MOST, _POINTS = 16, 512, 38_400


def choose_seed(ring: HashRing, node: Node) -> int:
    """Return the seed with which `node` should join `ring`: 256 are tried for 150 points, fewer for more points.

    Of those that give it its due (its part of the total weight) to within half a point, the one that leaves the ring
    the most even; were there none, the one nearest to its due. Nothing moves between the others, whatever the seed.

    The seed belongs to the ring's identity: store it with the node, and choose another only while nobody reads it.
    Raises ValueError if the node is on the ring already.
    """
    weights = {other.name: other.weight for other in ring.nodes}
    if node.name in weights:
        raise ValueError(f"node {node.name} is on the ring already: another seed would move its keys")
    if not weights:
        return 0
    survivors = Survivors(ring)
    weights[node.name] = node.weight
    due = node.weight / sum(weights.values())

    def score(seed: int) -> tuple[float, float, int]:
        shares = survivors.shares_with(replace(node, seed=seed))
        return max(0.0, abs(shares[node.name] - due) - CLOSE), imbalance_of(shares, weights), seed

    return min(map(score, range(_candidates(node, ring.vnodes))))[-1]


class Survivors:
    """A ring's arcs, to be cut by the points of one more node without building the ring anew."""

    def __init__(self, ring: HashRing) -> None:
        ends = [slots_up_to(position) for position, _ in ring.points]
        owners = [owner for _, owner in ring.points]
        self._ring = ring
        self._shares = ring.shares()
        # Beside the index where a new point would stand: whose arc it cuts, and where that arc begins.
        self._owners = [*owners, owners[0]]
        self._begins = [ends[-1] - SLOTS, *ends]

    def shares_with(self, node: Node) -> dict[str, float]:
        """Return the shares that a ring with this node too would have, to the slot. There must be a node already."""
        taken = self._taken(node)
        shares = {name: share - taken[name] / SLOTS for name, share in self._shares.items()}
        return {**shares, node.name: sum(taken.values()) / SLOTS}

    def _taken(self, node: Node) -> dict[str, int]:
        points, owners, begins = self._ring.points, self._owners, self._begins
        taken = dict.fromkeys(self._shares, 0)
        arrivals = sorted(placed(node, self._ring.vnodes, self._ring.salt))
        before = slots_up_to(arrivals[-1]) - SLOTS
        for position in arrivals:
            index = bisect(points, (position, node.name))
            end = slots_up_to(position)
            taken[owners[index]] += end - max(before, begins[index])
            before = end
        return taken


def _candidates(node: Node, vnodes: int) -> int:
    return max(_FEWEST, min(_MOST, _POINTS // point_count(node, vnodes)))
