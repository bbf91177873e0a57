"""One bucket behind miniopy-async: the session it is spoken to through, deadlines, and that it exists.

The client's own session waits five minutes, allows ten connections and repeats requests whose body is used up; this one
never makes a request wait for another one's answer to be read, and gives up on a server that does nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import ClientSession, ClientTimeout, TCPConnector, hdrs
from miniopy_async.api import Minio
from miniopy_async.error import S3Error
from miniopy_async.helpers import check_bucket_name

from chitram.adapters.s3_errors import AWAY, FAILURES, Complaints
from chitram.domain.errors import ServiceUnavailable

log = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
PATIENCE_SECONDS = 20.0
"""How long the server may do nothing: before its answer, between two parts of one, or taking no byte of an upload."""
START_SECONDS = 3.0
"""How long the start waits for the bucket; the service runs without it."""
RETRY_SECONDS = 15.0

_OURS = {"BucketAlreadyOwnedByYou", "OperationAborted"}
"""Another process is making the bucket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """Where the bucket is and who asks. *endpoint* is ``host`` or ``host:port``."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str
    secure: bool = True
    region: str = "us-east-1"


class S3Bucket:
    """Raises ``ValueError`` for an endpoint or a name that cannot be one."""

    def __init__(self, place: S3Place) -> None:
        check_bucket_name(place.bucket, strict=True)
        self.name = place.bucket
        self._place = place
        # With its region given, no call asks for the bucket's location first.
        self._minio = Minio(
            place.endpoint, place.access_key, place.secret_key, secure=place.secure, region=place.region
        )
        self._complaints = Complaints(f"{place.endpoint}/{place.bucket}")
        self._connected = False

    @property
    def client(self) -> Minio:
        """Usable inside :meth:`connected`; outside of it the library would start a session that nobody ends."""
        if not self._connected:
            raise RuntimeError("the bucket is used outside of connected()")
        return self._minio

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Hold a session. The bucket is made if it is missing, now or as soon as the server answers."""
        async with _session() as session:
            self._minio.set_session(session)
            self._connected = True
            preparing = asyncio.create_task(self._prepare())
            try:
                await asyncio.wait({preparing}, timeout=START_SECONDS)
                yield
            finally:
                preparing.cancel()
                with suppress(asyncio.CancelledError):
                    await preparing
                self._connected = False

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Log why the server fails, and say ``ServiceUnavailable`` to the caller."""
        try:
            yield
        except FAILURES as error:
            self._complaints.add(error)
            raise ServiceUnavailable(AWAY) from error

    async def _prepare(self) -> None:
        while not await self._exists():  # noqa: ASYNC110  it is another machine that is waited for
            await asyncio.sleep(RETRY_SECONDS)

    async def _exists(self) -> bool:
        try:
            with self.reached():
                return await self.client.bucket_exists(self.name) or await self._make()
        except ServiceUnavailable:
            return False

    async def _make(self) -> bool:
        try:
            await self.client.make_bucket(self.name, self._place.region)
        except S3Error as error:
            if error.code in {"AccessDenied", "MethodNotAllowed", "AllAccessDisabled"}:
                log.error(  # noqa: TRY400  the traceback says less than the sentence
                    "the bucket %s does not exist, and MINIO_ACCESS_KEY may not make it: make it yourself", self.name
                )
                return False
            if error.code not in _OURS:
                raise
        log.info("the bucket %s was not there and has been made", self.name)
        return True


def _session() -> ClientSession:
    return ClientSession(
        connector=TCPConnector(limit=0),  # as many as there are callers: a slow reader must not hold up the others
        timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=PATIENCE_SECONDS),
        # Blobs come as they are; and the name of a temporary file is nobody's business.
        skip_auto_headers=[hdrs.ACCEPT_ENCODING, hdrs.CONTENT_DISPOSITION],
    )
