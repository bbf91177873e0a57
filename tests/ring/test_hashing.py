"""Placement is a wire contract: these numbers may never change."""

import pytest

from ring.hashing import SLOTS, fingerprint, points, slot


def test_points_are_golden():
    """The points of node "a" under salt 7, as every process of every release must compute them."""
    assert points("a", 3, 7) == [3585654652703750685, 311861023282824549, 10472593110097360346]


@pytest.mark.parametrize(
    ("key", "expected"),
    [(b"", 0), (b"abc", 37882), ("చిత్రం".encode(), 16080), (b"image:0190f3", 23761)],
)
def test_slots_are_golden(key, expected):
    """A key's slot is fixed, whatever bytes it has."""
    assert slot(key) == expected


def test_a_fingerprint_is_golden():
    """Two releases agree on whether they agree."""
    assert fingerprint("0|150|a*1") == "0533916d"


def test_another_salt_gives_other_points():
    """The salt is part of the ring's identity."""
    assert not set(points("a", 150, 1)) & set(points("a", 150, 2))


def test_every_slot_is_within_the_table():
    """No key falls outside."""
    assert all(0 <= slot(str(i).encode()) < SLOTS for i in range(2000))
