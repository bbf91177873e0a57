"""Real nodes: started, stopped, started again when they die, and never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from chitram.embedded.binary import Binary
from chitram.embedded.children import spawn
from chitram.embedded.node import ping
from chitram.embedded.nodes import Nodes
from tests.log_lines import Lines
from tests.waiting import until


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="chitram-") as path:
        yield Path(path)


@pytest.fixture
def nodes(redis_binary: Binary, directory: Path) -> Iterator[Nodes]:
    """Three running nodes; a dead one is started again at once."""
    three = Nodes(Nodes.named(3, redis_binary, directory), first_pause=0.05)
    assert three.start() == []
    yield three
    three.stop()


def test_every_node_is_a_server_of_its_own_with_a_bounded_memory(nodes: Nodes):
    """Three processes that evict what is used least; nothing on disk."""
    clients = [redis.Redis(unix_socket_path=str(node.socket)) for node in nodes]
    assert len({client.info("server")["process_id"] for client in clients}) == 3
    for client in clients:
        assert client.config_get("maxmemory*")["maxmemory-policy"] == "volatile-lfu"
        assert client.config_get("maxmemory") == {"maxmemory": str(64 * 1024 * 1024)}
        assert client.config_get("save") == {"save": ""}
        client.close()


def test_nodes_listen_on_no_port(nodes: Nodes):
    """Nothing to collide with, nothing to be reached from the network."""
    for node in nodes:
        with redis.Redis(unix_socket_path=str(node.socket)) as client:
            assert client.config_get("port") == {"port": "0"}


def test_addresses_are_what_redis_nodes_would_be(nodes: Nodes, directory: Path):
    """Names a, b, c, and where each one is."""
    assert nodes.addresses == ",".join(f"{name}=unix://{directory}/{name}.sock" for name in "abc")
    assert Nodes().addresses == ""


def test_stopping_ends_every_process_a_paused_one_too(nodes: Nodes):
    """And takes the sockets away."""
    next(iter(nodes)).pause()
    nodes.stop()
    assert not any(node.running or node.socket.exists() for node in nodes)


async def test_a_node_that_dies_is_started_again_and_the_log_says_so(nodes: Nodes, logged: Lines):
    """The others are left alone."""
    first, *others = nodes
    before = [node.pid for node in others]
    supervisor = asyncio.create_task(nodes.supervise())
    first.kill()
    await until(lambda: bool(logged.events("a node runs again")))
    assert ping(first.socket)
    [end] = logged.events("a node ended, starting it again")
    assert (end["node"], end["cause"], end["seconds"]) == ("a", "was killed by SIGKILL", 0.05)
    assert [node.pid for node in others] == before
    supervisor.cancel()
    with suppress(asyncio.CancelledError):
        await supervisor


async def test_a_node_that_dies_again_and_again_waits_longer_each_time(
    redis_binary: Binary, directory: Path, logged: Lines
):
    """A broken program costs next to nothing."""
    broken = Nodes(Nodes.named(1, replace(redis_binary, path=Path("/bin/false")), directory), first_pause=0.05)
    [error] = broken.start()
    assert "node a did not start: it said nothing" in str(error)
    supervisor = asyncio.create_task(broken.supervise())
    await until(lambda: len(logged.events("a node ended, starting it again")) >= 3)
    assert [line["seconds"] for line in logged.events("a node ended, starting it again")[:3]] == [0.05, 0.1, 0.2]
    supervisor.cancel()
    with suppress(asyncio.CancelledError):
        await supervisor
    broken.stop()


def test_a_node_that_cannot_start_is_one_sentence_and_the_others_run(redis_binary: Binary, directory: Path):
    """With the server's own last words."""
    (directory / "b.sock").mkdir()
    three = Nodes.named(3, redis_binary, directory)
    errors = three.start()
    assert [node.running for node in three] == [True, False, True]
    assert [str(error) for error in errors] == [
        f"node b cannot be started: [Errno 21] Is a directory: '{directory}/b.sock'"
    ]
    three.kill()


def test_a_child_does_not_outlive_a_killed_parent(tmp_path: Path):
    """kill -9 of the parent takes it along; Linux only, elsewhere the next start does."""
    if sys.platform != "linux":
        pytest.skip("only Linux ends a child with its parent")
    program = "import sys, time; from pathlib import Path; from chitram.embedded.children import spawn\n"
    program += "print(spawn(['sleep', '600'], log=Path(sys.argv[1])).pid, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, signal.SIGSTOP)  # even one that is paused
        parent.kill()
    asyncio.run(
        until(lambda: not Path(f"/proc/{child}").exists() or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text())
    )


async def test_spawning_from_another_thread_is_refused(tmp_path: Path):
    """Such a child would die with the thread, for no visible reason."""
    with pytest.raises(RuntimeError, match="main thread only"):
        await asyncio.to_thread(spawn, ["true"], log=tmp_path / "log")


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits for nothing but being counted by its parent."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
