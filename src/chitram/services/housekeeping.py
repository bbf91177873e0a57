"""Collect what a killed process left behind: temporary files, and blobs whose image has no row."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from chitram.domain.thumbnail import image_id_of
from chitram.logs import get_logger
from chitram.services.ports import BlobStorage, Images, StoredBlob

log = get_logger(__name__)

BATCH = 500
FEW = 20
SUSPICIOUS_SHARE = 0.05
"""So many lost images, or this share of all, are what crashes leave; more of them mean another database."""
GRACE = timedelta(hours=1)
"""How long an upload in another process may take between its last byte and its row."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed."""

    temporary: int
    orphans: int


class Housekeeping:
    """Sweeps the storage. A blob is stored before its row is written, so only those that nobody can still be working
    on may be judged.
    """

    def __init__(self, *, images: Images, storage: BlobStorage) -> None:
        self._images = images
        self._storage = storage

    async def sweep(self, *, before: datetime) -> Swept:
        """Remove orphans last touched before *before*. Raises ``ServiceUnavailable``.

        Whoever has the storage alone may give the time of its own start; anyone else leaves :data:`GRACE` for uploads
        in other processes. Keys that nothing here has made are left alone, and so is everything
        when so many images are missing that the database cannot be the one of this storage.
        """
        temporary = await self._storage.clear_staging(older_than=before)
        lost, images = await self._lost(before)
        missing = len({image_id_of(key) for key in lost})
        if missing > max(FEW, images * SUSPICIOUS_SHARE):
            log.error(
                "too many pictures in the storage are not in the database: is it the right one? Nothing was removed",
                missing=missing,
                pictures=images,
            )
            return Swept(temporary, 0)
        await self._storage.delete(lost)
        if temporary or lost:
            log.info("swept what a dead process left", unfinished_uploads=temporary, files_without_picture=len(lost))
        return Swept(temporary, len(lost))

    async def _lost(self, before: datetime) -> tuple[list[str], int]:
        """The keys of blobs without a row, and how many images have blobs at all."""
        lost: list[str] = []
        seen: set[str] = set()
        async for batch in _batches(self._storage.walk()):
            judged = {blob.key: image_id_of(blob.key) for blob in batch if blob.modified_at <= before}
            owners = {owner for owner in judged.values() if owner}
            known = await self._images.known(owners)
            lost += [key for key, owner in judged.items() if owner and owner not in known]
            seen |= owners
        return lost, len(seen)


async def _batches(blobs: AsyncIterator[StoredBlob]) -> AsyncIterator[list[StoredBlob]]:
    batch: list[StoredBlob] = []
    async for blob in blobs:
        batch.append(blob)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch
