"""What the ring tells of itself, as log lines: every change of a node's state with its cause, and what waits for it.

How often these come is bounded by the ring: a node changes its state only as fast as the follower's backoff lets it.
What comes with every write or read while a node is away is for debugging only.
"""

from collections.abc import Callable
from contextvars import Context

from chitram.logs import get_logger
from ring import Observer
from ring.events import (
    AckWaited,
    Event,
    Filled,
    Initialised,
    Invalidated,
    LogUnreachable,
    MembersChanged,
    RefreshFailed,
    Replayed,
    Transition,
    TrustChanged,
)

log = get_logger("chitram.ring")

_EXPECTED = frozenset({"node set changed", "left the node set"})


class LoggedRing:
    """An observer that passes everything on to another one, and writes rare events down. A read costs nothing more."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.op: Callable[[str, str, str, float], None] = observer.op

    def event(self, event: Event) -> None:
        """Pass an event on, and log it."""
        self._observer.event(event)
        match event:
            case AckWaited(nodes=nodes, seconds=seconds):
                log.info("a write waits until nobody reads what it replaced", nodes=list(nodes), seconds=seconds)
            case Invalidated(node=node, result=result, keys=keys) if result != "applied":
                log.debug("a write could not be brought to a node", node=node, result=result, keys=keys)
            case Filled(node=node, result=result) if result != "stored":
                log.debug("a value was not stored", node=node, result=result)
            case Invalidated() | Filled():
                pass
            case _:
                # A follower may have been started by a request that changed the node set, and outlives it.
                Context().run(_log_change, event)


def _log_change(event: Event) -> None:
    match event:
        case Transition(node=node, old=old, new=new, cause=cause):
            say = log.warning if new == "down" else log.info
            say(f"a node is {new}", node=node, was=old, cause=cause)
        case TrustChanged(node=node, trusted=True, cause=cause):
            log.info("a node is read", node=node, cause=cause)
        case TrustChanged(node=node, cause=cause):
            say = log.info if cause in _EXPECTED else log.warning
            say("a node is not read any more", node=node, cause=cause)
        case Initialised(node=node, cause=cause):
            say = log.debug if cause == "empty" else log.warning  # a cache that keeps nothing is empty at each start
            say("a node starts cold", node=node, cause=cause)
        case MembersChanged(version=version, ring_hash=ring_hash, nodes=nodes):
            log.info("another node set is in use", version=version, ring=ring_hash, nodes=list(nodes))
        case LogUnreachable(reachable=True):
            log.info("the invalidation log can be read again")
        case LogUnreachable(cause=cause):
            log.error("the invalidation log cannot be read: nodes are not trusted until it can", cause=cause)
        case _:
            _log_detail(event)


def _log_detail(event: Event) -> None:
    match event:
        case Replayed(node=node, entries=entries):
            log.debug("a node was told what it had missed", node=node, entries=entries)
        case RefreshFailed(node=node, error=error):
            log.debug("an early refresh could not load", node=node, error=error)
        case _:
            pass
