"""The promises of placement: order never matters, balance, and nothing moves that need not."""

from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ring import hashring
from ring.hashing import SLOTS, slot
from ring.hashring import HashRing, choose_salt, encode, plan
from ring.node import Node, NodeState

names = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True), min_size=1, max_size=7, unique=True)
few_vnodes = st.integers(1, 40)


def ring_of(members, vnodes=20, salt=0, weights=None):
    return HashRing([Node(n, "h:1", (weights or {}).get(n, 1.0)) for n in members], vnodes, salt)


@given(names, st.randoms(), few_vnodes)
@settings(max_examples=30, deadline=None)
def test_the_order_of_insertion_never_matters(members, rng, vnodes):
    """Two processes that list the same nodes differently agree on every key."""
    shuffled = rng.sample(members, len(members))
    assert ring_of(members, vnodes).slots == ring_of(shuffled, vnodes).slots


@given(names, few_vnodes, st.integers(0, 63))
@settings(max_examples=30, deadline=None)
def test_the_slot_table_is_binary_search_on_the_ring(members, vnodes, salt):
    """The table is a shortcut for the textbook lookup, not another placement."""
    ring = ring_of(members, vnodes, salt)
    positions = [position for position, _ in ring.points]
    for number in range(0, SLOTS, 97):
        owner = ring.points[bisect_left(positions, number << 48) % len(positions)][1]
        assert ring.slots[number][0] == owner


@given(names, few_vnodes)
@settings(max_examples=30, deadline=None)
def test_a_preference_list_is_the_walk_around_the_ring(members, vnodes):
    """After the owner comes the next other node clockwise, and each node exactly once."""
    ring = ring_of(members, vnodes)
    positions = [position for position, _ in ring.points]
    for number in range(0, SLOTS, 1009):
        start = bisect_left(positions, number << 48)
        walk = [ring.points[(start + i) % len(positions)][1] for i in range(len(positions))]
        assert ring.slots[number] == tuple(dict.fromkeys(walk))


@given(names.filter(lambda found: len(found) > 1), few_vnodes, st.data())
@settings(max_examples=30, deadline=None)
def test_passing_over_a_node_equals_a_ring_without_it(members, vnodes, data):
    """Failover and removal send every key to the same place."""
    gone = data.draw(st.sets(st.sampled_from(members), max_size=len(members) - 1))
    whole = ring_of(members, vnodes)
    rest = ring_of([name for name in members if name not in gone], vnodes)
    for key in map(str, range(500)):
        assert whole.route(key, gone) == rest.route(key) == whole.router(gone)(key)


@given(names.filter(lambda found: len(found) > 1), few_vnodes)
@settings(max_examples=30, deadline=None)
def test_nothing_moves_between_survivors(members, vnodes):
    """A node that joins takes keys from others; no other key moves."""
    moves = plan(ring_of(members[1:], vnodes), ring_of(members, vnodes)).moves
    assert {to for _, to in moves} <= {members[0]}


def test_both_of_two_colliding_points_are_kept(monkeypatch):
    """With every point at one position the names decide, in any order of insertion."""
    monkeypatch.setattr(hashring, "points", lambda name, count, salt: [5 << 48])
    assert ring_of("ab").preference("k") == ring_of("ba").preference("k") == ("a", "b")
    assert len(ring_of("ab").points) == 2


def test_three_to_four_nodes_moves_a_quarter():
    """Growing costs the new node's share and not more."""
    before, after = ring_of("abc", 150), ring_of("abcd", 150)
    change = plan(before, after)
    assert change.moved == pytest.approx(after.shares()["d"])
    assert change.moved == pytest.approx(0.25, abs=0.04)


def test_weight_scales_the_share_and_moves_only_to_the_heavier():
    """A node of weight 2 has twice the points, the others keep theirs."""
    before, after = ring_of("abc", 150), ring_of("abc", 150, weights={"a": 2.0})
    assert after.shares()["a"] == pytest.approx(0.5, abs=0.06)
    assert {to for _, to in plan(before, after).moves} == {"a"}


@pytest.mark.parametrize("count", [3, 5, 10])
@pytest.mark.parametrize("scheme", ["node-{}", "cache-{}", "redis{}.example.org-6379", "10.0.0.{}-6379", "{}"])
def test_the_chosen_salt_balances(count, scheme):
    """No node owns more than five per cent above its fair share, whatever the nodes are called."""
    members = [scheme.format(i) for i in range(count)]
    salt = choose_salt(members)
    assert ring_of(members, 150, salt).imbalance() <= 1.05
    assert choose_salt(reversed(members)) == salt


def test_the_salt_of_no_nodes_is_zero():
    """Nothing to balance."""
    assert choose_salt([]) == 0


def test_shares_add_up_and_are_exact():
    """A share is a count of slots, not a sample."""
    ring = ring_of("abc", 150)
    assert sum(ring.shares().values()) == pytest.approx(1.0)
    assert ring.shares()["a"] * SLOTS == sum(order[0] == "a" for order in ring.slots)


def test_an_empty_ring_routes_nowhere():
    """No node is an answer, not an error."""
    ring = ring_of([])
    assert (ring.route("k"), ring.preference("k"), ring.shares()) == (None, (), {})


def test_only_nodes_that_are_up_are_placed():
    """Joining and draining nodes own nothing."""
    nodes = [Node("a", "h:1"), Node("b", "h:2", state=NodeState.JOINING), Node("c", "h:3", state=NodeState.DRAINING)]
    assert HashRing(nodes).preference("k") == ("a",)


@given(st.text(st.characters(), max_size=30))
def test_any_string_is_a_key(text):
    """Lone surrogates, NULs and Telugu included; bytes and text agree."""
    ring = ring_of("abc")
    assert ring.preference(text) == ring.preference(encode(text)) == ring.slots[slot(encode(text))]


def test_a_string_that_is_no_unicode_is_a_key_too():
    """The hash function's library would end the process; whoever looks a key up must not meet that."""
    ring, key = ring_of("abc"), "chitram\ud800"
    assert ring.preference(key) == ring.preference(key.encode("utf-8", "surrogatepass"))
    assert ring.route(key) == ring.router()(key) == ring.preference(key)[0]


def test_placement_is_golden():
    """Five keys on the default ring of three; a change here moves people's caches."""
    ring = ring_of("abc", 150, 20)
    assert ["".join(ring.preference(key)) for key in ("1", "2", "3", "4", "చిత్రం")] == [
        "bac",
        "cba",
        "acb",
        "bca",
        "acb",
    ]
    assert ring.hash == "40034698"


def test_the_hash_tells_rings_apart():
    """Disagreement between processes can be seen in one label."""
    hashes = {
        ring_of("abc").hash,
        ring_of("abd").hash,
        ring_of("abc", salt=1).hash,
        ring_of("abc", vnodes=21).hash,
        ring_of("abc", weights={"a": 2.0}).hash,
        HashRing([*ring_of("ab").nodes, Node("c", "h:1", seed=1)], 20).hash,
        HashRing([*ring_of("ab").nodes, Node("c", "h:1", seed=2)], 20).hash,
    }
    assert len(hashes) == 7


def test_the_salt_suits_the_seeds():
    """Nodes that bring seeds of their own are balanced as they are."""
    nodes = [Node(name, "h:1", seed=seed) for name, seed in zip("abc", (5, 0, 9), strict=True)]
    assert HashRing(nodes, salt=choose_salt(nodes)).imbalance() <= 1.05
