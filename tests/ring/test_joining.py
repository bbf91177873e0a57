"""A node that joins takes its due and nothing else, whatever it happens to be called."""

import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ring import HashRing, Node, NodeState, choose_salt, choose_seed, hashring, plan
from ring.hashing import points
from ring.hashring import placed
from ring.joining import Survivors

SCHEMES = (
    "{letter}",
    "{number}",
    "node{number}",
    "node-{number}",
    "cache-{number}",
    "10.0.0.{number}-6379",
    "redis{number}.example.org-6379",
    "ring-redis-{number}.ring.svc",
)
HALF_A_POINT = 0.005
EVEN_AFTER_A_JOIN = 1.05
"""At most 1.036 was measured in these 24 cases, and 1.045 over 300 random sets of names: that, and half a point on top.
It is what `test_the_chosen_salt_balances` asks of a ring that nobody has joined."""
name = st.from_regex(r"[a-z][a-z0-9.\-]{0,11}", fullmatch=True)
names = st.lists(name, min_size=2, max_size=11, unique=True)


def nodes_of(members, weight=1.0):
    return [Node(member, "h:1", weight) for member in members]


def named(scheme, count):
    """As people name nodes."""
    return nodes_of(scheme.format(number=number, letter="abcdefghijk"[number]) for number in range(count))


def joined(ring, node):
    """The ring after the node has joined it."""
    return HashRing([*ring.nodes, replace(node, seed=choose_seed(ring, node))], ring.vnodes, ring.salt)


def off_its_due(ring, name):
    """By how much a node's share differs from its part of the weight."""
    weights = {node.name: node.weight for node in ring.nodes}
    return abs(ring.shares()[name] - weights[name] / sum(weights.values()))


@pytest.mark.parametrize("count", [3, 5, 10])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_more_node_takes_its_due_from_the_others(count, scheme):
    """1/(n+1) to within half a point, whatever the nodes are called; and the ring stays as even as it was made."""
    *members, newcomer = named(scheme, count + 1)
    before = HashRing(members, salt=choose_salt(members))
    after = joined(before, newcomer)
    assert off_its_due(after, newcomer.name) <= HALF_A_POINT
    assert after.imbalance() <= EVEN_AFTER_A_JOIN
    change = plan(before, after)
    assert {to for _, to in change.moves} == {newcomer.name}
    assert change.moved == after.shares()[newcomer.name]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_ring_that_grows_by_one_at_a_time_stays_even(scheme):
    """From a single node, that nobody chose a salt for, to eight."""
    ring = HashRing([])
    for node in named(scheme, 8):
        ring = joined(ring, node)
        assert off_its_due(ring, node.name) <= HALF_A_POINT
        assert ring.imbalance() <= EVEN_AFTER_A_JOIN


@given(names, st.integers(0, 63), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([0.5, 1.0, 2.0]))
@example(["0", "1", "2", "3"], 47, 1.0, 1.0)
@example([f"10.0.0.{number}-6379" for number in range(11)], 0, 1.0, 1.0)
@settings(max_examples=15, deadline=None)
def test_any_node_takes_its_due_from_any_ring(members, salt, weight, others):
    """Heavy ones and light ones, on a ring whose salt suits nobody; no key moves between the others."""
    *rest, last = members
    before, newcomer = HashRing(nodes_of(rest, others), salt=salt), Node(last, "h:1", weight)
    after = joined(before, newcomer)
    assert off_its_due(after, last) <= HALF_A_POINT
    assert {to for _, to in plan(before, after).moves} == {last}


@given(names, st.integers(1, 30), st.integers(0, 99), st.integers(0, 63), st.sampled_from([64, 18, 3]))
@settings(max_examples=60, deadline=None)
def test_what_is_counted_is_what_a_ring_built_anew_has(members, vnodes, seed, salt, bits):
    """To the slot, and also where points collide, which they do when few of a position's bits differ."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashring, "points", lambda *of: [position >> 64 - bits << 64 - bits for position in points(*of)])
        *rest, last = members
        survivors, newcomer = HashRing(nodes_of(rest), vnodes, salt), Node(last, "h:1", seed=seed)
        rebuilt = HashRing([*survivors.nodes, newcomer], vnodes, salt)
        assert Survivors(survivors).shares_with(newcomer) == rebuilt.shares()


def test_the_choice_is_the_best_there_is():
    """Of the seeds that give a node its due the one that leaves the ring the most even, by rings built anew."""
    before, newcomer = HashRing(nodes_of("abc"), 600, 1), Node("d", "h:1")
    rings = [HashRing([*before.nodes, replace(newcomer, seed=seed)], 600, 1) for seed in range(64)]
    fair = [ring for ring in rings if off_its_due(ring, "d") <= HALF_A_POINT]
    assert 1 < len(fair) < len(rings)
    assert joined(before, newcomer).slots == min(fair, key=HashRing.imbalance).slots


def test_a_seed_moves_its_own_node_alone():
    """It is added to the salt for that node; 0 leaves everything where it was before there were seeds."""
    assert placed(Node("a", "h:1", seed=3), 3, 4) == points("a", 3, 7)
    assert placed(Node("a", "h:1"), 3, 7) == [3585654652703750685, 311861023282824549, 10472593110097360346]
    plain, moved = nodes_of("abc"), [*nodes_of("ab"), Node("c", "h:1", seed=9)]
    others = [{point for point in HashRing(ring).points if point[1] != "c"} for ring in (plain, moved)]
    assert others[0] == others[1]


def test_a_seed_survives_another_weight():
    """More points are added behind the old ones: keys move to the heavier node, none between the others."""
    before, heavy = HashRing([*nodes_of("ab"), Node("c", "h:1", seed=9)]), Node("c", "h:1", 2.0, seed=9)
    assert {to for _, to in plan(before, HashRing([*nodes_of("ab"), heavy])).moves} == {"c"}


def test_the_first_node_needs_no_seed():
    """It owns everything wherever it lies; nodes that are not read do not count."""
    assert choose_seed(HashRing([]), Node("a", "h:1")) == 0
    assert choose_seed(HashRing([Node("b", "h:1", state=NodeState.DRAINING)]), Node("a", "h:1")) == 0


def test_a_node_on_the_ring_gets_no_other_seed():
    """All of its keys would move."""
    with pytest.raises(ValueError, match="would move its keys"):
        choose_seed(HashRing(nodes_of("ab")), Node("a", "h:1"))


def test_two_processes_choose_the_same():
    """The one that plans and the one that commits, though their hashes of strings differ."""
    program = (
        "from ring import *; ring = HashRing([Node(n, 'h:1') for n in 'abc'], salt=20)\n"
        "print([choose_seed(ring, Node(n, 'h:1', w)) for n, w in (('d', 1.0), ('e', 0.5), ('f', 2.0))])"
    )

    def run(hash_seed):
        environment = {"PYTHONHASHSEED": hash_seed}
        return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, env=environment).stdout

    first, second = json.loads(run("1")), json.loads(run("2"))
    ring = HashRing(nodes_of("abc"), salt=20)
    assert first == second == [choose_seed(ring, Node(n, "h:1", w)) for n, w in (("d", 1.0), ("e", 0.5), ("f", 2.0))]
    assert any(first)


@pytest.mark.parametrize("weight", [0.01, 1.0, 100.0])
def test_choosing_costs_less_than_building_the_rings(weight):
    """A tenth of what 256 rings would take, and a heavy node of 15,000 points costs no minute."""

    def seconds(work):
        began = time.process_time()
        work()
        return time.process_time() - began

    ring, newcomer = HashRing(nodes_of(map(str, range(10)))), Node("new", "h:1", weight)
    building = min(seconds(lambda: HashRing([*ring.nodes, newcomer])) for _ in range(3))
    assert min(seconds(lambda: choose_seed(ring, newcomer)) for _ in range(3)) < 25 * building
