"""Uploads by multipart request (RFC 7578): a place first, then fields and one file, streamed, in any order."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import BodyPartReader, hdrs, web

from chitram.domain.errors import (
    ChitramError,
    FileTooLarge,
    InvalidFileFormat,
    InvalidRequest,
    Problem,
    ValidationFailed,
)
from chitram.domain.image import Caller, Visibility
from chitram.domain.quota import Usage
from chitram.handlers.parts import Parts
from chitram.keys import METRICS, UPLOADS
from chitram.metrics import Metrics
from chitram.services.uploads import Incoming, Received, Uploaded, UploadOptions

MAX_FIELDS = 20
MAX_FIELD_BYTES = 4096
FORM_OVERHEAD = 64 * 1024
"""What a multipart request may be longer than its file, in bytes."""
_TOO_MUCH = "The form has too many or too long fields."


async def receive_upload(request: web.Request, caller: Caller) -> Uploaded:
    """Take one picture in from a multipart request: a place first, then the body, never held in memory.

    The part is called ``file``; ``title`` and ``visibility`` may come before or after it. Raises what
    :class:`~chitram.services.uploads.Uploads` raises, ``InvalidRequest`` and ``ValidationFailed``.
    """
    uploads = request.app[UPLOADS]
    with _counted(request.app[METRICS]):
        usage = await uploads.admit(caller)
        _refuse_announced(request, uploads.limits.max_bytes, usage)
        async with uploads.place(), _multipart(request) as form, _ReceivedFile(request, form, usage) as received:
            uploaded = await uploads.keep(received, form.options(), caller)
    result = "duplicate" if uploaded.duplicate else "created"
    request.app[METRICS].work.upload(result, received.staged.size)
    return uploaded


@contextmanager
def _counted(metrics: Metrics) -> Iterator[None]:
    try:
        yield
    except ChitramError as error:
        metrics.work.upload(error.code)
        raise
    except (ConnectionError, asyncio.CancelledError):
        metrics.work.upload("aborted")
        raise
    except Exception:
        metrics.work.upload(ChitramError.code)
        raise


class _Form:
    """What one request brings: fields, and among them the file."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._fields: dict[str, str] = {}
        self._count = 0

    async def until_file(self) -> BodyPartReader:
        """Collect fields up to the file. Raises ``ValidationFailed`` when there is none."""
        while (part := await self.parts.next()) is not None:
            if part.name == "file":
                return part
            await self._collect(part)
        raise ValidationFailed(Problem("/file", "Send the picture as a multipart part called 'file'."))

    async def rest(self) -> None:
        """Collect the fields after the file. Raises ``ValidationFailed`` for a second file."""
        while (part := await self.parts.next()) is not None:
            if part.name == "file":
                raise ValidationFailed(Problem("/file", "Send one picture a request."))
            await self._collect(part)

    def options(self) -> UploadOptions:
        """What the fields ask for. Raises ``ValidationFailed``."""
        spelled = self._fields.get("visibility") or Visibility.UNLISTED
        if spelled not in set(Visibility):
            raise ValidationFailed(Problem("/visibility", "Use private, unlisted or public."))
        return UploadOptions(title=self._fields.get("title"), visibility=Visibility(spelled))

    async def _collect(self, part: BodyPartReader) -> None:
        self._count += 1
        raw = bytearray()
        async for chunk in self.parts.chunks(part):
            raw += chunk
            if len(raw) > MAX_FIELD_BYTES:
                raise InvalidRequest(_TOO_MUCH)
        if self._count > MAX_FIELDS:
            raise InvalidRequest(_TOO_MUCH)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise InvalidRequest("The form's fields are not UTF-8.") from None
        if "\0" in text:
            raise InvalidRequest("The form's fields contain a NUL character.")
        self._fields[part.name or ""] = text


@asynccontextmanager
async def _multipart(request: web.Request) -> AsyncIterator[_Form]:
    if request.content_type != "multipart/form-data":
        raise InvalidRequest("Send a multipart/form-data request with a part called 'file'.")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise InvalidFileFormat("Send the picture as it is: a compressed body is not taken.")
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    yield _Form(Parts(request))


@asynccontextmanager
async def _ReceivedFile(  # noqa: N802  reads as a noun in `async with`
    request: web.Request, form: _Form, usage: Usage
) -> AsyncIterator[Received]:
    part = await form.until_file()
    incoming = Incoming(_filename(part), part.headers.get(hdrs.CONTENT_TYPE), form.parts.chunks(part))
    async with request.app[UPLOADS].receive(incoming, usage) as received:
        await form.rest()
        yield received


def _filename(part: BodyPartReader) -> str | None:
    """As it was before a browser escaped it (HTML, "multipart/form-data encoding algorithm")."""
    name = part.filename
    return name and name.replace("%22", '"').replace("%0D", " ").replace("%0A", " ")


def _refuse_announced(request: web.Request, limit: int, usage: Usage) -> None:
    least = (request.content_length or 0) - FORM_OVERHEAD
    if least > limit:
        raise FileTooLarge(limit)
    usage.require(least)
