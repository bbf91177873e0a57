"""A cache over many Redis nodes that is never stale. See README.md beside this file for what that does not mean."""

from ring.cache import RingCache
from ring.errors import CacheClosedError
from ring.events import NullObserver, Observer
from ring.filler import Found
from ring.hashring import HashRing, Plan, choose_salt, plan
from ring.joining import choose_seed
from ring.memory_log import MemoryLog
from ring.node import Node, NodeState, parse_nodes
from ring.options import Options
from ring.ports import Commit, Entry, Head, InvalidationLog, Membership
from ring.status import NodeStatus, Status

__all__ = [
    "CacheClosedError",
    "Commit",
    "Entry",
    "Found",
    "HashRing",
    "Head",
    "InvalidationLog",
    "Membership",
    "MemoryLog",
    "Node",
    "NodeState",
    "NodeStatus",
    "NullObserver",
    "Observer",
    "Options",
    "Plan",
    "RingCache",
    "Status",
    "choose_salt",
    "choose_seed",
    "parse_nodes",
    "plan",
]
