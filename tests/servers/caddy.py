"""A real Caddy in front of some processes, as in production."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.missing import missing
from tests.servers.ports import free_port

_CONFIGURATION = """
{{
	admin off
	auto_https off
}}
http://127.0.0.1:{port} {{
	reverse_proxy {upstreams} {{
		lb_policy round_robin
		lb_try_duration 5s
		lb_try_interval 100ms
		health_uri /health/ready
		health_interval 1s
		health_timeout 3s
		fail_duration 2s
	}}
}}
"""
"""Retries: a request that never reached an upstream goes to another one; one that did, only if it is a GET."""

_START_SECONDS = 20.0
StartCaddy = Callable[..., str]


@pytest.fixture
def caddy(tmp_path: Path) -> Iterator[StartCaddy]:
    """Start Caddy in front of addresses (`host:port`) and return its URL."""
    program = shutil.which("caddy") or missing("Caddy", "install it (Debian: apt-get install caddy)")
    started: list[subprocess.Popen[bytes]] = []

    def start(*upstreams: str) -> str:
        port = free_port()
        home = tmp_path / f"caddy-{port}"
        home.mkdir()
        configuration = home / "Caddyfile"
        configuration.write_text(_CONFIGURATION.format(port=port, upstreams=" ".join(upstreams)))
        environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
        with (home / "log").open("wb") as log:
            command = [program, "run", "--config", str(configuration), "--adapter", "caddyfile"]
            started.append(subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        _wait_until_it_listens(port, home / "log")
        return f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


def _wait_until_it_listens(port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise RuntimeError(f"Caddy did not start: {log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
