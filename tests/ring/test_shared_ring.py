"""The model's rings are the library's, slot by slot, though they are built only once."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ring import Membership, Node, NodeState
from ring.hashing import SLOTS
from tests.ring.shared_ring import SharedMembership

nodes = st.lists(
    st.builds(
        Node,
        st.sampled_from("abcd"),
        st.just("localhost"),
        st.sampled_from([0.5, 1.0, 2.0]),
        st.sampled_from(list(NodeState)),
    ),
    unique_by=lambda node: node.name,
).map(tuple)


def first_two(order):
    return order[:2]


@settings(max_examples=30, deadline=None)
@given(nodes, st.integers(0, 63))
def test_a_shared_ring_says_what_a_ring_of_its_own_says(members, salt):
    own = Membership(members, vnodes=4, salt=salt).ring()
    shared = SharedMembership(members, vnodes=4, salt=salt).ring()
    assert shared.slots == own.slots
    assert shared.hash == own.hash
    assert shared.shares() == own.shares()
    table = shared.table(first_two)
    assert len(table) == SLOTS
    assert list(table) == own.table(first_two)


def test_a_changed_node_set_gets_another_ring():
    before = SharedMembership((Node("a", "a"), Node("b", "b")), version=1, vnodes=4)
    after = replace(before, nodes=(Node("a", "a"),), version=2)
    assert set(before.ring().slots) == {("a", "b"), ("b", "a")}
    assert set(after.ring().slots) == {("a",)}
