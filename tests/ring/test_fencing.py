"""The protocol's decisions, one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ring import Commit, Entry, Head, Membership, Node
from ring.fencing import (
    FenceSightings,
    Record,
    Step,
    Timing,
    Trust,
    acknowledge_at,
    is_contiguous,
    left_in_haste,
    may_verify,
    next_step,
    spans,
    write_targets,
)

TIMING = Timing()


def test_writers_wait_longer_than_readers_trust():
    """By more than two clocks can drift apart in that time."""
    assert pytest.approx(2.052) == TIMING.d_wait


def test_trust_begins_before_the_head_was_asked_for():
    """Time that the answer took is not added to the proof."""
    trust = Trust(TIMING)
    assert not trust.until > 0
    trust.verify(10.0, b"e")
    assert trust.until == 12.0
    trust.revoke()
    assert (trust.until < 0, trust.epoch) == (True, b"e")
    trust.forget()
    assert trust.epoch == b""


@pytest.mark.parametrize(
    ("record", "step"),
    [
        (None, Step.INITIALISE),
        (Record(b"e", 4, "L"), Step.REPLAY),
        (Record(b"e", 5, "L"), Step.DONE),
        (Record(b"e", 6, "L"), Step.ASK_AGAIN),
        (Record(b"e", 5, "M"), Step.INITIALISE),
    ],
)
def test_a_follower_knows_what_to_do_next(record, step):
    """From the head, and the record read after it."""
    assert next_step(Head(5, log="L"), record)[0] is step


def test_a_gap_in_the_log_is_noticed():
    """Pruned rows are not jumped, wherever they are missing."""
    assert is_contiguous(3, [Entry(4, "a"), Entry(5, "b")])
    assert not is_contiguous(3, [Entry(5, "b")])
    assert not is_contiguous(3, [Entry(4, "a"), Entry(6, "b")])
    assert not is_contiguous(3, [])


def test_a_verification_needs_the_version_and_no_fence():
    """Older and newer versions prove nothing."""
    assert may_verify("a", Head(1, 2), 2)
    assert not may_verify("a", Head(1, 1), 2)
    assert not may_verify("a", Head(1, 3), 2)
    assert not may_verify("a", Head(1, 2, {"a": 1}), 2)


def test_only_a_fence_known_for_long_enough_replaces_waiting():
    """It must be the fence that the write saw, and its age is taken by this process' clock."""
    sightings = FenceSightings()
    sightings.note({"a": 7}, 100.0)
    sightings.note({"a": 7}, 200.0)
    seen, other, unseen = (Commit(1, ("k",), fences=fences) for fences in ({"a": 7}, {"a": 8}, {}))
    assert acknowledge_at("a", seen, 300.0, sightings, TIMING) == 100.0 + TIMING.d_wait
    assert acknowledge_at("a", other, 300.0, sightings, TIMING) == 300.0 + TIMING.d_wait
    assert acknowledge_at("a", unseen, 300.0, sightings, TIMING) == 300.0 + TIMING.d_wait
    sightings.note({}, 400.0)
    assert sightings.since("a", 7) is None


def test_a_write_goes_to_the_nodes_that_may_be_read():
    """The first `reach` of each key's list; to everyone for a while after a change."""
    up = [Node(name, "h:1") for name in "abcd"]
    members = Membership((*up, Node("e", "h:1", state="draining")))  # type: ignore[arg-type]  # as from a row
    ring = members.ring()
    targets = write_targets(members, ring, ["k", "l"], 2, everyone=False)
    assert {name for name, indices in targets.items() if 0 in indices} == set(ring.preference("k")[:2])
    assert {name for name, indices in targets.items() if 1 in indices} == set(ring.preference("l")[:2])
    assert write_targets(members, ring, ["k"], 2, everyone=True) == {name: [0] for name in "abcde"}


@given(st.sets(st.integers(0, 30)), st.integers(1, 5))
def test_runs_cover_a_write_and_nothing_else(indices, most):
    """Every key once, under its own id, in runs without gaps."""
    commit = Commit(100, tuple(f"k{i}" for i in range(31)))
    runs = spans(commit, sorted(indices), most)
    assert [(first + i, key) for first, keys in runs for i, key in enumerate(keys)] == [
        (100 + index, f"k{index}") for index in sorted(indices)
    ]
    assert all(len(keys) <= most for _, keys in runs)


def test_leaving_in_haste_is_told_from_leaving_drained():
    """A changed address is another node."""
    a, b = Node("a", "h:1"), Node("b", "h:2")
    drained = Node("b", "h:2", state="draining")  # type: ignore[arg-type]  # as from a row
    assert left_in_haste(Membership((a, b)), Membership((a,)))
    assert left_in_haste(Membership((a, b)), Membership((a, Node("b", "h:3"))))
    assert not left_in_haste(Membership((a, drained)), Membership((a,)))
    assert not left_in_haste(Membership((a, b)), Membership((a, drained)))
