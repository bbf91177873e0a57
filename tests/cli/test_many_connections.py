"""More people than a shell's limit of open files would let in."""

import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.command import Chitram
from tests.servers.missing import missing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")
_AT_ONCE = 1300

_LIMITED = """
import resource, sys
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
from chitram.cli import main
main()
"""


@pytest.fixture
def many_files() -> Iterator[None]:
    """Room for as many connections in this process too."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_whoever_comes_while_it_is_busy_is_let_in(chitram: Chitram, data: Path, many_files: None):
    """More at once than 200 browsers would open: every connection is made, and answered later."""
    if int(Path("/proc/sys/net/core/somaxconn").read_text()) < _AT_ONCE:
        missing(f"net.core.somaxconn of {_AT_ONCE}", "sysctl -w net.core.somaxconn=4096")
    up = chitram("up", "--port", 0, "--data", data, "--nodes", 0)
    host, _, port = up.wait_for("ready ").removeprefix("http://").partition(":")
    with ExitStack() as connections:
        up.interrupt(signal.SIGSTOP)
        try:
            clients = [
                connections.enter_context(socket.create_connection((host, int(port)), timeout=10))
                for _ in range(_AT_ONCE)
            ]
        finally:
            up.interrupt(signal.SIGCONT)
        for client in clients:
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert all(b" 200 " in client.recv(1000) for client in clients)


def test_it_takes_more_connections_than_the_shell_allowed_files(chitram: Chitram, data: Path):
    """Each of them is answered while all the others stay open."""
    up = chitram("up", "--port", 0, "--data", data, "--nodes", 0, script=_LIMITED)
    host, _, port = up.wait_for("ready ").removeprefix("http://").partition(":")
    with ExitStack() as connections:
        for _ in range(300):
            client = connections.enter_context(socket.create_connection((host, int(port)), timeout=10))
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in client.recv(1000)
