"""Records kept until the end of something long: a few in memory, many in a file without a name, which dies with us."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

IN_MEMORY = 2 * 1024 * 1024
_LENGTH = 4


class Spool:
    """Appended to, then read in the same order. *folder* is where many go; if it is not there, the system's place."""

    def __init__(self, folder: Path) -> None:
        place = str(folder) if folder.is_dir() else None
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=place)  # noqa: SIM115  closed by `close`
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, record: bytes) -> None:
        """Keep one more."""
        self._file.write(len(record).to_bytes(_LENGTH) + record)
        self._count += 1

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        for _ in range(self._count):
            yield self._file.read(int.from_bytes(self._file.read(_LENGTH)))
        self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Forget all of it."""
        self._file.close()
