"""Where the nodes of a set lie: arcs out of the ring's real points, and a sample of keys placed on them."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from chitram.adapters.images_sql import cache_key
from chitram.domain.node_set import Member
from chitram.services.node_set_ports import NodeSet
from chitram.services.ring_ports import Arc, RingMap
from ring import HashRing, Node

SAMPLE = 10_000
_TURN = float(1 << 64)


class DrawnRings:
    """The port that draws node sets; remembers the last one."""

    def __init__(self) -> None:
        self._key: object = None
        self._map = RingMap({}, {}, {}, SAMPLE)

    def of(self, stored: NodeSet) -> RingMap:
        """The map of *stored*."""
        key = (stored.ring_hash, tuple((node.name, node.weight, node.state, node.seed) for node in stored.nodes))
        if key != self._key:
            self._key, self._map = key, _drawn(stored)
        return self._map


def _drawn(stored: NodeSet) -> RingMap:
    names = {node.name for node in stored.nodes if node.state is Member.UP}
    ring = _ring(stored, names)
    whole = ring if len(names) == len(stored.nodes) else _ring(stored, {node.name for node in stored.nodes})
    others = {node.name for node in stored.nodes} - names
    return RingMap(_arcs(ring.points, names), _arcs(whole.points, others), _sampled(ring), SAMPLE)


def _ring(stored: NodeSet, names: set[str]) -> HashRing:
    nodes = [Node(n.name, "localhost", n.weight, seed=n.seed) for n in stored.nodes if n.name in names]
    return HashRing(nodes, stored.vnodes, stored.salt)


def _arcs(points: Sequence[tuple[int, str]], names: Iterable[str]) -> dict[str, tuple[Arc, ...]]:
    """Each point owns what lies between the one before and itself; neighbours of one owner are one arc."""
    arcs: dict[str, list[Arc]] = {name: [] for name in names}
    last_of_runs = [here for here, after in pairwise([*points, *points[:1]]) if here[1] != after[1]]
    if not last_of_runs:
        return {name: ((0.0, 1.0),) if points and name == points[0][1] else () for name in arcs}
    before = last_of_runs[-1][0] / _TURN - 1
    for position, owner in last_of_runs:
        end = position / _TURN
        if owner in arcs:
            arcs[owner].append((before, end))
        before = end
    return {name: tuple(pieces) for name, pieces in arcs.items()}


def _sampled(ring: HashRing) -> dict[str, float]:
    counts = dict.fromkeys((node.name for node in ring.nodes), 0)
    for number in range(SAMPLE if counts else 0):
        counts[ring.preference(cache_key(str(number)))[0]] += 1
    return {name: count / SAMPLE for name, count in counts.items()}
