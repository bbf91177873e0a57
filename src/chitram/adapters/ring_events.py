"""The ring's events in words and in memory, and the observer that hands them to everybody who wants them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from chitram.services.ring_ports import RingEvent
from ring import Observer
from ring.events import (
    AckWaited,
    Event,
    Filled,
    Initialised,
    Invalidated,
    Loading,
    LogUnreachable,
    MembersChanged,
    RefreshFailed,
    Replayed,
    Transition,
    TrustChanged,
)

KEPT = 50
_USUAL = frozenset({Filled, Loading})
_READ, _UNREAD = "may be read", "is not read any more"
_COLD = {
    "empty": "it had no ring record: it was empty, or new",
    "pruned": "it was away for longer than the log is kept",
    "gap": "rows of the log are missing",
    "future": "the log was set back",
    "log": "the database was made anew or restored",
}


class RecentEvents:
    """The last fifty, for the ring page. What is said twice in a row is counted instead."""

    def __init__(self) -> None:
        self._events: deque[RingEvent] = deque(maxlen=KEPT)
        self._version: int | None = None
        self._names: tuple[str, ...] = ()
        self._trusted: set[str] = set()
        self.changed_at: datetime | None = None

    def latest(self) -> Sequence[RingEvent]:
        """Newest first."""
        return tuple(reversed(self._events))

    def note(self, event: RingEvent) -> None:
        """Add one."""
        last = self._events[-1] if self._events else None
        if last is not None and replace(event, at=last.at, times=last.times) == last:
            event = replace(event, times=last.times + 1)
            self._events.pop()
        elif last is not None and (last.node, last.what, last.cause) == (event.node, _UNREAD, event.cause):
            self._events.pop()  # the breaker opened, which says it
        self._events.append(event)

    def event(self, event: Event) -> None:
        """Called by the ring."""
        if type(event) in _USUAL:  # those come with every miss
            return
        if isinstance(event, TrustChanged):
            (self._trusted.add if event.trusted else self._trusted.discard)(event.node)
        if isinstance(event, MembersChanged):
            self._note_members(event)
        elif not self._is_news(event):
            return
        elif (told := _told(event)) is not None:
            node, what, cause, good = told
            self.note(RingEvent(datetime.now(UTC), node, what, cause, good))

    def _is_news(self, event: Event) -> bool:
        """What every write brings about is none: a replay on the nodes that its keys are not read from, and a failure
        on one that nobody reads.
        """
        if isinstance(event, Replayed):
            return event.node not in self._trusted
        return not isinstance(event, Invalidated) or event.node in self._trusted

    def _note_members(self, event: MembersChanged) -> None:
        now = datetime.now(UTC)
        came = [name for name in event.nodes if name not in self._names]
        left = [name for name in self._names if name not in event.nodes]
        first, self._names = self._version is None, event.nodes
        self._version = event.version
        changes = [*(f"{name} came" for name in came), *(f"{name} left" for name in left)]
        cause = "read from the database" if first else ", ".join(changes) or "a state or a weight changed"
        if not first:
            self.changed_at = now
        self.note(RingEvent(now, None, f"node set version {event.version}, ring {event.ring_hash}", cause))


class Observers:
    """Hands the ring's events to several. Reads go to the first alone, without another call in between: this is on the
    path of every hit.
    """

    def __init__(self, counting: Observer, *others: RecentEvents) -> None:
        self.op = counting.op
        self._all: tuple[Observer | RecentEvents, ...] = (counting, *others)

    def event(self, event: Event) -> None:
        """A rare event."""
        for observer in self._all:
            observer.event(event)


_Told = tuple[str | None, str, str, bool | None]
"""Node, what happened, why, and whether that is good."""


def _told(event: Event) -> _Told | None:
    """``None`` for what is too usual to be told."""
    return _of_health(event) or _of_log(event)


def _of_health(event: Event) -> _Told | None:
    told: _Told | None = None
    match event:
        case Transition(node=node, old=old, new=new, cause=cause) if new != "recovering":
            told = node, f"{old} → {new}", cause, new == "up"
        case TrustChanged(node=node, trusted=trusted, cause=cause):
            told = node, _READ if trusted else _UNREAD, cause, trusted
        case RefreshFailed(node=node, error=error):
            told = node, "an early refresh failed", error, False
        case _:
            pass
    return told


def _of_log(event: Event) -> _Told | None:
    told: _Told | None = None
    match event:
        case Initialised(node=node, cause=cause):
            told = node, "starts cold, in a new epoch", _COLD.get(cause, cause), None
        case Replayed(node=node, entries=entries):
            told = node, f"caught up by {entries} log {'entry' if entries == 1 else 'entries'}", "from the log", None
        case Invalidated(node=node, result="error"):
            told = node, "missed a write's invalidation", "it could not be reached; the log brings it later", False
        case AckWaited(nodes=nodes, seconds=seconds):
            told = None, f"a write waited {seconds:.1f} s", f"for {', '.join(nodes) or 'an older node set'}", None
        case LogUnreachable(reachable=reachable, cause=cause):
            told = None, f"the log {'can be read again' if reachable else 'cannot be read'}", cause, reachable
        case _:
            pass
    return told
