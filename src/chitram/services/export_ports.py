"""What handing somebody's whole library on needs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from typing import Protocol

from chitram.domain.image import Image
from chitram.domain.page import Cursor
from chitram.services.image_ports import KnownIds


class Library(KnownIds, Protocol):
    """An account's images, read past every cache: a whole library would push out what others read."""

    async def owned(self, owner_id: str, after: Cursor | None, limit: int) -> Sequence[Image]:
        """Up to *limit*, newest first, that follow *after*."""
        ...


class Notes(Protocol):
    """Records for later; any number of them."""

    def append(self, record: bytes) -> None:
        """Keep one more."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """All of them, in their order."""
        ...


class Archive(Protocol):
    """One file of many that is handed on while it is written. Never blocks for long."""

    @property
    def notes(self) -> Notes:
        """For whoever writes the archive."""
        ...

    def entry(
        self, name: str, *, size: int, at: datetime, packed: bool = False
    ) -> AbstractContextManager[Callable[[bytes], object]]:
        """Write an entry of at most *size* bytes inside the block, by the function that this gives."""
        ...

    def taken(self) -> bytes:
        """What has been written since the last time."""
        ...

    def finished(self) -> Iterator[bytes]:
        """The end of the archive: after this nothing can be written."""
        ...


class ExportTurns(Protocol):
    """Who is being exported."""

    def turn(self, user_id: str) -> AbstractAsyncContextManager[None]:
        """Have an account's turn inside the block. Raises ``ExportRunning`` while somebody else has it."""
        ...

    async def settled(self) -> None:
        """Return when every turn that has ended is given back."""
        ...
