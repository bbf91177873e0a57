"""The checker of the faults is checked itself: what it lets pass, what it accuses of what, what replays."""

import pytest

from tests.faults.schedule import schedule
from tests.faults.truth import GONE, History, verdict


@pytest.fixture
def history():
    """Version 1 acknowledged at 10 s, version 2 seen at 20 s but never acknowledged, version 3 on its way."""
    history = History(0.0)
    assert [history.next() for _ in range(3)] == [1, 2, 3]
    history.acknowledge(1, 10.0)
    history.see(2, 20.0)
    return history


@pytest.mark.parametrize(
    ("version", "began", "accused_of"),
    [
        (1, 19.0, ""),
        (2, 19.0, ""),
        (3, 19.0, ""),
        (0, 19.0, "(G2)"),
        (1, 21.9, ""),
        (1, 22.1, "(G1)"),
        (4, 30.0, "never written"),
        (GONE, 30.0, "nobody deleted it"),
    ],
)
def test_a_read_may_show_what_was_acknowledged_or_newer(history, version, began, accused_of):
    """And what was superseded for at most `d_read`; nothing that nobody wrote."""
    found = verdict(history, version, acknowledged=1, began=began, d_read=2.0)
    assert accused_of in found
    assert bool(found) is bool(accused_of)


def test_a_deleted_image_stays_deleted(history):
    """From the acknowledgement on; before it both answers are right."""
    history.attempt(GONE)
    assert verdict(history, 2, acknowledged=1, began=21.0, d_read=2.0) == ""
    assert verdict(history, GONE, acknowledged=1, began=21.0, d_read=2.0) == ""
    history.acknowledge(GONE, 22.0)
    assert "the delete" in verdict(history, 3, acknowledged=GONE, began=22.1, d_read=2.0)
    assert history.gone


def test_a_seed_replays_its_schedule():
    """The same faults at the same times, another seed others; each begins within the time."""
    first = schedule(7, 60)
    assert first == schedule(7, 60) != schedule(8, 60)
    assert {fault.kind for seed in range(9) for lane in schedule(seed, 60).values() for fault in lane} >= {
        "node killed",
        "node set back",
        "node frozen",
        "link cut",
        "link held",
        "process killed",
        "process frozen",
        "drained",
        "replaced",
    }
    assert all(0 <= fault.at < 60 for lane in first.values() for fault in lane)
