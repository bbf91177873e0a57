"""Collect what a killed process left behind: temporary files, and blobs whose image has no row."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chitram.domain.thumbnail import image_id_of
from chitram.logs import get_logger
from chitram.services.image_ports import KnownIds
from chitram.services.storage_ports import BlobStorage, StoredBlob

log = get_logger(__name__)

BATCH = 500
FEW = 20
SUSPICIOUS_SHARE = 0.05
"""So many lost images, or this share of all, are what crashes leave; more of them mean another database."""
KINDS = ("originals", "thumbnails", "other")
GRACE = timedelta(hours=1)
"""How long an upload in another process may take between its last byte and its row."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How many files, and their bytes."""

    objects: int
    size: int


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed, how many files without a picture it left, and what is stored: ``originals``,
    ``thumbnails`` and ``other`` things that nothing here has made.
    """

    temporary: int
    orphans: int
    left: int = 0
    stored: Mapping[str, Stored] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lost:
    """Files without a picture in the database: *pictures* that they were of, *of* so many in the storage."""

    blobs: tuple[StoredBlob, ...]
    pictures: int
    of: int

    @property
    def suspicious(self) -> bool:
        """Whether they are more than crashes leave: then a sweep removes none."""
        return self.pictures > max(FEW, self.of * SUSPICIOUS_SHARE)


class Housekeeping:
    """Sweeps the storage. A blob is stored before its row is written, so only those that nobody can still be working
    on may be judged.
    """

    def __init__(self, *, images: KnownIds, storage: BlobStorage) -> None:
        self._images = images
        self._storage = storage

    async def sweep(self, *, before: datetime) -> Swept:
        """Remove orphans last touched before *before*. Raises ``ServiceUnavailable``.

        Whoever has the storage alone may give the time of its own start; anyone else leaves :data:`GRACE` for uploads
        in other processes. Keys that nothing here has made are left alone, and so is everything
        when so many images are missing that the database cannot be the one of this storage.
        """
        temporary = await self._storage.clear_staging(older_than=before)
        found = await self._look(before)
        lost, judged = [blob.key for blob in found.lost], found.judged()
        if judged.suspicious:
            log.error(
                "too many pictures in the storage are not in the database: is it the right one? Nothing was removed",
                missing=judged.pictures,
                pictures=judged.of,
            )
            return Swept(temporary, 0, left=len(lost), stored=found.stored)
        await self._storage.delete(lost)
        if temporary or lost:
            log.info("swept what a dead process left", unfinished_uploads=temporary, files_without_picture=len(lost))
        return Swept(temporary, len(lost), stored=found.without_lost())

    async def lost(self, *, before: datetime) -> Lost:
        """What a sweep would remove, without removing it."""
        return (await self._look(before)).judged()

    async def _look(self, before: datetime) -> "_Found":
        """Walk through all of it."""
        found = _Found()
        async for batch in _batches(self._storage.walk()):
            judged = [(blob, image_id_of(blob.key)) for blob in batch if blob.modified_at <= before]
            owners = {owner for _, owner in judged if owner}
            known = await self._images.known(owners)
            found.lost += [blob for blob, owner in judged if owner and owner not in known]
            found.images |= owners
            found.stored = _sum(found.stored, batch, 1)
        return found


@dataclass(slots=True)
class _Found:
    """What a walk has seen."""

    lost: list[StoredBlob] = field(default_factory=list)
    images: set[str] = field(default_factory=set)
    stored: dict[str, Stored] = field(default_factory=lambda: _sum({}, (), 1))

    def judged(self) -> Lost:
        """The lost ones, beside how many pictures there are."""
        return Lost(tuple(self.lost), len({image_id_of(blob.key) for blob in self.lost}), len(self.images))

    def without_lost(self) -> dict[str, Stored]:
        """What is stored once the lost ones are gone."""
        return _sum(self.stored, self.lost, -1)


def _sum(before: Mapping[str, Stored], blobs: Iterable[StoredBlob], sign: int) -> dict[str, Stored]:
    """Add the blobs to what there was, or take them away, by kind."""
    after = {kind: before.get(kind, Stored(0, 0)) for kind in KINDS}
    for blob in blobs:
        kind = blob.key.partition("/")[0] if image_id_of(blob.key) else "other"
        after[kind] = Stored(after[kind].objects + sign, after[kind].size + sign * blob.size)
    return after


async def _batches(blobs: AsyncIterator[StoredBlob]) -> AsyncIterator[list[StoredBlob]]:
    batch: list[StoredBlob] = []
    async for blob in blobs:
        batch.append(blob)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch
