"""Is every original that the database names in the storage, byte for byte as it was uploaded?"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

from chitram.domain.errors import ServiceUnavailable
from chitram.services.image_ports import Inventory, Original
from chitram.services.storage_ports import BlobStorage

AT_ONCE = 4
BATCH = 100
State = Literal["fine", "missing", "damaged", "unreadable"]


@dataclass(frozen=True, slots=True)
class Verified:
    """One original, read from its first to its last byte."""

    original: Original
    state: State
    why: str = ""


class Verification:
    """Reads the storage, a few originals at a time; changes nothing."""

    def __init__(self, *, inventory: Inventory, storage: BlobStorage) -> None:
        self._inventory = inventory
        self._storage = storage

    async def all(self, *, after: str = "") -> AsyncIterator[Verified]:
        """Every original by the order of its id, those that follow *after*. Raises ``ServiceUnavailable`` when the
        database or the storage as a whole cannot be reached.
        """
        while batch := await self._inventory.originals(after, BATCH):
            async for verified in self.these(batch):
                yield verified
            after = batch[-1].id

    async def these(self, originals: Sequence[Original]) -> AsyncIterator[Verified]:
        """The given ones, in their order. A picture that was deleted meanwhile is none that is missing."""
        for start in range(0, len(originals), AT_ONCE):
            some = originals[start : start + AT_ONCE]
            for verified in await asyncio.gather(*(self._verified(original) for original in some)):
                if verified.state == "fine" or await self._still_there(verified.original):
                    yield verified

    async def _verified(self, original: Original) -> Verified:
        digest, read = hashlib.sha256(), 0
        try:
            async with self._storage.open(original.blob_key) as blob:
                async for chunk in blob.read(0, blob.size):
                    digest.update(chunk)
                    read += len(chunk)
        except KeyError:
            return Verified(original, "missing", "there is no such file")
        except ServiceUnavailable as error:
            await self._storage.check()  # raises if it is the storage, not this file
            return Verified(original, "unreadable", str(error.__cause__ or error))
        if read != original.size:
            return Verified(original, "damaged", f"{read} bytes instead of {original.size}")
        if digest.hexdigest() != original.sha256:
            return Verified(original, "damaged", "its SHA-256 is another one")
        return Verified(original, "fine")

    async def _still_there(self, original: Original) -> bool:
        return original.id in await self._inventory.known([original.id])
