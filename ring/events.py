"""What the ring tells about itself. It knows no metrics library: an Observer turns events into whatever is wanted.

Per-call facts are plain arguments, since a hit must not pay for an object; rare facts are frozen dataclasses.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_log = logging.getLogger("ring")


@dataclass(frozen=True, slots=True)
class Transition:
    """A node went from one state of health to another."""

    node: str
    old: str
    new: str
    cause: str


@dataclass(frozen=True, slots=True)
class TrustChanged:
    """A node came to be trusted, or ceased to be, by this process."""

    node: str
    trusted: bool
    cause: str


@dataclass(frozen=True, slots=True)
class Loading:
    """A load of so many keys begins. `miss`: the node has them not; `failover`: nor has the one that stands in for
    theirs; `nonode`: none could be asked, or it did not answer; `disabled`: there is none; `refresh`: early, by a hit.
    """

    reason: str
    keys: int = 1


@dataclass(frozen=True, slots=True)
class Filled:
    """A fill ended: `stored`, `lost` (the lease was gone: an invalidation or its expiry came first) or `error`."""

    node: str
    result: str


@dataclass(frozen=True, slots=True)
class RefreshFailed:
    """An early refresh could not load; the entry lives on to its end. `error` is the exception's type."""

    node: str
    error: str


@dataclass(frozen=True, slots=True)
class Invalidated:
    """A write was brought to a node: `applied`, `norecord` (not initialised) or `error`."""

    node: str
    result: str
    keys: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """A follower applied entries that no writer had brought."""

    node: str
    entries: int


@dataclass(frozen=True, slots=True)
class Initialised:
    """A node got a new epoch, so it is cold. `cause`: `empty`, `pruned`, `gap`, `future` or `log`."""

    node: str
    cause: str


@dataclass(frozen=True, slots=True)
class AckWaited:
    """A write was acknowledged late, because these nodes could not be reached."""

    nodes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class MembersChanged:
    """This process took over another version of the node set."""

    version: int
    ring_hash: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogUnreachable:
    """The invalidation log could not be read (`reachable` False), or can be again."""

    reachable: bool
    cause: str


Event = (
    Transition
    | TrustChanged
    | Loading
    | Filled
    | RefreshFailed
    | Invalidated
    | Replayed
    | Initialised
    | AckWaited
    | MembersChanged
    | LogUnreachable
)


class Observer(Protocol):
    """Receives what happens, called from the event loop: it must return at once. What it raises is logged."""

    def op(self, node: str, op: str, result: str, seconds: float) -> None:
        """One read: op `get`, result `hit`, `miss`, `error`, `timeout` or `skipped` (failover; 0 seconds)."""
        ...

    def event(self, event: Event) -> None:
        """A rare event."""
        ...


class NullObserver:
    """Observes nothing."""

    def op(self, node: str, op: str, result: str, seconds: float) -> None:
        """Ignore one read."""

    def event(self, event: Event) -> None:
        """Ignore a rare event."""


class Guarded:
    """An observer whose failures never reach a read or a write; the first one of each kind is logged."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._failed: set[type[Exception]] = set()
        self.op: Callable[[str, str, str, float], None] = (
            self._silent_op if type(observer) is NullObserver else self._op
        )

    def event(self, event: Event) -> None:
        """Pass an event on."""
        try:
            self._observer.event(event)
        except Exception as error:  # an observer's bug is not the reader's
            self._report(error)

    def _op(self, node: str, op: str, result: str, seconds: float) -> None:
        try:
            self._observer.op(node, op, result, seconds)
        except Exception as error:  # an observer's bug is not the reader's
            self._report(error)

    def _silent_op(self, node: str, op: str, result: str, seconds: float) -> None:
        """Ignore one read."""

    def _report(self, error: Exception) -> None:
        if type(error) not in self._failed:
            self._failed.add(type(error))
            _log.warning("ring observer failed; its numbers are incomplete: %r", error)
