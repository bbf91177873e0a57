"""More people than a shell's limit of open files would let in."""

import socket
from contextlib import ExitStack
from pathlib import Path

from tests.servers.command import Chitram

_LIMITED = """
import resource, sys
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
from chitram.cli import main
main()
"""


def test_it_takes_more_connections_than_the_shell_allowed_files(chitram: Chitram, data: Path):
    """Each of them is answered while all the others stay open."""
    up = chitram("up", "--port", 0, "--data", data, "--nodes", 0, script=_LIMITED)
    host, _, port = up.wait_for("ready ").removeprefix("http://").partition(":")
    with ExitStack() as connections:
        for _ in range(300):
            client = connections.enter_context(socket.create_connection((host, int(port)), timeout=10))
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in client.recv(1000)
