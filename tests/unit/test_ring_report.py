"""Figures that the ring page is made of, without any node."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from chitram.adapters.ring_events import Observers, RecentEvents
from chitram.adapters.ring_map import DrawnRings
from chitram.domain.node_set import Member, RingNode
from chitram.handlers.ring_svg import band_path, look
from chitram.handlers.ring_words import memory_words
from chitram.metrics import Metrics
from chitram.services.node_set_ports import NodePlan, NodeSet
from chitram.services.ring_dip import expected_dip
from chitram.services.ring_ports import NodeCounts, RingEvent, Vitals
from chitram.services.ring_traffic import NodeTraffic, RecentTraffic, hit_ratio
from ring import HashRing, Node
from ring.events import Filled, Initialised, Invalidated, MembersChanged, Replayed, Transition, TrustChanged


def stored(*nodes: RingNode) -> NodeSet:
    """A set as the database gives it."""
    ring = HashRing([Node(n.name, "h:1", n.weight, n.state.value) for n in nodes])  # type: ignore[arg-type]  # its name
    return NodeSet(1, 0, 150, ring.hash, nodes, ring.shares(), ring.imbalance())


@pytest.mark.parametrize("names", ["a", "ab", "abcdefg"])
def test_arcs_cover_the_ring_once_and_are_the_shares(names):
    """Whatever the number of nodes, and neighbours of one owner are one arc."""
    current = stored(*(RingNode(name, "h:1") for name in names))
    owned = DrawnRings().of(current).owned
    arcs = sorted((arc, name) for name, pieces in owned.items() for arc in pieces)
    assert sum(end - start for (start, end), _ in arcs) == pytest.approx(1)
    for ((_, end), name), ((start, _), following) in pairwise(arcs):
        assert end == start
        assert name != following
    for name, pieces in owned.items():
        assert sum(end - start for start, end in pieces) == pytest.approx(current.shares[name], abs=0.005)


def test_nodes_that_are_not_on_the_ring_wait_inside():
    """A joining one shows what it will get, a draining one what it had."""
    nodes = (
        RingNode("a", "h:1"),
        RingNode("b", "h:1", state=Member.JOINING),
        RingNode("c", "h:1", state=Member.DRAINING),
    )
    drawn = DrawnRings().of(stored(*nodes))
    assert set(drawn.owned) == {"a"}
    assert drawn.owned["a"] == ((0.0, 1.0),)
    for name in "bc":
        assert sum(end - start for start, end in drawn.waiting[name]) == pytest.approx(1 / 3, abs=0.1)


def test_without_nodes_there_is_nothing_to_draw():
    """And nothing to fall over."""
    assert DrawnRings().of(stored()).owned == {}


def test_a_full_circle_is_drawn_in_halves():
    """A single SVG arc from a point to itself would be nothing."""
    assert band_path(((0.0, 1.0),)).count("A") == 4
    assert band_path(((-0.01, 0.02),)).count("A") == 2


def test_no_two_nodes_look_alike():
    """Of the 26 that `up` can start, and more."""
    assert len({look(index) for index in range(64)}) == 64


class Counters:
    """A clock and counters that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.counts: dict[str, NodeCounts] = {}

    def read(self) -> Mapping[str, NodeCounts]:
        return self.counts

    def clock(self) -> float:
        return self.now


def test_traffic_is_that_of_the_last_minute():
    """What came before has no say, and what nobody read has no ratio."""
    at = Counters()
    traffic = RecentTraffic(at.read, at.clock)
    at.counts = {"a": NodeCounts(hits=1000)}
    traffic.sample()
    for _ in range(60):
        at.now += 2
        traffic.sample()
    assert hit_ratio(traffic.by_node()) is None
    at.counts = {"a": NodeCounts(hits=1030, misses=10, errors=20)}
    seen = traffic.by_node()["a"]
    assert (seen.reads, seen.hit_ratio) == (60, 0.5)
    assert seen.errors_per_second == pytest.approx(20 / 60, rel=0.1)


def test_the_expected_dip_weighs_what_is_read():
    """The hits of keys that move are lost, in proportion to what their node serves."""
    plan = NodePlan(3, {"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 0.25, "c": 0.25}, 0.25, {"b to c": 0.25})
    traffic = {"a": NodeTraffic(reads=100, hits=90), "b": NodeTraffic(reads=300, hits=240)}
    dip = expected_dip(plan, traffic)
    assert dip.now == pytest.approx(330 / 400)
    assert dip.after == pytest.approx((90 + 120) / 400)
    assert "falls from 82% to about 52%" in dip.sentence
    assert "Nothing was read" in expected_dip(plan, {}).sentence
    assert expected_dip(NodePlan(3, {}, {}, 0.0, {}), {}).sentence.startswith("No key moves")


def test_events_are_few_bounded_and_not_said_twice():
    """An opened breaker says that the node is not read; the same thing again is counted; fills are no event."""
    events = RecentEvents()
    for _ in range(3):
        events.event(Initialised("a", "empty"))
    events.event(Filled("a", "stored"))
    events.event(TrustChanged("a", trusted=False, cause="gone"))
    events.event(Transition("a", "up", "down", "gone"))
    latest = events.latest()
    assert [(event.what, event.times) for event in latest] == [("up → down", 1), ("starts cold, in a new epoch", 3)]
    for number in range(100):
        events.note(RingEvent(datetime.now(UTC), None, f"event {number}", ""))
    assert len(events.latest()) == 50
    assert events.latest()[0].what == "event 99"


def test_a_replay_is_an_event_only_for_a_node_that_comes_back():
    """With more nodes than a key is read from, every write comes to the others by a replay."""
    events = RecentEvents()
    events.event(Replayed("a", 3))
    events.event(TrustChanged("a", trusted=True, cause="verified"))
    events.event(Replayed("a", 1))
    assert [event.what for event in events.latest()] == ["may be read", "caught up by 3 log entries"]


def test_that_every_node_is_verified_anew_after_a_change_is_no_event():
    """Unless one of them does not come back at once."""
    events = RecentEvents()
    for node in "ab":
        events.event(TrustChanged(node, trusted=False, cause="node set changed"))
    events.event(Transition("b", "up", "down", "gone"))
    events.event(TrustChanged("a", trusted=True, cause="verified"))
    events.event(TrustChanged("b", trusted=True, cause="verified"))
    assert [(event.node, event.what) for event in events.latest()] == [("b", "may be read"), ("b", "up → down")]


def test_a_write_that_misses_a_node_is_an_event_only_while_it_is_read():
    """A node that is away misses all of them."""
    events = RecentEvents()
    events.event(TrustChanged("a", trusted=True, cause="verified"))
    events.event(Invalidated("a", "error", 1))
    events.event(TrustChanged("a", trusted=False, cause="gone"))
    for _ in range(3):
        events.event(Invalidated("a", "error", 1))
    whats = [event.what for event in events.latest()]
    assert whats == ["is not read any more", "missed a write's invalidation", "may be read"]


def test_a_change_of_the_node_set_is_an_event_with_what_changed():
    """The first set that a process takes over is none."""
    events = RecentEvents()
    events.event(MembersChanged(1, "x", ("a", "b")))
    assert not events.changed_at
    events.event(MembersChanged(2, "y", ("b", "c")))
    assert events.latest()[0].cause == "c came, a left"
    assert events.changed_at is not None
    assert datetime.now(UTC) - events.changed_at < timedelta(minutes=1)


def test_reads_go_to_the_counting_observer_alone():
    """Not through another call: this is on the path of every hit."""
    metrics, events = Metrics(version="1"), RecentEvents()
    both = Observers(metrics, events)
    assert both.op == metrics.op
    both.event(Transition("a", "up", "down", "gone"))
    assert events.latest()[0].node == "a"
    assert b'ring_transitions_total{node="a",to="down"} 1.0' in metrics.expose()[0]


def test_memory_is_told_as_every_other_size_is():
    """In the units of the settings."""
    assert memory_words(Vitals("a", memory=1536 * 1024, memory_limit=256 * 1024**2)) == "1.5 MB of 256 MB"
    assert memory_words(Vitals("a", error="no answer")) == "no answer"
