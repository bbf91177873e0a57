"""What the use cases need from the outside. Adapters implement these; tests do too, and pass the same suites."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from chitram.domain.account import User
from chitram.domain.api_key import ApiKey
from chitram.domain.identifiers import ImageId
from chitram.domain.image import Image, Thumbnails, Visibility
from chitram.domain.media import MediaType
from chitram.domain.node_set import NodeChange, RingNode
from chitram.domain.page import Cursor
from chitram.domain.quota import Usage
from chitram.domain.thumbnail import ThumbnailFormat
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


class Quotas(Protocol):
    """What accounts use and may use. Raises ``ServiceUnavailable`` when the database cannot be reached."""

    async def usage(self, user_id: str) -> Usage:
        """What an account uses and may."""
        ...

    async def room(self, user_id: str) -> Usage:
        """The same as far as it decides what fits: without a quota nothing is summed up."""
        ...


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


@dataclass(frozen=True, slots=True)
class NodeSet:
    """The nodes under one version. *shares* are each node's part of all keys; *imbalance* of 1 is perfect."""

    version: int
    salt: int
    vnodes: int
    ring_hash: str
    nodes: tuple[RingNode, ...]
    shares: Mapping[str, float]
    imbalance: float


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a change would do to the set at *version*: shares before and after, and the part of all keys that moves."""

    version: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    moved: float
    moves: Mapping[str, float]
    """"a to b" → part of all keys; "none" stands for no node."""

    def leaving(self, name: str) -> float:
        """The part of all keys that *name* owns now and will not own any more."""
        return sum(part for pair, part in self.moves.items() if pair.startswith(f"{name} to "))


class NodeSets(Protocol):
    """The stored node set that every process follows. Raises ``ServiceUnavailable`` without the database."""

    async def current(self) -> NodeSet:
        """The set as it is."""
        ...

    async def plan(self, change: NodeChange) -> NodePlan:
        """What *change* would do. Raises ``NotFound``, ``Conflict``, ``ValidationFailed``."""
        ...

    async def commit(self, change: NodeChange, *, version: int | None) -> NodeSet:
        """Make *change*, unless the set is no longer at *version* (``Conflict``). Raises what :meth:`plan` raises."""
        ...


class Users(Protocol):
    """Accounts and the tokens that were revoked. Raises ``ServiceUnavailable`` when the database cannot be reached."""

    async def add(self, user: User, password_hash: str) -> None:
        """Store a new account. Raises ``EmailExists``."""
        ...

    async def by_email(self, email: str) -> tuple[User, str] | None:
        """The account with its password hash."""
        ...

    async def by_token(self, user_id: str, token_id: str, issued_at: datetime) -> User | None:
        """The account that a token speaks for, unless it is unknown or the token was revoked."""
        ...

    async def password_hash(self, user_id: str) -> str | None:
        """The stored hash."""
        ...

    async def set_password(
        self, user_id: str, password_hash: str, *, instead_of: str | None, revoke_before: datetime
    ) -> bool:
        """Store a new hash and revoke every token issued before *revoke_before*; ``False``, and nothing happens, when
        the stored hash is not *instead_of* any more.
        """
        ...

    async def revoke(self, token_id: str, expires_at: datetime) -> None:
        """Make one token worthless; it may be forgotten after *expires_at*."""
        ...


class ApiKeyStore(Protocol):
    """API keys by the hash of their secret. Raises ``ServiceUnavailable`` when the database cannot be reached."""

    async def add(self, key: ApiKey, sha256: str, *, at_most: int) -> None:
        """Store a new key. Raises ``KeyNameTaken``, and ``TooManyKeys`` for an account that has *at_most*."""
        ...

    async def by_hash(self, sha256: str) -> tuple[ApiKey, User] | None:
        """The key with its account, active or not. Never cached."""
        ...

    async def of(self, user_id: str) -> Sequence[ApiKey]:
        """An account's keys, newest first."""
        ...

    async def remove(self, user_id: str, key_id: str) -> bool:
        """Forget one of an account's keys; ``False`` when there was none."""
        ...

    async def mark_used(self, used: Mapping[str, datetime], *, unless_within: timedelta) -> None:
        """Note when keys (by id) were used, unless there is a note that is hardly older."""
        ...


class Passwords(Protocol):
    """Slow hashes, computed off the event loop and a few at a time."""

    async def hash(self, password: str) -> str:
        """A salted hash that says how it was made."""
        ...

    async def matches(self, password: str, stored: str | None) -> bool:
        """Compare. ``stored=None`` (no such account) takes as long as a real comparison and is ``False``."""
        ...


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says."""

    user_id: str
    token_id: str
    issued_at: datetime
    expires_at: datetime


class Tokens(Protocol):
    """Signed bearer tokens."""

    def issue(self, user_id: str, *, at: datetime) -> str:
        """A new token, issued *at* that moment: a revocation of all tokens until later reaches it."""
        ...

    def read(self, token: str) -> Claims:
        """Check a token. Raises ``TokenExpired`` or ``Unauthorized``."""
        ...


@dataclass(slots=True)
class Staged:
    """An upload on its way: a private temporary file, its length in bytes and its SHA-256 so far."""

    path: Path
    size: int = 0
    sha256: str = field(default="")


class Blob(Protocol):
    """Stored bytes, open for reading."""

    @property
    def size(self) -> int:
        """In bytes."""
        ...

    def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from *start* up to *stop*, in chunks of bounded size."""
        ...


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A row of a storage listing."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Space:
    """Room in the storage, in bytes."""

    free: int
    size: int


class BlobStorage(Protocol):
    """Originals and thumbnails by key. Each method raises ``ServiceUnavailable`` when the storage cannot be reached."""

    def stage(self, chunks: AsyncIterator[bytes]) -> AbstractAsyncContextManager[Staged]:
        """Write *chunks* to a temporary file that is gone after the block, unless it was stored."""
        ...

    async def store(self, staged: Staged, key: str) -> None:
        """Keep a staged file under *key*, all or nothing, safe against a power cut when this returns."""
        ...

    async def put(self, key: str, data: bytes) -> None:
        """Keep a small blob (a thumbnail), all or nothing."""
        ...

    def open(self, key: str) -> AbstractAsyncContextManager[Blob]:
        """Open a blob. Raises ``KeyError`` when there is none."""
        ...

    async def delete(self, keys: Collection[str]) -> None:
        """Remove blobs; those that are not there are no error."""
        ...

    def walk(self) -> AsyncIterator[StoredBlob]:
        """Every blob that is stored."""
        ...

    async def clear_staging(self, *, older_than: datetime) -> int:
        """Remove temporary files that a dead process left; how many there were."""
        ...

    async def check(self) -> None:
        """Write, read and remove a few bytes."""
        ...

    async def space(self) -> Space | None:
        """How much room there is, or ``None`` where nothing is known to limit it."""
        ...


class ConnectedStorage(BlobStorage, Protocol):
    """A storage with whatever it holds as long as the service runs."""

    def connected(self) -> AbstractAsyncContextManager[None]:
        """Hold it. Inside of this the storage may be used; entering never fails for a storage that is away."""
        ...


@dataclass(frozen=True, slots=True)
class Inspected:
    """What decoding showed. *color*, as ``#rrggbb``, lies behind it; width and height are as displayed."""

    media_type: MediaType
    width: int
    height: int
    color: str


@dataclass(frozen=True, slots=True)
class RenderedThumbnail:
    """One encoded thumbnail."""

    size: int
    kind: ThumbnailFormat
    data: bytes


class Pictures(Protocol):
    """Decoding and scaling, off the event loop and a few at a time."""

    async def inspect(self, path: Path) -> Inspected:
        """Decode the file. Raises ``InvalidFileFormat``, ``TooManyPixels`` before anything large is allocated, and
        ``ServiceUnavailable`` when this machine lacks what it takes, such as memory.
        """
        ...

    async def thumbnails(self, path: Path) -> Sequence[RenderedThumbnail]:
        """Every size and format. Raises what :meth:`inspect` does."""
        ...
