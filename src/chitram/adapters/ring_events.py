"""The ring's last events in memory, and the observer that hands them to everybody who wants them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from chitram.adapters.ring_event_words import UNREAD, told_of
from chitram.services.ring_ports import RingEvent
from ring import Observer
from ring.events import (
    Event,
    Filled,
    Invalidated,
    Loading,
    MembersChanged,
    Replayed,
    Transition,
    TrustChanged,
)

KEPT = 50
_USUAL = frozenset({Filled, Loading})
_EXPECTED = frozenset({"node set changed", "left the node set"})


class RecentEvents:
    """The last fifty, for the ring page. What is said twice in a row is counted instead."""

    def __init__(self) -> None:
        self._events: deque[RingEvent] = deque(maxlen=KEPT)
        self._version: int | None = None
        self._names: tuple[str, ...] = ()
        self._trusted: set[str] = set()
        self._moving: set[str] = set()
        """Not read for a moment, because the node set changed: neither that nor its end is news."""
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
        elif last is not None and (last.node, last.what, last.cause) == (event.node, UNREAD, event.cause):
            self._events.pop()  # the breaker opened, which says it
        self._events.append(event)

    def event(self, event: Event) -> None:
        """Called by the ring."""
        if type(event) in _USUAL:  # those come with every miss
            return
        if isinstance(event, MembersChanged):
            self._note_members(event)
        elif not self._is_news(event):
            return
        elif (told := told_of(event)) is not None:
            node, what, cause, good = told
            self.note(RingEvent(datetime.now(UTC), node, what, cause, good))

    def _is_news(self, event: Event) -> bool:
        """What every write brings about is none: a replay on the nodes that its keys are not read from, and a failure
        on one that nobody reads.
        """
        match event:
            case TrustChanged():
                return self._is_news_of_trust(event)
            case Transition(node=node):
                self._moving.discard(node)
            case Replayed(node=node):
                return node not in self._trusted
            case Invalidated(node=node):
                return node in self._trusted
            case _:
                pass
        return True

    def _is_news_of_trust(self, event: TrustChanged) -> bool:
        node, moved = event.node, event.node in self._moving
        (self._trusted.add if event.trusted else self._trusted.discard)(node)
        moving = not event.trusted and event.cause in _EXPECTED
        (self._moving.add if moving else self._moving.discard)(node)
        return not moving and not (event.trusted and moved)

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
