"""One `chitram serve`, a real process that can be killed, frozen and started again."""

import asyncio
import math
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.ports import free_port

_START_SECONDS = 60.0
CHITRAM = ("-m", "chitram")


class Process:
    """Runs in `directory` with an environment of its own; what it says goes to a file there."""

    def __init__(self, directory: Path, environ: Mapping[str, str], command: Sequence[str] = CHITRAM) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.alive = self.frozen = False
        self.started = self._ended = self._thawed = -math.inf
        self._environ = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **environ}
        self._command = command
        self._child: asyncio.subprocess.Process | None = None

    @property
    def errors(self) -> str:
        """What it wrote to stderr, in all its lives."""
        return (self.directory / "errors").read_text()

    async def start(self) -> None:
        """Start, and return when it says that it is ready."""
        arguments = [*self._command, "serve", "--port", str(self.port)]
        with (self.directory / "errors").open("ab") as errors:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                cwd=self.directory,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        assert self._child.stdout is not None
        async with asyncio.timeout(_START_SECONDS):
            line = await self._child.stdout.readline()
        assert line.startswith(b"ready "), f"it did not start:\n{self.errors}"
        self.alive, self.started = True, time.monotonic()

    async def kill(self) -> None:
        """End it as `kill -9` does."""
        self.alive = False
        self._ended = time.monotonic()
        if self._child is not None and self._child.returncode is None:
            self._child.kill()
            await self._child.communicate()
        self._ended = time.monotonic()

    def freeze(self) -> None:
        """Stop it where it stands (SIGSTOP)."""
        self.frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)
        self.frozen, self._thawed = False, time.monotonic()

    def died_since(self, moment: float) -> bool:
        """Whether it was killed after this moment, or is not there."""
        return not self.alive or self._ended >= moment

    def was_frozen_since(self, moment: float) -> bool:
        """Whether it stood still at some time after this moment."""
        return self.frozen or self._thawed >= moment

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(number)
