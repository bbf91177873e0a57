"""Collect what a killed process left behind: temporary files, and blobs whose image has no row."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from chitram.domain.thumbnail import image_id_of
from chitram.services.ports import BlobStorage, Images, StoredBlob

log = logging.getLogger(__name__)

BATCH = 500
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
        in other processes. Keys that nothing here has made are left alone.
        """
        temporary = await self._storage.clear_staging(older_than=before)
        orphans = 0
        async for batch in _batches(self._storage.walk()):
            judged = {blob.key: image_id_of(blob.key) for blob in batch if blob.modified_at <= before}
            known = await self._images.known({owner for owner in judged.values() if owner})
            lost = [key for key, owner in judged.items() if owner and owner not in known]
            await self._storage.delete(lost)
            orphans += len(lost)
        if temporary or orphans:
            log.info("swept %d unfinished uploads and %d files without a picture", temporary, orphans)
        return Swept(temporary, orphans)


async def _batches(blobs: AsyncIterator[StoredBlob]) -> AsyncIterator[list[StoredBlob]]:
    batch: list[StoredBlob] = []
    async for blob in blobs:
        batch.append(blob)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch
