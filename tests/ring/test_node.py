"""The REDIS_NODES syntax, and secrets that do not print."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ring.node import Node, NodeState, parse_address, parse_nodes


def test_names_and_addresses_are_read():
    """Named and nameless nodes, URLs and sockets may be mixed."""
    nodes = parse_nodes("a=127.0.0.1:6401, cache.local ,b=redis://u:p%2Cw@h:1/3,unix:///run/x.sock,[::1]:7")
    assert [node.name for node in nodes] == ["a", "cache.local-6379", "b", "run-x.sock", "1-7"]
    assert (nodes[2].endpoint.password, nodes[2].endpoint.database) == ("p,w", 3)
    assert nodes[3].endpoint.path == "/run/x.sock"
    assert (nodes[4].endpoint.host, nodes[4].endpoint.port) == ("::1", 7)


def test_no_node_is_a_valid_set():
    """Without Redis the cache is disabled, not misconfigured."""
    assert parse_nodes(" , ") == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a=host:port", "host:port"),
        ("a=host:99999", "host:99999"),
        ("a=http://x", "use host:port, redis://"),
        ("a=redis://", "host is missing"),
        ("a=redis://h:1/x", "database must be a number"),
        ("a=unix://", "needs a path"),
        ("a=h:1,a=h:2", "'a' is listed twice"),
        ("h:1,h:1", "'h-1' is listed twice"),
        ("a=", "expected host:port"),
    ],
)
def test_the_bad_part_is_named(text, complaint):
    """Whoever mistypes a node is told which part and what to write instead."""
    with pytest.raises(ValueError, match=complaint):
        parse_nodes(text)


@pytest.mark.parametrize("seed", [-1, 1 << 16])
def test_a_seed_has_its_limits(seed):
    """With the salt it has to fit into what the hash takes."""
    with pytest.raises(ValueError, match="node a: seed"):
        Node("a", "h:1", seed=seed)


def test_no_representation_shows_a_password():
    """A node may be logged anywhere."""
    node = Node("a", "rediss://user:hunter2@h:1/0")
    assert "hunter2" not in f"{node!r} {node} {node.endpoint!r} {node.endpoint.display}"


@pytest.mark.parametrize("bad", ["a=redis://:hunter2@h:1/x", "a=redis://:hunter2@h:999999", "a=:hunter2@h:6379"])
def test_no_error_shows_a_password(bad):
    """A wrong address is reported without its secret."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_nodes(bad)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("character", "/?#@[")
def test_no_error_shows_a_part_of_a_password_that_is_not_escaped(character):
    """What follows the character looks like a path, what stands before it like a port."""
    with pytest.raises(ValueError, match=r"%2F|database must be") as caught:
        parse_nodes(f"a=redis://:hunter2{character}hunter3@h:x")
    assert "hunter" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_either_read_or_refused(text):
    """Nothing but ValueError ever comes out of an address."""
    with suppress(ValueError):
        assert parse_address(text).display


@pytest.mark.parametrize("weight", [0, -1, 101, float("nan")])
def test_a_weight_must_be_usable(weight):
    """A node without points would silently own nothing."""
    with pytest.raises(ValueError, match="weight"):
        Node("a", "h:1", weight)


def test_a_state_may_be_given_as_text():
    """The node set is stored as text."""
    assert Node("a", "h:1", state="draining").state is NodeState.DRAINING  # type: ignore[arg-type]  # as a database row has it
