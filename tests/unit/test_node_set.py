"""How the node set may change."""

from dataclasses import replace

import pytest

from chitram.domain.errors import Conflict, NotFound
from chitram.domain.node_set import Action, Member, NodeChange, RingNode, changed, unread

DRAIN = 2.0
A, B = RingNode("a", "h:1", since=9.0), RingNode("b", "h:2", since=9.0)


def after(action: Action, name: str, *nodes: RingNode, **fields: object) -> dict[str, RingNode]:
    """The set after one change, by name."""
    change = NodeChange(action, name, **fields)  # type: ignore[arg-type]  # any field, by name
    return {node.name: node for node in changed(nodes, change, drain_seconds=DRAIN)}


def test_a_node_joins_and_is_not_read_yet():
    """Writers reach it first."""
    assert after(Action.ADD, "c", A, B, address="h:3", weight=2.0)["c"] == RingNode("c", "h:3", 2.0, Member.JOINING)


def test_a_node_that_joined_becomes_ready_and_a_draining_one_too():
    """Either is read again."""
    for state in (Member.JOINING, Member.DRAINING):
        assert after(Action.READY, "a", RingNode("a", "h:1", state=state))["a"].state is Member.UP


def test_a_node_leaves_in_two_steps():
    """Not while it is read, and not before every process has stopped reading it."""
    with pytest.raises(Conflict, match="drain it first"):
        after(Action.REMOVE, "a", A, B)
    with pytest.raises(Conflict, match=r"in 1\.5 s"):
        after(Action.REMOVE, "a", RingNode("a", "h:1", state=Member.DRAINING, since=0.5), B)
    assert after(Action.REMOVE, "a", RingNode("a", "h:1", state=Member.DRAINING, since=2.0), B) == {"b": B}


def test_a_weight_changes_nothing_else():
    """The state goes on."""
    assert after(Action.WEIGHT, "a", A, weight=0.5)["a"] == RingNode("a", "h:1", 0.5, since=9.0)


def test_a_seed_stays_with_its_node():
    """Another one would move all of its keys."""
    seeded, other = RingNode("a", "h:1", since=9.0, seed=7), RingNode("b", "h:2", since=9.0)
    draining = after(Action.DRAIN, "a", seeded, other)["a"]
    assert draining.seed == after(Action.READY, "a", draining, other)["a"].seed == 7
    assert after(Action.WEIGHT, "a", seeded, other, weight=2.0)["a"].seed == 7


def test_a_node_is_unread_until_it_is_ready():
    """So long it can be given another place."""
    joining = RingNode("c", "h:3", state=Member.JOINING)
    assert unread([A, B], NodeChange(Action.ADD, "c"))
    assert unread([A, B, joining], NodeChange(Action.READY, "c"))
    assert not unread([A, B, joining], NodeChange(Action.WEIGHT, "a"))
    assert not unread([replace(A, state=Member.DRAINING), B], NodeChange(Action.READY, "a"))


def test_what_is_already_so_is_refused():
    """Rather than counted as a change."""
    with pytest.raises(Conflict):
        after(Action.ADD, "a", A, address="h:9")
    with pytest.raises(Conflict):
        after(Action.READY, "a", A)
    with pytest.raises(NotFound, match="there are a, b"):
        after(Action.DRAIN, "z", A, B)
