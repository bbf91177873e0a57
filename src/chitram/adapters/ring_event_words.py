"""The ring's events in words, for people who look at the ring page."""

from ring.events import (
    AckWaited,
    Event,
    Initialised,
    Invalidated,
    LogUnreachable,
    RefreshFailed,
    Replayed,
    Transition,
    TrustChanged,
)

READ, UNREAD = "may be read", "is not read any more"
_COLD = {
    "empty": "it had no ring record: it was empty, or new",
    "pruned": "it was away for longer than the log is kept",
    "gap": "rows of the log are missing",
    "future": "the log was set back",
    "log": "the database was made anew or restored",
}

Told = tuple[str | None, str, str, bool | None]
"""Node, what happened, why, and whether that is good."""


def told_of(event: Event) -> Told | None:
    """``None`` for what is too usual to be told."""
    return _of_health(event) or _of_log(event)


def _of_health(event: Event) -> Told | None:
    told: Told | None = None
    match event:
        case Transition(node=node, old=old, new=new, cause=cause) if new != "recovering":
            told = node, f"{old} → {new}", cause, new == "up"
        case TrustChanged(node=node, trusted=trusted, cause=cause):
            told = node, READ if trusted else UNREAD, cause, trusted
        case RefreshFailed(node=node, error=error):
            told = node, "an early refresh failed", error, False
        case _:
            pass
    return told


def _of_log(event: Event) -> Told | None:
    told: Told | None = None
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
