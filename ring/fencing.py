"""The protocol's decisions, pure: when a node may be read, what a follower does next, when a write is acknowledged.

The guarantees that follow from them, for every answer that is not marked stale:

G1  No read returns a version that the database had superseded more than `d_read` before the read started.
G2  A read that starts after an update or delete was acknowledged never returns an older version, in any process.
G3  No failure of a node fails a read. A write waits at most `d_wait`, and only for a node that could not be reached.

They assume that loads read the primary at read committed or better; that a restarted node holds some prefix of its own
command history; that monotonic clocks of two processes drift apart by less than 1 in 1,000 and do not stand still while
a process lives on elsewhere (a virtual machine that is frozen and thawed breaks this); that one connection leads to one
server, which executes each of its commands at most once (no proxy that reconnects or resends behind it). Not given: a
key has one copy; nothing is replicated.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import NamedTuple

from ring.hashring import HashRing
from ring.node import NodeState
from ring.ports import Commit, Entry, Fences, Head, Membership


@dataclass(frozen=True, slots=True)
class Timing:
    """The two durations, in seconds, on which readers and writers agree. Equal in all processes of one log."""

    d_read: float = 2.0
    drift: float = 1e-3
    margin: float = 0.05

    @property
    def d_wait(self) -> float:
        """After this long every reader's trust from before a commit has run out, whatever its clock's drift."""
        return self.d_read * (1 + self.drift) + self.margin


class Record(NamedTuple):
    """A node's ring record: all log entries up to `cursor` are applied on it."""

    epoch: bytes
    cursor: int
    log: str


class Trust:
    """What this process may believe about one node on its present connection: the read rule.

    A node may be read only while `now <= until`. The epoch outlives the trust, but not the connection.
    """

    __slots__ = ("_timing", "epoch", "until", "verified_at")

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self.forget()

    def verify(self, asked: float, epoch: bytes) -> None:
        """Trust the node for `d_read` from `asked`, the moment *before* the head was read that the node has reached."""
        self.verified_at, self.epoch = asked, epoch
        self.until = asked + self._timing.d_read

    def revoke(self) -> None:
        """Do not read the node until it is verified again."""
        self.until = -inf

    def forget(self) -> None:
        """The connection is gone; what was known was known of that connection."""
        self.until = self.verified_at = -inf
        self.epoch = b""


class Step(Enum):
    """What a follower does next with a node."""

    DONE = "done"
    REPLAY = "replay"
    INITIALISE = "initialise"
    ASK_AGAIN = "ask again"


def next_step(head: Head, record: Record | None) -> tuple[Step, str]:
    """Decide from the head and the node's record, read after it; with the cause of an initialisation.

    A cursor beyond the head is either a write that committed after the head was read, or the trace of a log that was
    set back (a restored database): only a head read after the record tells which.
    """
    if record is None:
        return Step.INITIALISE, "empty"
    if record.log != head.log:
        return Step.INITIALISE, "log"
    if record.cursor > head.id:
        return Step.ASK_AGAIN, "future"
    return (Step.REPLAY, "") if record.cursor < head.id else (Step.DONE, "")


def is_contiguous(cursor: int, entries: Iterable[Entry]) -> bool:
    """Tell whether these entries follow the cursor without a gap; a gap means that rows were pruned."""
    expected = cursor
    for entry in entries:
        expected += 1
        if entry.id != expected:
            return False
    return expected > cursor


def may_verify(name: str, head: Head, version: int) -> bool:
    """Tell whether a node that has reached this head may be trusted under this version of the node set.

    An older version's head knows nothing of the writes that were brought only to the nodes of the newer one, and a
    fenced node may lack writes that did not wait for it.
    """
    return head.version == version and name not in head.fences


class FenceSightings:
    """Since when this process knows of each fence, by its own clock: no two machines' clocks are compared."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}

    def note(self, fences: Fences, now: float) -> None:
        """Take note of the fences in a head; `now` is read after the head arrived, when they are surely committed."""
        known = self._seen
        self._seen = {
            name: known[name] if name in known and known[name][0] == number else (number, now)
            for name, number in fences.items()
        }

    def since(self, name: str, number: int) -> float | None:
        """Return when this very fence was first seen, None if it was not."""
        seen = self._seen.get(name)
        return seen[1] if seen and seen[0] == number else None


def acknowledge_at(name: str, commit: Commit, committed: float, sightings: FenceSightings, timing: Timing) -> float:
    """Return when a write that node `name` did not take may be acknowledged.

    All trust from before the commit has run out `d_wait` after it. If the write's transaction saw the node fenced, then
    nobody has trusted it since `d_wait` after the fence, and whoever clears the fence will first bring it this write.
    """
    number = commit.fences.get(name)
    fenced = None if number is None else sightings.since(name, number)
    return (committed if fenced is None else min(committed, fenced)) + timing.d_wait


def write_targets(
    membership: Membership, ring: HashRing, keys: Iterable[str], reach: int, *, everyone: bool
) -> dict[str, list[int]]:
    """Return for each node the indices of the keys that a write must bring to it.

    A key is read only from the first `reach` nodes of its preference list. `everyone` holds for `d_wait` after a change
    of the node set, while readers may still use the list as it was.
    """
    wanted = list(keys)
    if everyone or len(ring.nodes) <= reach:
        names = [node.name for node in (membership.nodes if everyone else ring.nodes)]
        return {name: list(range(len(wanted))) for name in names}
    targets: dict[str, list[int]] = {}
    for index, key in enumerate(wanted):
        for name in ring.preference(key)[:reach]:
            targets.setdefault(name, []).append(index)
    return targets


def left_in_haste(before: Membership, after: Membership) -> bool:
    """Tell whether a node that was read has left without having been drained, a change of its address included.

    Who has not heard of it yet may read it for `d_wait`, and no writer can tell it anything any more: so writes wait.
    """
    stays = {(node.name, node.address) for node in after.nodes}
    return any(node.state is NodeState.UP and (node.name, node.address) not in stays for node in before.nodes)


def spans(commit: Commit, indices: Iterable[int], most: int) -> list[tuple[int, tuple[str, ...]]]:
    """Cut a write into runs of consecutive log entries, (first id, keys), of at most `most` keys each."""
    runs: list[tuple[int, list[str]]] = []
    for index in indices:
        position = commit.first + index
        if runs and position == runs[-1][0] + len(runs[-1][1]) and len(runs[-1][1]) < most:
            runs[-1][1].append(commit.keys[index])
        else:
            runs.append((position, [commit.keys[index]]))
    return [(first, tuple(keys)) for first, keys in runs]
