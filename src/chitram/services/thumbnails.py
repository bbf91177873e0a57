"""Make the thumbnails that the database says are owed: at once after an upload, or later if this process died first.

Making them twice does no harm, so several processes may do the same one; each looks first whether what it found owing
is owed still, and takes it up in an order of its own. A picture that cannot be scaled is settled as failed after
:data:`ATTEMPTS`, so that it is not tried for ever.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from contextvars import Context, copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from chitram.domain.errors import InvalidFileFormat, ServiceUnavailable, TooManyPixels
from chitram.domain.identifiers import ImageId
from chitram.domain.thumbnail import thumbnail_key, thumbnail_keys
from chitram.logs import get_logger
from chitram.services.ports import BlobStorage, Images, Pictures

log = get_logger(__name__)

ATTEMPTS = 3
CATCH_UP_SECONDS = 60.0
_NO_ORIGINAL = "its original is not in the storage: deleted a moment ago, or lost"
"""How often the database is asked what other processes left owing."""


JobResult = Literal["done", "failed", "deferred"]


@dataclass(frozen=True, slots=True)
class Finished:
    """One attempt: how it ended, the seconds that it took, and those since the thumbnails were owed here."""

    result: JobResult
    seconds: float
    since_owed: float


class _Owed(NamedTuple):
    """One image, and the context variables of whoever queued it: the job's log lines name the request behind it."""

    image_id: ImageId
    blob_key: str
    context: Context
    anybodys: bool
    """Other processes may take it up, too."""


class Thumbnailer:
    """A queue in memory in front of what the database knows; the queue may be lost at any moment.

    *around* is entered for each job, in the context of whoever queued it.
    """

    def __init__(
        self,
        *,
        images: Images,
        storage: BlobStorage,
        pictures: Pictures,
        finished: Callable[[Finished], None],
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._images = images
        self._storage = storage
        self._pictures = pictures
        self._finished = finished
        self._around = around
        self._queue: asyncio.Queue[_Owed] = asyncio.Queue()
        self._waiting: dict[ImageId, float] = {}
        self._attempts: dict[ImageId, int] = {}
        self.dead: int | None = None
        """How many pictures will never have thumbnails, as the database last said."""

    @property
    def waiting(self) -> int:
        """How many images are in this process's queue."""
        return len(self._waiting)

    def owe(self, image_id: ImageId, blob_key: str, *, anybodys: bool = False) -> None:
        """Queue one image; called right after its row was written. *anybodys* is what other processes may do, too."""
        if image_id not in self._waiting:
            self._waiting[image_id] = time.monotonic()
            self._queue.put_nowait(_Owed(image_id, blob_key, copy_context(), anybodys))

    async def work(self) -> None:
        """Make queued thumbnails until cancelled."""
        while True:
            owed = await self._queue.get()
            try:
                await asyncio.get_running_loop().create_task(self._job(owed), context=owed.context)
            finally:
                self._waiting.pop(owed.image_id, None)

    async def catch_up(self) -> None:
        """Queue what is owed since an earlier run, now and again every minute, until cancelled."""
        while True:
            try:
                owing = list(await self._images.owing_thumbnails(limit=500))
                random.shuffle(owing)
                for image_id, blob_key in owing:
                    self.owe(image_id, blob_key, anybodys=True)
                self.dead = await self._images.count_without_thumbnails()
            except ServiceUnavailable:
                log.warning("cannot ask the database which thumbnails are owed; asking again in a minute")
            await asyncio.sleep(CATCH_UP_SECONDS)

    async def make(self, image_id: ImageId, blob_key: str) -> bool:
        """Make and settle them now, over those that are there; whether it could be done. Raises
        ``ServiceUnavailable``.
        """
        made = await self._render(image_id, blob_key)
        if not await self._images.settle_thumbnails(image_id, made=made):
            await self._storage.delete(thumbnail_keys(image_id))  # deleted while we were drawing
        return made

    async def _job(self, owed: _Owed) -> None:
        if owed.anybodys and not await self._still_owed(owed.image_id):
            return
        with self._around():
            await self._make(owed.image_id, owed.blob_key)

    async def _still_owed(self, image_id: ImageId) -> bool:
        try:
            return await self._images.owes_thumbnails(image_id)
        except ServiceUnavailable:
            return False  # the next look for what is owed finds it again

    async def _make(self, image_id: ImageId, blob_key: str) -> None:
        began, owed_at = time.monotonic(), self._waiting[image_id]
        result: JobResult = "deferred"
        try:
            made = await self.make(image_id, blob_key)
            self._attempts.pop(image_id, None)
            result = "done" if made else "failed"
        except ServiceUnavailable:
            log.warning("thumbnails are put off: the database or the storage cannot be reached", image=image_id)
        except Exception:
            log.exception("thumbnails failed unexpectedly", image=image_id)
            result = await self._give_up_after_attempts(image_id)
        now = time.monotonic()
        self._finished(Finished(result, now - began, now - owed_at))

    async def _render(self, image_id: ImageId, blob_key: str) -> bool:
        try:
            async with local_copy(self._storage, blob_key) as path:
                rendered = await self._pictures.thumbnails(path)
        except KeyError:
            log.warning("no thumbnails can be made of a picture", image=image_id, reason=_NO_ORIGINAL)
            return False
        except (InvalidFileFormat, TooManyPixels) as error:
            log.warning("no thumbnails can be made of a picture", image=image_id, reason=str(error))
            return False
        for thumbnail in rendered:
            await self._storage.put(thumbnail_key(image_id, thumbnail.size, thumbnail.kind), thumbnail.data)
        return True

    async def _give_up_after_attempts(self, image_id: ImageId) -> JobResult:
        self._attempts[image_id] = self._attempts.get(image_id, 0) + 1
        if self._attempts[image_id] < ATTEMPTS:
            return "deferred"
        self._attempts.pop(image_id)
        try:
            await self._images.settle_thumbnails(image_id, made=False)
        except ServiceUnavailable:
            log.warning("thumbnails stay owed: the database cannot be reached", image=image_id)
            return "deferred"
        return "failed"


@asynccontextmanager
async def local_copy(storage: BlobStorage, key: str) -> AsyncIterator[Path]:
    """A stored blob as a temporary file, for code that needs to seek. Raises ``KeyError`` when it is missing."""
    async with storage.open(key) as blob, storage.stage(blob.read(0, blob.size)) as staged:
        yield staged.path
