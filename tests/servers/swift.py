"""A real S3 server: OpenStack Swift's s3api with one replica on one disk, started from the package alone.

One set of four processes serves a whole session (each xdist worker has its own), a bucket a test. It checks signatures,
ranges and digests. The proxy, which is what clients speak to, may be killed, paused and started again.
"""

import getpass
import os
import pwd
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from string import Template

import pytest

from chitram.adapters.s3_bucket import S3Place
from chitram.embedded.children import spawn
from tests.servers.missing import missing
from tests.servers.ports import free_port

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
OWNER = ("AKTEST:owner", "owner-secret-123456")
"""May do everything."""
GUEST = ("AKTEST:guest", "guest-secret-123456")
"""A valid key without any right."""

_START_SECONDS = 30.0
_STORES = ("account", "container", "object")
_numbers = count(1)

_COMMON = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
workers = 0
user = $user
swift_dir = $directory
devices = $directory/devices
mount_check = false
disable_fallocate = true
log_level = WARNING
"""
_STORE = """[pipeline:main]
pipeline = $name-server
[app:$name-server]
use = egg:swift#$name
"""
_PROXY = """[pipeline:main]
pipeline = catch_errors memory s3api tempauth bulk slo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:memory]
paste.filter_factory = tests.servers.swift_cache:filter_factory
[filter:s3api]
use = egg:swift#s3api
location = $region
[filter:tempauth]
use = egg:swift#tempauth
user_AKTEST_owner = owner-secret-123456 .admin
user_AKTEST_guest = guest-secret-123456
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
"""
_SWIFT = """[swift-hash]
swift_hash_path_suffix = s
swift_hash_path_prefix = p
[storage-policy:0]
name = one
default = yes
"""


class Swift:
    """The four servers in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ports = {name: free_port() for name in (*_STORES, "proxy")}
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def endpoint(self) -> str:
        """`host:port` of the S3 API."""
        return f"127.0.0.1:{self._ports['proxy']}"

    def place(self, bucket: str, *, keys: tuple[str, str] = OWNER, endpoint: str = "") -> S3Place:
        """A bucket of this server, under another address if it is reached through something."""
        access, secret = keys
        return S3Place(
            endpoint=endpoint or self.endpoint, access_key=access, secret_key=secret, bucket=bucket, secure=False
        )

    def configure(self) -> None:
        """Write the rings and the configurations."""
        (self._directory / "devices" / "one").mkdir(parents=True)
        (self._directory / "swift.conf").write_text(_SWIFT)
        for name, port in self._ports.items():
            text = Template(_COMMON + (_PROXY if name == "proxy" else _STORE)).substitute(
                name=name, port=port, user=_user(), directory=self._directory, region=REGION
            )
            (self._directory / f"{name}.conf").write_text(text)
        ports = [str(self._ports[name]) for name in _STORES]
        subprocess.run([sys.executable, "-c", _RINGS, str(self._directory), *ports], check=True)

    def start(self) -> None:
        """Start what does not run, and return when all accept connections."""
        ended = [name for name in self._ports if not self._runs(name)]
        for name in ended:
            self._children[name] = self._spawn(name)
        for name in ended:
            self._wait(name)

    def kill(self) -> None:
        """Kill the proxy: connections are refused."""
        self._children["proxy"].kill()
        self._children["proxy"].wait()

    def pause(self) -> None:
        """Freeze the proxy: connections open, and nothing answers."""
        self._children["proxy"].send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen proxy go on."""
        if self._runs("proxy"):
            self._children["proxy"].send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End everything."""
        for child in self._children.values():
            child.kill()
        for child in self._children.values():
            child.wait()

    def _runs(self, name: str) -> bool:
        return name in self._children and self._children[name].poll() is None

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        program = Path(sysconfig.get_path("scripts")) / f"swift-{name}-server"
        # Swift's servers import the proxy's memory from here; nothing else of the tests.
        command: list[str | Path] = ["/usr/bin/env", f"PYTHONPATH={ROOT}", "PYTHONDONTWRITEBYTECODE=1", sys.executable]
        command += ["-W", "ignore", program, self._directory / f"{name}.conf", "-v"]
        return spawn(command, log=self._log(name))

    def _wait(self, name: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not _accepts(self._ports[name]):
            if not self._runs(name) or time.monotonic() > deadline:
                raise RuntimeError(f"swift-{name}-server did not start: {self._log(name).read_text()}")
            time.sleep(0.05)

    def _log(self, name: str) -> Path:
        return self._directory / f"{name}.log"


# In a process of its own: Swift's modules change the interpreter that imports them.
_RINGS = """
import sys
from swift.common.ring import RingBuilder
directory, *ports = sys.argv[1:]
for name, port in zip(("account", "container", "object"), ports):
    place = {"ip": "127.0.0.1", "port": int(port), "replication_ip": "127.0.0.1", "replication_port": int(port)}
    builder = RingBuilder(2, 1, 0)
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "device": "one", "weight": 1, "meta": "", **place})
    builder.rebalance()
    builder.get_ring().save(f"{directory}/{name}.ring.gz")
"""


@pytest.fixture(scope="session")
def _swift() -> Iterator[Swift]:
    if find_spec("swift") is None:
        missing("S3 server", "install the dev group: make setup")
    with tempfile.TemporaryDirectory(prefix="chitram-s3-", ignore_cleanup_errors=True) as directory:
        server = Swift(Path(directory))
        try:
            server.configure()
            server.start()
            yield server
        finally:
            server.close()


@pytest.fixture
def swift(_swift: Swift) -> Swift:
    """The running server. A test may kill or pause it; the next test finds it whole."""
    _swift.resume()
    _swift.start()
    return _swift


@pytest.fixture
def bucket() -> str:
    """The name of a bucket that does not exist yet, of this test alone."""
    return f"test-{os.getpid()}-{next(_numbers)}"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return getpass.getuser()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
