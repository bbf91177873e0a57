"""A zip that is handed on while it is written, by the standard library's zipfile over a sink that cannot seek.

Pictures are stored as they are: they do not get smaller. What zipfile would keep of each entry until the end lies in a
spool, so that memory does not grow with the number of pictures either.
"""

import pickle
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path

from chitram.adapters.spool import Spool

PIECE = 256 * 1024
_MODE = (stat.S_IFREG | 0o600) << 16  # private pictures are in it
_EARLIEST = 1980


@contextmanager
def zip_archive(folder: Path) -> Iterator["ZipArchive"]:
    """A new archive; whatever it had to keep in *folder* is gone after the block."""
    with closing(Spool(folder)) as notes, closing(Spool(folder)) as entries, closing(Spool(folder)) as directory:
        yield ZipArchive(notes, entries, directory)


class ZipArchive:
    """Entries one after the other. *notes* is for whoever writes the archive."""

    def __init__(self, notes: Spool, entries: Spool, directory: Spool) -> None:
        self.notes = notes
        self._entries = entries
        self._directory = directory
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w")

    @contextmanager
    def entry(self, name: str, *, size: int, at: datetime, packed: bool = False) -> Iterator[Callable[[bytes], object]]:
        """Write an entry of at most *size* bytes inside the block, by the function that this gives. From 2 GB on, an
        entry is written in another way from its beginning.
        """
        info = zipfile.ZipInfo(name, (max(at.year, _EARLIEST), at.month, at.day, at.hour, at.minute, at.second))
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        info.external_attr = _MODE
        info.file_size = size
        with self._zip.open(info, "w") as writing:
            yield writing.write
        self._entries.append(pickle.dumps(self._zip.filelist.pop()))
        self._zip.NameToInfo.clear()

    def taken(self) -> bytes:
        """What has been written since the last time."""
        return self._sink.take()

    def finished(self) -> Iterator[bytes]:
        """The end of the archive: after this nothing can be written."""
        self._zip.filelist = _Infos(self._entries)
        self._sink.spool = self._directory
        self._zip.close()
        piece = bytearray()
        for part in chain([self._sink.take()], self._directory):
            piece += part
            if len(piece) >= PIECE:
                yield bytes(piece)
                piece.clear()
        yield bytes(piece)


class _Sink:
    """A file without positions. With a *spool* what is written goes there."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.spool: Spool | None = None

    def write(self, data: bytes, /) -> int:
        (self._parts if self.spool is None else self.spool).append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing behind it."""

    def close(self) -> None:
        """Nor is there anything to let go of."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


class _Infos(list[zipfile.ZipInfo]):
    """The entries out of their spool: zipfile counts them and goes through them once, to write the directory."""

    def __init__(self, entries: Spool) -> None:
        super().__init__()
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[zipfile.ZipInfo]:
        # Pickles of our own, from a file without a name: nobody else can have put anything in.
        return map(pickle.loads, self._entries)
