"""Node sets whose rings are built once for all schedules, and whose tables are made only where they are looked at."""

from collections.abc import Sequence
from functools import lru_cache

from ring import Membership, NodeState
from ring.hashring import HashRing


class SharedMembership(Membership):
    """A node set that does not build a ring for each process anew. The ring is the library's own, all slots of it."""

    def ring(self):
        return _ring(tuple(node for node in self.nodes if node.state is NodeState.UP), self.vnodes, self.salt)


class _Table(Sequence):  # type: ignore[type-arg]  # of whatever was made of a preference list
    """What `HashRing.table` returns, without 65,536 entries of which a schedule looks at two."""

    def __init__(self, orders, made):
        self._orders, self._made = orders, made

    def __len__(self):
        return len(self._orders)

    def __getitem__(self, slot):
        return self._made[self._orders[slot]]


@lru_cache(maxsize=128)
def _ring(nodes, vnodes, salt):
    ring = HashRing(nodes, vnodes, salt)
    orders: list[tuple[str, ...]] = []
    ring.table(orders.append)
    slots = ring.slots  # not the ring itself: a ring that knows itself outlives its place in the cache
    setattr(ring, "table", lambda make: _Table(slots, {order: make(order) for order in orders}))  # noqa: B010  # another type
    return ring
