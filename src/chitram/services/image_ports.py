"""What the use cases need of the metadata of images."""

from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from chitram.domain.identifiers import ImageId
from chitram.domain.image import Image, Thumbnails, Visibility
from chitram.domain.page import Cursor
from chitram.domain.quota import Usage
from chitram.services.job_ports import Job

CacheResult = Literal["hit", "miss", "disabled", "stale"]


class Document(NamedTuple):
    """An image as clients see it, encoded once: what the cache holds.

    *body* is the JSON of ``GET /images/{id}``, *etag* its validator (without quotes). The other fields decide who may
    see it and where its bytes lie; they never leave the service. No token, hash of one, or uploader's address is here.
    """

    visibility: Visibility
    owner_id: str | None
    blob_key: str
    etag: str
    body: bytes


Fetched = tuple[Document | None, CacheResult, str | None]
"""The outcome of a metadata read: the document, ``None`` for an unknown id; how it was found; the node that answered or
was filled. A plain tuple, since every hit makes one.
"""


@dataclass(frozen=True, slots=True)
class Listing:
    """A filter for lists. ``owner_id=None`` is everybody's; ``visibility=None`` is any."""

    owner_id: str | None = None
    visibility: Visibility | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list: its documents, and after which image the next page starts, unless this is the last."""

    documents: tuple[Document, ...]
    following: Cursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChanges:
    """What a change sets; ``None`` leaves a field as it is."""

    title: str | None = None
    visibility: Visibility | None = None


class Images(Protocol):
    """The metadata of all images. Each writing method is one transaction, and when it returns no process can read an
    older version from any cache. Every method raises ``ServiceUnavailable`` when the database cannot be reached.
    """

    def fetch(self, image_id: ImageId) -> Awaitable[Fetched]:
        """Read one document through the cache."""
        ...

    async def page(self, listing: Listing, after: Cursor | None, limit: int) -> Listed:
        """Up to *limit* documents, newest first, that follow *after*."""
        ...

    async def count(self, listing: Listing) -> int:
        """How many images there are."""
        ...

    async def add(self, image: Image, *, delete_token_sha256: str | None) -> Document:
        """Store a new image, unless its owner has one of the same bytes: then that one is given. Raises
        ``QuotaExceeded`` when its owner has no room for it, and then surely has not.
        """
        ...

    async def change(self, image_id: ImageId, changes: ImageChanges, *, if_match: str | None) -> Document:
        """Apply *changes*. Raises ``ImageNotFound``, and ``PreconditionFailed`` when *if_match* is another version."""
        ...

    async def remove(self, image_id: ImageId) -> bool:
        """Delete the row; ``False`` when there was none."""
        ...

    async def delete_token_sha256(self, image_id: ImageId) -> str | None:
        """The stored hash of an anonymous image's delete token. Never cached."""
        ...

    async def settle_thumbnails(self, image_id: ImageId, *, reason: str | None = None, job: Job | None = None) -> bool:
        """Say that the thumbnails are made, or with a *reason* that there will be none; ``False``, and nothing changes,
        when the image is gone meanwhile, or *job* is somebody else's by now.
        """
        ...

    async def known(self, image_ids: Collection[str]) -> set[str]:
        """Which of these ids have a row. Never cached."""
        ...


@dataclass(frozen=True, slots=True)
class Original:
    """An original as the database knows it."""

    id: ImageId
    blob_key: str
    sha256: str
    size: int
    thumbnails: Thumbnails
    created_at: datetime


class KnownIds(Protocol):
    """Which images there are. Raises ``ServiceUnavailable`` when the database cannot be reached."""

    async def known(self, image_ids: Collection[str]) -> set[str]:
        """Which of these ids have a row."""
        ...


class Inventory(KnownIds, Protocol):
    """What should be in the storage. Raises ``ServiceUnavailable`` when the database cannot be reached."""

    async def originals(self, after: str, limit: int) -> Sequence[Original]:
        """By id, those that follow *after*."""
        ...


class Quotas(Protocol):
    """What accounts use and may use. Raises ``ServiceUnavailable`` when the database cannot be reached."""

    async def usage(self, user_id: str) -> Usage:
        """What an account uses and may."""
        ...

    async def room(self, user_id: str) -> Usage:
        """The same as far as it decides what fits: without a quota nothing is summed up."""
        ...
