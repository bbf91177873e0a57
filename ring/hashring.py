"""The ring: which nodes a key prefers, in which order, and what a change of the ring would move.

Pure and immutable. Nothing about health may enter here: a node that is down stays on the ring and is passed over.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TypeVar

from ring.hashing import LAST_SLOT, SLOTS, fingerprint, hash_32, points
from ring.node import Node, NodeState

VNODES = 150
_SHIFT = 64 - 16

Order = tuple[str, ...]
T = TypeVar("T")


class HashRing:
    """A consistent-hash ring over the `up` nodes, with constant-time lookup.

    Each node has `round(vnodes × weight)` points; the count is absolute, so that adding a node moves keys to it and
    nothing between the others. Name, seed and salt say where they lie. Passing over a node gives the same answer as a
    ring built without it. A key is a string or its UTF-8 bytes.

    Not given: the ring knows nothing of health or replicas, and balance is statistical (see `choose_salt`, and
    `choose_seed` for a node that joins).
    """

    def __init__(self, nodes: Iterable[Node], vnodes: int = VNODES, salt: int = 0) -> None:
        self.nodes = tuple(sorted((n for n in nodes if n.state is NodeState.UP), key=lambda node: node.name))
        self.vnodes = vnodes
        self.salt = salt
        self.points = _sorted_points(self.nodes, vnodes, salt)
        self._runs = _runs([position for position, _ in self.points], _orders(self.points))
        self.slots: list[Order] = self.table(lambda order: order)

    def preference(self, key: str | bytes) -> Order:
        """Return all nodes' names in the order in which they may serve the key; the first is its owner."""
        return self.slots[hash_32(key if key.isascii() else encode(key)) & LAST_SLOT]

    def route(self, key: str | bytes, down: Collection[str] = ()) -> str | None:
        """Return the first preferred node that is not in `down`, or None when there is none."""
        for name in self.slots[hash_32(key if key.isascii() else encode(key)) & LAST_SLOT]:
            if name not in down:
                return name
        return None

    def router(self, down: Collection[str] = ()) -> Callable[[str | bytes], str | None]:
        """Return a `route` that holds as long as `down` stays as it is: no look-up walks a preference list any more."""
        serving = self.table(lambda order: next((name for name in order if name not in down), None))

        def route(key: str | bytes) -> str | None:
            return serving[hash_32(key if key.isascii() else encode(key)) & LAST_SLOT]

        return route

    def table(self, make: Callable[[Order], T]) -> list[T]:
        """Return a table over all slots of what `make` makes of a slot's preference list; it is asked once per list."""
        made = {order: make(order) for order in {order for order, _ in self._runs}}
        slots: list[T] = []
        for order, length in self._runs:
            slots.extend([made[order]] * length)
        return slots

    def shares(self) -> dict[str, float]:
        """Return the part of the slots (hence of the keys) that each node owns; the parts add up to 1."""
        counts = dict.fromkeys((node.name for node in self.nodes), 0)
        for order, length in self._runs:
            if order:
                counts[order[0]] += length
        return {name: count / SLOTS for name, count in counts.items()}

    def imbalance(self) -> float:
        """Return the largest ratio of a node's share to what its weight would give it; 1.0 is perfect."""
        return imbalance_of(self.shares(), {node.name: node.weight for node in self.nodes})

    @property
    def hash(self) -> str:
        """Eight digits that differ when two processes would place keys differently."""
        members = ",".join(f"{n.name}*{n.weight:g}{f'+{n.seed}' if n.seed else ''}" for n in self.nodes)
        return fingerprint(f"{self.salt}|{self.vnodes}|{members}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change of the ring would do, to be read before it is committed."""

    before: Mapping[str, float]
    after: Mapping[str, float]
    moves: Mapping[tuple[str | None, str | None], float]
    """(from, to) → part of all keys whose owner changes so; None stands for "no node"."""

    @property
    def moved(self) -> float:
        """The part of all keys that gets another owner, and therefore starts cold."""
        return sum(self.moves.values())


def plan(before: HashRing, after: HashRing) -> Plan:
    """Compare two rings slot by slot."""
    counts: dict[tuple[str | None, str | None], int] = {}
    for old, new in zip(before.slots, after.slots, strict=True):
        pair = (old[0] if old else None, new[0] if new else None)
        if pair[0] != pair[1]:
            counts[pair] = counts.get(pair, 0) + 1
    moves = {pair: count / SLOTS for pair, count in sorted(counts.items(), key=str)}
    return Plan(before.shares(), after.shares(), moves)


EVEN = 1.045
_FEWEST, _MOST, _POINTS = 64, 2048, 2_000_000


def choose_salt(nodes: Iterable[Node | str], vnodes: int = VNODES) -> int:
    """Return the salt under which these nodes' shares are the most even, out of 64.

    More are tried only until one gives a largest share of at most `EVEN` times its due, which three to five nodes have
    among the first 64 and ten nodes mostly among a few hundred; for at most about a second. Not promised for more.

    The salt belongs to the ring's identity: store it with the node set and change it only on purpose,
    because another salt moves nearly every key.
    """
    members = [Node(node, "localhost") if isinstance(node, str) else node for node in nodes]
    weights = {node.name: node.weight for node in members}

    def score(salt: int) -> float:
        return imbalance_of(_arc_shares(_sorted_points(members, vnodes, salt)), weights)

    if not members:
        return 0
    most = max(_FEWEST, min(_MOST, _POINTS // sum(point_count(node, vnodes) for node in members)))
    scored = ((score(salt), salt) for salt in range(most))
    best = min(islice(scored, _FEWEST))
    while best[0] > EVEN and (candidate := next(scored, None)):
        best = min(best, candidate)
    return best[1]


def encode(key: str | bytes) -> bytes:
    """Return a key's bytes; lone surrogates, which UTF-8 refuses, are let through."""
    return key if isinstance(key, bytes) else key.encode("utf-8", "surrogatepass")


def point_count(node: Node, vnodes: int) -> int:
    """Return how many points a node has; another weight adds to them or drops the last ones."""
    return max(1, round(vnodes * node.weight))


def placed(node: Node, vnodes: int, salt: int) -> list[int]:
    """Return the positions of a node's points. Its seed moves them, and nobody else's."""
    return points(node.name, point_count(node, vnodes), salt + node.seed)


def slots_up_to(position: int) -> int:
    """Return how many slots start at or before a position."""
    return (position >> _SHIFT) + 1


def imbalance_of(shares: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the largest ratio of a share to what its node's weight would give it."""
    total = sum(weights.values())
    return max((share * total / weights[name] for name, share in shares.items()), default=1.0)


def _sorted_points(nodes: Iterable[Node], vnodes: int, salt: int) -> list[tuple[int, str]]:
    # Sorted by (position, name): both of two colliding points stay, so the order of insertion cannot matter.
    members = {node.name: node for node in nodes}
    return sorted((position, name) for name, node in members.items() for position in placed(node, vnodes, salt))


def _orders(ring: list[tuple[int, str]]) -> list[Order]:
    """Return the preference list at each point: its owner, then the next point's list without that owner.

    Walking backwards makes this one short step a point instead of a walk around the ring; equal lists are shared.
    """
    if not ring:
        return []
    shared: dict[Order, Order] = {}
    order: Order = tuple(dict.fromkeys(name for _, name in ring))
    orders: list[Order] = []
    for _, owner in reversed(ring):
        if order[0] != owner:
            order = (owner, *(name for name in order if name != owner))
        order = shared.setdefault(order, order)
        orders.append(order)
    orders.reverse()
    return orders


def _runs(positions: list[int], orders: list[Order]) -> list[tuple[Order, int]]:
    """Return how many slots each point's list holds for: those that start (`slot << 48`) after the previous point.

    A slot goes to the first point at or after its start, around the end of the ring.
    """
    if not orders:
        return [((), SLOTS)]
    ends = [slots_up_to(position) for position in positions]
    runs = [(order, end - start) for order, start, end in zip(orders, [0, *ends], ends, strict=False)]
    return [*runs, (orders[0], SLOTS - ends[-1])]


def _arc_shares(ring: list[tuple[int, str]]) -> dict[str, float]:
    shares: dict[str, float] = {}
    closed = [(ring[-1][0] - (1 << 64), ring[-1][1]), *ring]
    for (start, _), (end, name) in pairwise(closed):
        shares[name] = shares.get(name, 0.0) + (end - start) / (1 << 64)
    return shares
