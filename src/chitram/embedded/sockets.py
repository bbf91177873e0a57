"""Where the nodes' unix sockets are. No port to collide with, and no network to be reached from."""

import hashlib
import os
import re
import tempfile
import time
from pathlib import Path

from chitram.embedded.errors import NodeError
from chitram.embedded.node import command, ping

_LONGEST = 100  # bytes: sockaddr_un has room for 108 on Linux and 104 on macOS and BSD
_PLAIN = re.compile(r"[A-Za-z0-9._/+-]+")  # what needs no quoting in a URL nor in a comma-separated list


def socket_directory(data: Path) -> Path:
    """The directory (0700) for the sockets of the stack in `data`; the same one at every start.

    It is `data/run`, or one under the system's temporary directory where that path would be too long
    for a socket. NodeError if it exists there and belongs to somebody else.
    """
    directory = data / "run"
    address = str(directory / "a.sock")
    if len(os.fsencode(address)) > _LONGEST or not _PLAIN.fullmatch(address):
        key = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
        directory = Path(tempfile.gettempdir()) / f"chitram-{os.geteuid()}-{key}"
    directory.mkdir(mode=0o700, exist_ok=True)
    _insist_on_privacy(directory)
    return directory


def shut_down_leftovers(directory: Path, *, seconds: float = 2.0) -> int:
    """End the nodes that an earlier stack left behind, and say how many there were.

    Only where the system does not end them with their parent can there be any. The caller holds the
    lock of the data directory, so whatever answers here belongs to nobody. A frozen one is not reached:
    its socket is removed, it keeps its memory until somebody ends it.
    """
    sockets = sorted(directory.glob("*.sock"))
    alive = [path for path in sockets if ping(path)]
    for path in alive:
        command(path, b"SHUTDOWN NOSAVE\r\n")
    deadline = time.monotonic() + seconds
    while any(map(ping, alive)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for path in sockets:
        path.unlink(missing_ok=True)
    return len(alive)


def _insist_on_privacy(directory: Path) -> None:
    # In a shared temporary directory anybody could have put a directory, or a link to one, in our place.
    found = directory.lstat()
    if directory.is_symlink() or found.st_uid != os.geteuid():
        raise NodeError(f"{directory} belongs to somebody else: remove it, or choose another --data DIR")
    if found.st_mode & 0o077:
        directory.chmod(0o700)
