"""The node set as an operator changes it: which changes are allowed, and what they make of it.

A node leaves in two steps, because other processes may still be reading it when the first one is written: *draining*
(nobody reads it any more, every writer still reaches it) for at least the drain time, then removed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from chitram.domain.errors import Conflict, NotFound


class Member(StrEnum):
    """What the operator wants of a node. Whether it answers is another matter."""

    UP = "up"
    JOINING = "joining"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class RingNode:
    """One node of the set; *since* is how many seconds it has been in its state, *seed* decides where it lies."""

    name: str
    address: str
    weight: float = 1.0
    state: Member = Member.UP
    since: float = 0.0
    seed: int = 0


class Action(StrEnum):
    """What can be done to one node."""

    ADD = "add"
    READY = "ready"
    DRAIN = "drain"
    WEIGHT = "weight"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class NodeChange:
    """One change. *address* belongs to ``add``, *weight* to ``add`` and ``weight``."""

    action: Action
    name: str
    address: str = ""
    weight: float = 1.0


def changed(nodes: Sequence[RingNode], change: NodeChange, *, drain_seconds: float) -> tuple[RingNode, ...]:
    """The node set after *change*. Raises ``NotFound`` and ``Conflict`` with a sentence that says what to do."""
    by_name = {node.name: node for node in nodes}
    if change.action is Action.ADD:
        if change.name in by_name:
            raise Conflict(f"There is a node {change.name} already.")
        by_name[change.name] = RingNode(change.name, change.address, change.weight, Member.JOINING)
    elif change.name not in by_name:
        raise NotFound(f"There is no node {change.name}; there are {', '.join(by_name) or 'none'}.")
    elif change.action is Action.REMOVE:
        _require_drained(by_name.pop(change.name), drain_seconds)
    else:
        by_name[change.name] = _altered(by_name[change.name], change)
    return tuple(sorted(by_name.values(), key=lambda node: node.name))


def unread(nodes: Sequence[RingNode], change: NodeChange) -> bool:
    """Whether no process has read *change*'s node yet: where its keys lie may still be chosen."""
    return all(node.state is Member.JOINING for node in nodes if node.name == change.name)


def _altered(node: RingNode, change: NodeChange) -> RingNode:
    if change.action is Action.WEIGHT:
        return replace(node, weight=change.weight)
    wanted = Member.DRAINING if change.action is Action.DRAIN else Member.UP
    if node.state is wanted:
        raise Conflict(f"Node {node.name} is {wanted} already.")
    return replace(node, state=wanted, since=0.0)


def _require_drained(node: RingNode, drain_seconds: float) -> None:
    if node.state is not Member.DRAINING:
        raise Conflict(f"Node {node.name} is {node.state}: drain it first, so that nobody reads it when it goes.")
    if node.since < drain_seconds:
        left = drain_seconds - node.since
        raise Conflict(f"Node {node.name} is draining; it can go in {left:.1f} s.")
