"""One Redis node as a child process: start, stop, kill, pause, resume. It knows nothing of the other nodes.

A node keeps nothing on disk: its memory is a cache, and the database can fill it again.
"""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from chitram.embedded.binary import Binary
from chitram.embedded.children import end, spawn
from chitram.embedded.errors import NodeError

START_SECONDS = 10.0
STOP_SECONDS = 2.0
_MEMORY = "64mb"


class NodeProcess:
    """A node that listens on a unix socket in `directory`, and on 127.0.0.1:`port` too if one is given.

    The directory must be the owner's alone (0700): whoever can open the socket is trusted.
    """

    def __init__(self, name: str, binary: Binary, directory: Path, *, port: int = 0) -> None:
        self.name = name
        self.port = port
        self.socket = directory / f"{name}.sock"
        self.log = directory / f"{name}.log"
        self._binary = binary
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where clients reach the node, as a URL."""
        return f"unix://{self.socket}"

    @property
    def tcp_address(self) -> str:
        """`host:port`; only for a node that was given a port."""
        if not self.port:
            raise NodeError(f"node {self.name} listens on {self.address} only: give it a port")
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process exists; a paused one does."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The process id; NodeError when it does not run."""
        if self._child is None or not self.running:
            raise NodeError(f"node {self.name} is not running: start it first")
        return self._child.pid

    @property
    def end(self) -> str:
        """How the process ended, as the predicate of a sentence."""
        if self._child is None or self._child.returncode is None:
            return "has not been started" if self._child is None else "runs"
        code = self._child.returncode
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def start(self) -> None:
        """Start the process and return when it answers. NodeError, with the server's own words, if it does not."""
        self.spawn()
        self.wait_until_ready()

    def spawn(self) -> None:
        """Start the process without waiting for it. From the main thread only (see `children.spawn`)."""
        try:
            self.socket.unlink(missing_ok=True)
            self.log.unlink(missing_ok=True)
            self._child = spawn(self._arguments(), log=self.log)
        except OSError as error:
            raise NodeError(f"node {self.name} cannot be started: {error}") from error

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Return when the node answers a PING; NodeError when it ends or stays silent for `seconds`."""
        deadline = time.monotonic() + seconds
        while not ping(self.socket):
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise NodeError(f"node {self.name} did not start: {self._last_words()} (all of it: {self.log})")
            time.sleep(0.01)

    def terminate(self) -> None:
        """Ask the process to end, without waiting for it."""
        if self.running:
            os.kill(self.pid, signal.SIGTERM)

    def stop(self) -> None:
        """End the process, by force after two seconds."""
        if self._child is not None:
            end(self._child, grace=STOP_SECONDS)

    def kill(self) -> None:
        """End the process as `kill -9` does."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on; whatever it had been sent meanwhile is executed now."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        """Stop and start again: empty, and without any connection it had."""
        self.stop()
        self.start()

    def _arguments(self) -> list[str | Path]:
        return [
            self._binary.path,
            *("--port", str(self.port), "--bind", "127.0.0.1"),
            *("--unixsocket", self.socket, "--unixsocketperm", "700"),
            *("--save", "", "--appendonly", "no", "--dir", self.socket.parent),
            *("--maxmemory", _MEMORY, "--maxmemory-policy", "volatile-lfu"),
        ]

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").split("\n")
        except OSError:
            lines = []
        said = [line.strip() for line in lines if line.strip()]
        return said[-1] if said else "it said nothing"


def ping(path: Path) -> bool:
    """Whether a server answers on the unix socket within a second."""
    return command(path, b"PING\r\n").startswith(b"+PONG")


def command(path: Path, line: bytes) -> bytes:
    """Send one inline command and return the first bytes of the reply; empty if nobody answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
            client.sendall(line)
            return client.recv(4096)
        except OSError:
            return b""
