"""Make the thumbnails of one picture, and settle that they are there or never will be.

Making them twice does no harm: they are the same, under the same names.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chitram.domain.errors import InvalidFileFormat, TooManyPixels
from chitram.domain.identifiers import ImageId
from chitram.domain.thumbnail import thumbnail_key, thumbnail_keys
from chitram.services.image_ports import Images
from chitram.services.job_ports import Hopeless, Job, Setback
from chitram.services.picture_ports import Pictures
from chitram.services.storage_ports import BlobStorage
from chitram.services.uninterrupted import uninterrupted

THUMBNAILS = "thumbnails"
_NO_ORIGINAL = "its original is not in the storage: deleted a moment ago, or lost"


class Thumbnailer:
    """The workshop for jobs of the kind ``thumbnails``."""

    kind = THUMBNAILS

    def __init__(self, *, images: Images, storage: BlobStorage, pictures: Pictures) -> None:
        self._images = images
        self._storage = storage
        self._pictures = pictures

    async def perform(self, job: Job) -> None:
        """Make and settle them. Raises ``Hopeless`` for a picture that cannot be scaled, ``Setback`` without its
        original, ``ServiceUnavailable``.
        """
        await self._draw(job.image_id, job.blob_key)
        await self._settle(job.image_id, job=job)

    async def check(self) -> None:
        """Whether the storage answers. Raises ``ServiceUnavailable``."""
        await self._storage.check()

    async def give_up(self, job: Job, reason: str) -> None:
        """Settle that there will be none. Raises ``ServiceUnavailable``."""
        await self._settle(job.image_id, job=job, reason=reason)

    async def make(self, image_id: ImageId, blob_key: str) -> str | None:
        """Make and settle them now, over those that are there, whoever else is at it; if that cannot be done, why not.
        What may pass changes nothing: thumbnails that are there stay. Raises ``ServiceUnavailable``.
        """
        try:
            await self._draw(image_id, blob_key)
        except Setback as error:
            return str(error)
        except Hopeless as error:
            await self._settle(image_id, reason=str(error))
            return str(error)
        await self._settle(image_id)
        return None

    async def _settle(self, image_id: ImageId, *, job: Job | None = None, reason: str | None = None) -> None:
        """Without a *reason* they are made."""
        settled = await uninterrupted(self._images.settle_thumbnails(image_id, reason=reason, job=job))
        if not settled and not await self._images.known([image_id]):
            await self._storage.delete(thumbnail_keys(image_id))  # deleted while we were drawing

    async def _draw(self, image_id: ImageId, blob_key: str) -> None:
        try:
            async with local_copy(self._storage, blob_key) as path:
                rendered = await self._pictures.thumbnails(path)
        except KeyError:
            raise Setback(_NO_ORIGINAL) from None
        except (InvalidFileFormat, TooManyPixels) as error:
            raise Hopeless(str(error)) from error
        for thumbnail in rendered:
            await self._storage.put(thumbnail_key(image_id, thumbnail.size, thumbnail.kind), thumbnail.data)


@asynccontextmanager
async def local_copy(storage: BlobStorage, key: str) -> AsyncIterator[Path]:
    """A stored blob as a temporary file, for code that needs to seek. Raises ``KeyError`` when it is missing."""
    async with storage.open(key) as blob, storage.stage(blob.read(0, blob.size)) as staged:
        yield staged.path
