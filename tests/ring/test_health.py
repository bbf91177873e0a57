"""The breaker's table, read from outside."""

import pytest

from ring.health import Breaker, Health, Latencies, Signal, is_slow, may_open_for_slowness


def after(*signals):
    breaker = Breaker()
    for signal in signals:
        breaker.feed(signal)
    return breaker.state


def test_a_node_starts_up():
    """Innocent until it fails."""
    assert after() is Health.UP


@pytest.mark.parametrize("signal", [Signal.UNREACHABLE, Signal.FAILED, Signal.SLOW])
def test_some_failures_open_at_once(signal):
    """A node that refuses connections is not asked again by readers."""
    assert after(signal) is Health.DOWN


def test_three_timeouts_in_a_row_open():
    """Two may be a hiccup."""
    assert after(Signal.TIMEOUT, Signal.TIMEOUT) is Health.UP
    assert after(Signal.TIMEOUT, Signal.TIMEOUT, Signal.TIMEOUT) is Health.DOWN


def test_a_reply_between_timeouts_starts_the_count_again():
    """In a row means in a row."""
    assert after(Signal.TIMEOUT, Signal.TIMEOUT, Signal.REPLY, Signal.TIMEOUT, Signal.TIMEOUT) is Health.UP


def test_only_good_passes_of_the_follower_close_and_it_takes_two():
    """Neither a late reply nor one lucky pass brings readers back."""
    down = [Signal.UNREACHABLE]
    assert after(*down, Signal.REPLY, Signal.REPLY, Signal.REPLY) is Health.DOWN
    assert after(*down, Signal.PASSED) is Health.RECOVERING
    assert after(*down, Signal.PASSED, Signal.PASSED) is Health.UP


def test_a_failure_while_recovering_starts_over():
    """Two good passes in a row are needed after the last failure."""
    assert after(Signal.UNREACHABLE, Signal.PASSED, Signal.FAILED) is Health.DOWN
    assert after(Signal.UNREACHABLE, Signal.PASSED, Signal.FAILED, Signal.PASSED) is Health.RECOVERING


def test_a_change_is_told_once_with_its_cause():
    """Whoever asks why a node is down gets the first cause."""
    breaker = Breaker()
    change = breaker.feed(Signal.UNREACHABLE, "connection refused")
    assert change is not None
    assert (change.old, change.new, change.cause) == (Health.UP, Health.DOWN, "connection refused")
    assert breaker.feed(Signal.UNREACHABLE, "again") is None
    assert breaker.cause == "connection refused"


def test_slow_is_relative_and_has_a_floor():
    """Five times the others and more than 20 ms."""
    assert is_slow(0.1, [0.001, 0.002])
    assert not is_slow(0.019, [0.001, 0.002])
    assert not is_slow(0.1, [0.05, 0.04])
    assert not is_slow(0.1, [])


def test_slowness_never_takes_more_than_half_of_the_nodes():
    """When everything is slow, slow is normal."""
    assert [may_open_for_slowness(n, 0) for n in (1, 2, 3)] == [False, True, True]
    assert not may_open_for_slowness(3, 1)
    assert may_open_for_slowness(4, 1)


def test_a_median_needs_a_full_window():
    """A handful of calls says nothing; old ones are forgotten."""
    window = Latencies()
    for _ in range(63):
        window.add(1.0)
    assert window.median() is None
    for _ in range(64):
        window.add(2.0)
    assert window.median() == 2.0
    window.clear()
    assert window.median() is None
