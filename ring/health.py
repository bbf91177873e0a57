"""The breaker of one node: states in a table, one mutator. Time and measurements come as arguments.

Whether a node is *trusted* is another question (see `fencing`): a healthy node may be behind, a trusted one slow.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import median


class Health(StrEnum):
    """`down` and `recovering` nodes are not read; only the follower still talks to them."""

    UP = "up"
    DOWN = "down"
    RECOVERING = "recovering"


class Signal(StrEnum):
    """What can happen to a node, as far as its breaker is concerned."""

    REPLY = "reply"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    SLOW = "slow"
    PASSED = "pass"
    FAILED = "failed pass"


@dataclass(frozen=True, slots=True)
class Change:
    """The breaker moved."""

    old: Health
    new: Health
    cause: str


TIMEOUTS_TO_OPEN = 3
PASSES_TO_CLOSE = 2

_MOVES: Mapping[tuple[Health, Signal], Health] = {
    (Health.UP, Signal.UNREACHABLE): Health.DOWN,
    (Health.UP, Signal.FAILED): Health.DOWN,
    (Health.UP, Signal.SLOW): Health.DOWN,
    (Health.DOWN, Signal.PASSED): Health.RECOVERING,
    (Health.RECOVERING, Signal.UNREACHABLE): Health.DOWN,
    (Health.RECOVERING, Signal.FAILED): Health.DOWN,
    (Health.RECOVERING, Signal.TIMEOUT): Health.DOWN,
    (Health.RECOVERING, Signal.SLOW): Health.DOWN,
    (Health.RECOVERING, Signal.PASSED): Health.UP,
}
"""What moves at once. Counted besides: the third timeout in a row opens an `up` node's breaker."""


class Breaker:
    """The health of one node as one process sees it. Starts `up`: a node is innocent, but not yet trusted."""

    def __init__(self) -> None:
        self.state = Health.UP
        self.cause = ""
        self._timeouts = 0
        self._passes = 0

    def feed(self, signal: Signal, cause: str = "") -> Change | None:
        """Take note of a signal; return the change if it moved the breaker."""
        self._timeouts = self._timeouts + 1 if signal is Signal.TIMEOUT else 0
        self._passes = self._passes + 1 if signal is Signal.PASSED and self.state is not Health.UP else 0
        new = self._next(signal)
        if new is self.state:
            return None
        change = Change(self.state, new, cause or signal.value)
        self.state, self.cause = new, "" if new is Health.UP else change.cause
        return change

    def _next(self, signal: Signal) -> Health:
        if self.state is Health.UP and self._timeouts >= TIMEOUTS_TO_OPEN:
            return Health.DOWN
        if self.state is Health.RECOVERING and signal is Signal.PASSED and self._passes < PASSES_TO_CLOSE:
            return self.state
        return _MOVES.get((self.state, signal), self.state)


SLOW_FACTOR = 5.0
SLOW_FLOOR = 0.020
"""Seconds. A node whose median call takes less is never called slow."""


def is_slow(mine: float, others: Iterable[float]) -> bool:
    """Tell whether a node's median latency (seconds) stands out against the other nodes' medians."""
    rest = list(others)
    return bool(rest) and mine > SLOW_FLOOR and mine > SLOW_FACTOR * median(rest)


def may_open_for_slowness(nodes: int, not_up: int) -> bool:
    """Tell whether one more breaker may open for slowness: never leave less than half of the nodes serving."""
    return (not_up + 1) * 2 <= nodes


class Latencies:
    """The durations of the last 64 calls to a node, in seconds."""

    SIZE = 64

    def __init__(self) -> None:
        self._calls: deque[float] = deque(maxlen=self.SIZE)
        self.add = self._calls.append
        """Remember one call, forgetting the oldest. Bound here, since every read adds one."""

    def median(self) -> float | None:
        """Return the median of a full window, None before that."""
        return median(self._calls) if len(self._calls) == self.SIZE else None

    def clear(self) -> None:
        """Forget everything: what was measured before an outage says nothing after it."""
        self._calls.clear()
