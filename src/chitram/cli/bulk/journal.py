"""What has been uploaded without an account: the only place where the delete tokens are.

One JSON object a line: `sha256` of the local file, the image's `id`, its `delete_token`, and `path`. A line
is on the disk before the uploader takes its next file, so an interruption loses no token. A
line that was cut off is passed over.
"""

import json
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def journal_path(url: str) -> Path:
    """The journal of one server, in the user's state directory (XDG_STATE_HOME)."""
    home = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    server = re.sub(r"[^A-Za-z0-9.-]", "_", urlsplit(url).netloc.rpartition("@")[2])
    return home / "chitram" / "imports" / f"{server}.jsonl"


class Journal:
    """Uploads by SHA-256, kept in a file that only its owner can read (0600). Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ids: defaultdict[str, list[str]] = defaultdict(list)
        for entry in _read(path):
            self._ids[entry["sha256"]].append(entry["id"])

    def prepare(self) -> None:
        """Make sure that it can be written, before the first upload depends on it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = self._open()
        if _cut_off(self.path):
            os.write(descriptor, b"\n")
        os.close(descriptor)

    def ids(self, sha256: str) -> list[str]:
        """Images made from a file with this hash, the latest first. They may have been deleted since."""
        return self._ids[sha256][::-1]

    def add(self, sha256: str, file: Path, image: dict[str, Any]) -> None:
        """Write an upload down. Returns when the disk has it."""
        entry = {"sha256": sha256, "id": image["id"], "delete_token": image.get("delete_token"), "path": str(file)}
        descriptor = self._open()
        try:
            os.write(descriptor, json.dumps(entry).encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._ids[sha256].append(image["id"])

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    entries = (_parse(line) for line in lines)
    return [entry for entry in entries if entry]


def _parse(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and isinstance(entry.get("id"), str)
    return entry if whole else None


def _cut_off(path: Path) -> bool:
    written = path.read_bytes()
    return bool(written) and not written.endswith(b"\n")
