"""`chitram` itself as a child process: what a person at a terminal would start."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import Empty, Queue
from typing import IO

import pytest

_DEADLINE = 60.0


class Running:
    """A started `chitram`: its output is read as it comes, its errors lie in a file."""

    def __init__(self, child: "subprocess.Popen[str]", output: IO[str], errors: Path) -> None:
        self.child = child
        self.lines: list[str] = []
        self._errors = errors
        self._output = output
        self._incoming: Queue[str | None] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def errors(self) -> str:
        """What it has written to stderr so far."""
        return self._errors.read_text()

    def wait_for(self, start: str) -> str:
        """The rest of the first line of output that begins like this; fails when none comes."""
        while True:
            line = self._next(start)
            self.lines.append(line)
            if line.startswith(start):
                return line.removeprefix(start).strip()

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Send a signal."""
        self.child.send_signal(number)

    def wait(self, seconds: float = _DEADLINE) -> int:
        """The exit code, once it has ended and all its output is read; fails when that takes longer."""
        code = self.child.wait(seconds)
        self._reader.join(seconds)
        self.lines += iter(self._incoming.get, None)
        self._incoming.put(None)
        return code

    def close(self) -> None:
        """End it, however it is."""
        if self.child.poll() is None:
            self.child.kill()
        self.wait()
        self._output.close()

    def _next(self, start: str) -> str:
        try:
            line = self._incoming.get(timeout=_DEADLINE)
        except Empty:
            line = None
        if line is None:
            self._incoming.put(None)  # whoever waits for the end of the output comes after this
            pytest.fail(f"no line began with {start!r}:\n" + "\n".join(self.lines) + f"\n{self.errors}")
        return line

    def _read(self) -> None:
        for line in self._output:
            self._incoming.put(line.rstrip("\n"))
        self._incoming.put(None)


Chitram = Callable[..., Running]


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="chitram-") as directory:
        yield Path(directory)


@pytest.fixture
def chitram(tmp_path: Path, data: Path) -> Iterator[Chitram]:
    """Start `chitram` with some arguments, in a home and an environment of its own; before `data` goes it ends."""
    started: list[Running] = []
    home = tmp_path / "home"
    home.mkdir()

    def start(
        *arguments: object,
        environ: Mapping[str, str] | None = None,
        script: str | None = None,
        python: object = sys.executable,
    ) -> Running:
        own = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **(environ or {})}
        command = [str(python), *(["-c", script] if script else ["-m", "chitram"]), *map(str, arguments)]
        errors = tmp_path / f"errors-{len(started)}"
        with errors.open("w") as stderr:
            child = subprocess.Popen(
                command,
                cwd=tmp_path,
                env=own,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        assert child.stdout is not None
        started.append(Running(child, child.stdout, errors))
        return started[-1]

    yield start
    for running in started:
        running.close()
