"""A real Caddy with the Caddyfile of `compose.yaml`, in front of whatever a test starts."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chitram.embedded.children import end, spawn
from tests.servers.missing import missing
from tests.servers.ports import free_port

CADDYFILE = Path(__file__).parents[2] / "deploy" / "proxy" / "Caddyfile"
_START_SECONDS = 20.0


class Proxy:
    """A running proxy. *http* and *https* are its addresses; *authority* signed what it shows as `localhost`."""

    def __init__(self, directory: Path, program: str, upstreams: str) -> None:
        http, https, probe = free_port(), free_port(), free_port()
        self.http, self.https = f"http://localhost:{http}", f"https://localhost:{https}"
        self.probe = f"http://127.0.0.1:{probe}/"
        self.authority = directory / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        self._environ = {
            "UPSTREAMS": upstreams,
            "LISTEN_HTTP": str(http),
            "LISTEN_HTTPS": str(https),
            "LISTEN_PROBE": str(probe),
            "XDG_DATA_HOME": str(directory),
            "XDG_CONFIG_HOME": str(directory),
        }
        self._directory = directory
        self._program = program
        self._ports = (http, https, probe)
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, site: str) -> None:
        """Listen for *site*: `localhost` with TLS, or `http://localhost` without."""
        given = [f"{name}={value}" for name, value in {**self._environ, "SITE_ADDRESS": site}.items()]
        command: list[str | Path] = ["/usr/bin/env", *given, self._program]
        command += ["run", "--config", CADDYFILE, "--adapter", "caddyfile"]
        log = self._directory / "log"
        self._child = spawn(command, log=log)
        http, https, probe = self._ports
        for port in (probe, http if site.startswith("http:") else https):
            deadline = time.monotonic() + _START_SECONDS
            while not _accepts(port):
                if self._child.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Caddy did not start: {log.read_text()}")
                time.sleep(0.05)

    def close(self) -> None:
        """End it."""
        if self._child is not None:
            end(self._child, grace=5)


StartProxy = Callable[..., Proxy]


@pytest.fixture(scope="session")
def caddy_program() -> str:
    """The path of the installed Caddy."""
    return shutil.which("caddy") or missing("Caddy", "install it (Debian: apt-get install caddy)")


@pytest.fixture
def start_proxy(caddy_program: str, tmp_path: Path) -> Iterator[StartProxy]:
    """Start the proxy in front of addresses (`host:port`)."""
    started: list[Proxy] = []

    def start(*upstreams: str, site: str = "http://localhost") -> Proxy:
        directory = tmp_path / f"proxy-{len(started)}"
        directory.mkdir()
        proxy = Proxy(directory, caddy_program, " ".join(upstreams))
        started.append(proxy)
        proxy.start(site)
        return proxy

    yield start
    for proxy in started:
        proxy.close()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
