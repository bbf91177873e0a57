"""The directory that holds everything a stack keeps: one stack at a time, and a secret of its own."""

import fcntl
import os
import secrets
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from chitram.embedded.errors import DataDirError

SECRET_BYTES = 32


class DataDir:
    """A data directory while it is in use; a context manager that holds its lock.

    Entering creates it (0700) where it is missing and raises DataDirError if it cannot be written or
    another stack has it. The lock ends with the process, however that ends, so none is ever stale.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.database = self.path / "chitram.db"
        self.blobs = self.path / "blobs"
        self._lock: int | None = None

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._take_lock(self._lock)
            self._try_to_write()
        except OSError as error:
            self._release()
            raise DataDirError(f"{self.path} cannot be used: {error.strerror}; choose another --data DIR") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def secret(self) -> str:
        """The key that signs this directory's sessions: 32 random bytes in hexadecimal, made at the first use.

        It lies in `jwt_secret`, readable by its owner alone, so that sessions survive a restart.
        """
        path = self.path / "jwt_secret"
        if not path.exists():
            _write_privately(path, secrets.token_hex(SECRET_BYTES))
        written = path.read_text(encoding="ascii", errors="replace").strip()
        if len(written) < 2 * SECRET_BYTES:
            raise DataDirError(f"{path} is damaged: delete it, and everybody has to log in again")
        path.chmod(0o600)
        return written

    def _take_lock(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            self._release()
            raise DataDirError(
                f"{self.path} is in use by another chitram (process {holder}): stop it or choose another --data DIR"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)

    def _try_to_write(self) -> None:
        with tempfile.TemporaryFile(dir=self.path) as probe:
            probe.write(b"\0")

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def runs_on(path: Path) -> bool:
    """Whether a stack seems to run on a data directory, by the process that last took its lock; nothing is locked."""
    try:
        os.kill(int((path / "lock").read_text(encoding="ascii")), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _write_privately(path: Path, text: str) -> None:
    # Whole or not at all: half a secret after a crash would lock everybody out.
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
