"""A snapshot of the ring for pages, health checks and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from ring.health import Health
from ring.logview import LogView
from ring.node import NodeState
from ring.redis_node import RedisNode


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node as this process sees it."""

    name: str
    address: str
    """Without credentials."""
    weight: float
    state: str
    """`down`, else what the operator wants of it: `up`, `joining`, `draining`."""
    trusted: bool
    """It may be read at this moment."""
    verified_age: float | None
    """Seconds since it was last known to have caught up on the present connection."""
    lag: int | None
    """Log entries not yet applied when last asked."""
    ownership: float
    """Its part of all keys, from 0 to 1."""
    cause: str
    """Why it is down; empty otherwise."""
    median_latency: float | None
    """Seconds, of the last 64 reads."""


@dataclass(frozen=True, slots=True)
class Status:
    """The ring as this process sees it."""

    version: int
    ring_hash: str
    vnodes: int
    imbalance: float
    log_reachable: bool
    nodes: tuple[NodeStatus, ...]

    @property
    def serving(self) -> int:
        """How many nodes may be read at this moment."""
        return sum(node.trusted for node in self.nodes)


def status_of(view: LogView, nodes: Mapping[str, RedisNode], now: float) -> Status:
    """Describe the present state; `now` by the cache's clock."""
    ring = view.ring
    shares = ring.shares()
    described = tuple(_describe(nodes[name], shares.get(name, 0.0), now) for name in sorted(nodes))
    return Status(view.version, ring.hash, ring.vnodes, ring.imbalance(), view.reachable, described)


def _describe(node: RedisNode, ownership: float, now: float) -> NodeStatus:
    healthy = node.breaker.state is Health.UP
    age = now - node.trust.verified_at
    return NodeStatus(
        name=node.name,
        address=node.node.endpoint.display,
        weight=node.node.weight,
        state=node.node.state if healthy else Health.DOWN,
        trusted=node.node.state is NodeState.UP and now <= node.trust.until,
        verified_age=None if age == inf else age,
        lag=node.lag,
        ownership=ownership,
        cause=node.breaker.cause,
        median_latency=node.latencies.median(),
    )
