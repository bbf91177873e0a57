"""What is recorded is what a scrape shows, in bounded labels."""

import re

import pytest

from chitram.metrics import Gauges, Metrics, NodeGauge, NullMetrics
from ring.events import Invalidated, Loading, MembersChanged, Transition


def exposed(metrics: Metrics) -> str:
    """A scrape."""
    return metrics.expose()[0].decode()


def value(metrics: Metrics, series: str) -> float | None:
    """One series' value, or None where there is none."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", exposed(metrics), re.MULTILINE)
    return float(found[1]) if found else None


def node(name: str, state: str = "up", **more: float) -> NodeGauge:
    """A node as the ring describes it."""
    return NodeGauge(name, state, state == "up", 0.5, 0, 0.4, **more)


@pytest.fixture
def metrics() -> Metrics:
    """Of a service with two nodes."""
    fresh = Metrics(version="1")
    fresh.gauges = lambda: Gauges(nodes=(node("a"), node("b", "down")))
    return fresh


def test_a_request_lands_in_its_bucket(metrics: Metrics):
    """Counted by status, timed by route."""
    metrics.http("GET", "/x", 200, 0.02)
    metrics.http("GET", "/x", 404, 20.0)
    assert value(metrics, 'chitram_http_requests_total{method="GET",route="/x",status="404"}') == 1
    duration = "chitram_http_request_duration_seconds"
    assert value(metrics, duration + '_bucket{le="0.01",method="GET",route="/x"}') == 0
    assert value(metrics, duration + '_bucket{le="0.025",method="GET",route="/x"}') == 1
    assert value(metrics, duration + '_bucket{le="+Inf",method="GET",route="/x"}') == 2
    assert value(metrics, duration + '_sum{method="GET",route="/x"}') == 20.02


def test_methods_that_clients_make_up_share_one_label(metrics: Metrics):
    """However many there are."""
    for number in range(1000):
        metrics.http(f"HACK{number}", "unmatched", 405, 0.001)
    assert value(metrics, 'chitram_http_requests_total{method="OTHER",route="unmatched",status="405"}') == 1000
    assert "HACK" not in exposed(metrics)
    assert len(metrics._requests._cells) == 1


def test_every_node_has_its_rows_before_anything_happens(metrics: Metrics):
    """A counter that first appears as 1 has no increase for Prometheus."""
    text = exposed(metrics)
    for name in ("a", "b"):
        for result in ("hit", "miss", "error", "timeout", "skipped"):
            assert f'ring_requests_total{{node="{name}",op="get",result="{result}"}} 0.0' in text
        assert f'ring_transitions_total{{node="{name}",to="down"}} 0.0' in text
        assert f'ring_replayed_total{{node="{name}"}} 0.0' in text


def test_a_node_is_in_one_state(metrics: Metrics):
    """All four are there, so that a panel needs no guesses."""
    states = re.findall(r'^ring_node_state{node="b",state="(\w+)"} (\S+)$', exposed(metrics), re.MULTILINE)
    assert dict(states) == {"up": "0.0", "down": "1.0", "joining": "0.0", "draining": "0.0"}


def test_weights_say_what_share_is_expected(metrics: Metrics):
    """Of the nodes that own anything."""
    metrics.gauges = lambda: Gauges(nodes=(node("a", weight=3.0), node("b")))
    assert value(metrics, 'ring_ownership_expected_ratio{node="a"}') == 0.75


def test_a_read_that_skips_a_node_says_why_and_takes_no_time(metrics: Metrics):
    """It asked nobody: in the durations it would pull every quantile to zero."""
    metrics.op("b", "get", "skipped", 0.0)
    metrics.op("a", "get", "skipped", 0.0)
    assert value(metrics, 'ring_failover_reads_total{node="b",reason="down"}') == 1
    assert value(metrics, 'ring_failover_reads_total{node="a",reason="unverified"}') == 1
    assert value(metrics, 'ring_op_duration_seconds_count{node="b",op="get"}') == 0


def test_the_reason_follows_the_node_s_state(metrics: Metrics):
    """Also one that was looked up before."""
    metrics.op("b", "get", "skipped", 0.0)
    metrics.gauges = lambda: Gauges(nodes=(node("a"), node("b", "draining")))
    metrics.event(MembersChanged(2, "h", ("a", "b")))
    metrics.op("b", "get", "skipped", 0.0)
    assert value(metrics, 'ring_failover_reads_total{node="b",reason="draining"}') == 1


def test_events_are_counted(metrics: Metrics):
    """By node and by what they say."""
    metrics.event(Transition("a", "up", "down", "timeout"))
    metrics.event(Loading("refresh", 3))
    metrics.event(Invalidated("a", "error", 2))
    assert value(metrics, 'ring_transitions_total{node="a",to="down"}') == 1
    assert value(metrics, 'ring_loads_total{reason="refresh"}') == 3
    assert value(metrics, 'ring_invalidations_total{node="a",result="error"}') == 1
    assert value(metrics, "ring_changed_timestamp_seconds") is None


def test_figures_of_a_node(metrics: Metrics):
    """Totals, and quantiles from the buckets."""
    for _ in range(98):
        metrics.op("a", "get", "hit", 0.0004)
    metrics.op("a", "get", "miss", 0.0004)
    metrics.op("a", "get", "timeout", 0.1)
    figures = metrics.node_figures()["a"]
    assert (figures.hits, figures.misses, figures.errors, figures.timeouts) == (98, 1, 0, 1)
    assert figures.p50 == pytest.approx(0.000376, abs=0.000002)
    assert figures.p99 == pytest.approx(0.0005)
    assert "b" not in metrics.node_figures()


def test_a_quantile_beyond_the_buckets_is_the_last_bound(metrics: Metrics):
    """Never less than it, and never a guess."""
    metrics.op("a", "get", "timeout", 5.0)
    assert metrics.node_figures()["a"].p99 == 0.25


def test_switched_off_it_keeps_nothing(metrics: Metrics):
    """But what a shutdown waits for."""
    null = NullMetrics()
    before = exposed(null)
    null.http("GET", "/x", 200, 0.1)
    null.op("a", "get", "hit", 0.1)
    null.event(Transition("a", "up", "down", "timeout"))
    null.work.upload("created", 5)
    null.work.login("wrong")
    null.work.space(1, 2)
    ours = re.compile(r"^(?:chitram|ring)_.*$", re.MULTILINE)
    assert ours.findall(exposed(null)) == ours.findall(before)
    null.in_flight += 1
    assert null.in_flight == 1
