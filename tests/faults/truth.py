"""What every read may show, decided from outside: what was acknowledged, and what was seen to be committed, when.

An image's versions are the numbers that were written as its title, in order; a deleted image is a version above all
numbers. One write at a time is under way for an image, so that its versions are committed in that order even if the
outcome of one of them is never learnt.
"""

from bisect import bisect_right
from math import inf

GONE = inf
"""The version of an image that was deleted."""


class History:
    """One image's versions. Times are seconds of one monotonic clock, the checker's own."""

    def __init__(self, now: float) -> None:
        self.acknowledged: float = 0
        self.attempted: float = 0
        self._newest = 0
        self._times = [now]
        self._versions: list[float] = [0]

    @property
    def gone(self) -> bool:
        """Whether a delete was acknowledged, or seen to be committed."""
        return self._versions[-1] == GONE

    def next(self) -> int:
        """A number that was never written yet; it is about to be."""
        self._newest += 1
        self.attempt(self._newest)
        return self._newest

    def attempt(self, version: float) -> None:
        """A write of this version is sent: from now on it may be seen."""
        self.attempted = max(self.attempted, version)

    def acknowledge(self, version: float, now: float) -> None:
        """The client was told that it is done: from now on nothing older may be seen, by anybody."""
        self.acknowledged = max(self.acknowledged, version)
        self.see(version, now)

    def see(self, version: float, now: float) -> None:
        """Somebody has this version, so it was committed before now."""
        if version > self._versions[-1]:
            self._times.append(now)
            self._versions.append(version)

    def committed_by(self, moment: float) -> float:
        """The newest version known to have been committed before this moment."""
        return self._versions[max(0, bisect_right(self._times, moment) - 1)]


def verdict(history: History, version: float, *, acknowledged: float, began: float, d_read: float) -> str:
    """What is wrong with a read that began then and showed this version; nothing if nothing is.

    `acknowledged` is the history's value at the moment when the read began. G1 is checked with the moment at which the
    newer version was first *seen*, which is after its commit: an older one may be missed, never wrongly accused.
    """
    if version > history.attempted:
        return "never written" if version != GONE else "missing, though nobody deleted it"
    if version < acknowledged:
        return f"stale: older than {_name(acknowledged)}, which was acknowledged before the read began (G2)"
    if version < (newer := history.committed_by(began - d_read)):
        return f"stale: {_name(newer)} had been committed more than {d_read} s before the read began (G1)"
    return ""


def _name(version: float) -> str:
    return "the delete" if version == GONE else f"version {version:g}"
