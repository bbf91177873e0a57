"""The ring page's numbers and states in words."""

from chitram.domain.node_set import Action, Member
from chitram.domain.sizes import byte_words
from chitram.services.ring_ports import Deed, Holding, Vitals
from chitram.services.ring_report import NodeRow, age_words

UNKNOWN = "–"

MEANINGS = {
    Action.ADD: (
        "The node joins: within a second every process writes to it and follows it, but nobody reads it until it is "
        "made ready. What is shown here happens then."
    ),
    Action.READY: (
        "Every process reads the node as soon as it has seen it caught up. A node that was drained and has run since "
        "still holds what it held: then fewer reads miss than is shown here."
    ),
    Action.DRAIN: (
        "Within a second nobody reads the node any more, and its keys go to the next nodes. It is still followed and "
        "written to. After a few seconds it can be removed, or made ready again."
    ),
    Action.WEIGHT: "The node gets another number of points on the ring, and with them another share of the keys.",
    Action.REMOVE: (
        "The node leaves the set. Nothing moves: it has not been read since it was drained. Its process can stop."
    ),
}
MAINTENANCE = (
    "Maintenance is draining with the intent to come back: the same state, and “Ready” ends it. The node stays in the "
    "set and is written to while it runs, so what it holds stays right, and it comes back warm; if it was restarted, "
    "cold."
)
_KILL = (
    "kills the process (SIGKILL). Its hits are gone at once and the next nodes serve its keys; no request fails. It is "
    "started again after five seconds, later after up to a minute, and comes back cold, in a new epoch."
)
_FREEZE = (
    "stops the process (SIGSTOP): connections stay open, nothing answers. Reads wait for 100 ms three times, then the "
    "next nodes serve. Thawed, it is read again only when it has caught up with everything written meanwhile."
)
_SLOW = (
    "holds the process 60 ms of every 70. Under traffic its p99 rises to some 60 ms at once; when the median of 64 "
    "reads is above 20 ms and five times that of the others, it is not read until two looks find it fast. Those may "
    "fall into its free moments: then it comes and goes."
)
DEEDS = {
    Deed.KILL: ("Kill", _KILL),
    Deed.FREEZE: ("Freeze 10 s", _FREEZE),
    Deed.SLOW: ("Slow 30 s", _SLOW),
    Deed.HEAL: ("Heal", "ends what is being done to the node."),
}
DOING = {Deed.KILL: "dead, started again by itself", Deed.FREEZE: "frozen", Deed.SLOW: "slowed"}
_KINDS = {
    "value": "holds a value",
    "negative": "holds the note that there is no such thing",
    "lease": "holds a lease: somebody is filling it",
    "nothing": "holds nothing",
    "foreign": "holds something that is not the cache's",
    "no answer": "does not answer",
}


def percent(part: float | None, digits: int = 1) -> str:
    """A part of 1."""
    return UNKNOWN if part is None else f"{part:.{digits}%}"


def duration_words(seconds: float | None) -> str:
    """Milliseconds below a second."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.01:
        return f"{seconds * 1000:.2f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 60 else age_words(seconds)


def memory_words(vitals: Vitals) -> str:
    """Used, and of how much."""
    if vitals.error:
        return vitals.error
    limit = f" of {byte_words(vitals.memory_limit)}" if vitals.memory_limit else ""
    return f"{byte_words(vitals.memory)}{limit}"


def state_words(row: NodeRow) -> str:
    """What state a node is in, and why if that is no good one."""
    if row.live is None:
        return "not taken over yet"
    if row.down:
        return f"down: {row.live.cause}" if row.live.cause else "down"
    if row.stored.state is not Member.UP:
        return {Member.DRAINING: "draining, not read", Member.JOINING: "joining, not read yet"}[row.stored.state]
    return "serving" if row.serving else "not read: catching up"


def tone(row: NodeRow) -> str:
    """The state's colour: `ok`, `warn` or `danger`."""
    if row.down:
        return "danger"
    return "ok" if row.serving else "warn"


def holding_words(holding: Holding) -> str:
    """What a node holds, as a predicate."""
    return _KINDS[holding.kind]
