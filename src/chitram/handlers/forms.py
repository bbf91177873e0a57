"""Reading request bodies: JSON against a model, forms, and multipart uploads as a stream."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import orjson
from aiohttp import BodyPartReader, ClientPayloadError, hdrs, web
from pydantic import BaseModel, ValidationError

from chitram.domain.errors import ChitramError, FileTooLarge, InvalidRequest, Problem, ValidationFailed
from chitram.domain.image import Caller, Visibility
from chitram.keys import METRICS, UPLOADS
from chitram.metrics import Metrics
from chitram.services.uploads import Incoming, Received, Uploaded, UploadOptions

CHUNK = 64 * 1024
MAX_FIELDS = 20
MAX_FIELD_BYTES = 4096
FORM_OVERHEAD = 64 * 1024
"""What a multipart request may be longer than its file, in bytes."""
PATIENCE_SECONDS = 30.0
SLOWEST_BYTES_PER_SECOND = 4096
"""An upload that falls behind this pace by more than the patience gives its place to somebody else."""

Model = TypeVar("Model", bound=BaseModel)


async def read_json(request: web.Request, model: type[Model]) -> Model:
    """Parse and validate. Raises ``InvalidRequest`` and ``ValidationFailed``, which names fields and never a value."""
    try:
        data = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise InvalidRequest("The body is not valid JSON.") from None
    return validate(model, data)


def validate(model: type[Model], data: object) -> Model:
    """Check *data* against *model*. Raises ``ValidationFailed``."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ValidationFailed(*(_problem(part["loc"], part["msg"]) for part in error.errors())) from None


async def receive_upload(request: web.Request, caller: Caller) -> Uploaded:
    """Take one picture in from a multipart request: a place first, then the body, never held in memory.

    The part is called ``file``; ``title`` and ``visibility`` may come before or after it. Raises what
    :class:`~chitram.services.uploads.Uploads` raises, ``InvalidRequest`` and ``ValidationFailed``.
    """
    uploads = request.app[UPLOADS]
    with _counted(request.app[METRICS]):
        uploads.admit(caller)
        _refuse_announced(request, uploads.limits.max_bytes)
        async with uploads.place(), _multipart(request) as form, _ReceivedFile(request, form) as received:
            uploaded = await uploads.keep(received, form.options(), caller)
    request.app[METRICS].upload("duplicate" if uploaded.duplicate else "created")
    return uploaded


@contextmanager
def _counted(metrics: Metrics) -> Iterator[None]:
    try:
        yield
    except ChitramError as error:
        metrics.upload(error.code)
        raise


class _Form:
    """The parts of one multipart request, in the order of the wire."""

    def __init__(self, parts: AsyncIterator[BodyPartReader]) -> None:
        self._parts = parts
        self._fields: dict[str, str] = {}

    async def until_file(self) -> BodyPartReader:
        """Collect fields up to the file. Raises ``ValidationFailed`` when there is none."""
        async for part in self._parts:
            if part.name == "file":
                return part
            await self._collect(part)
        raise ValidationFailed(Problem("/file", "Send the picture as a multipart part called 'file'."))

    async def rest(self) -> None:
        """Collect the fields after the file. Raises ``ValidationFailed`` for a second file."""
        async for part in self._parts:
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
        raw = bytearray()
        async for chunk in _chunks(part):
            raw += chunk
            if len(raw) > MAX_FIELD_BYTES or len(self._fields) >= MAX_FIELDS:
                raise InvalidRequest("The form has too many or too long fields.")
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
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    yield _Form(_parts(request))


@asynccontextmanager
async def _ReceivedFile(request: web.Request, form: _Form) -> AsyncIterator[Received]:  # noqa: N802  reads as a noun in `async with`
    part = await form.until_file()
    incoming = Incoming(_filename(part), part.headers.get(hdrs.CONTENT_TYPE), _chunks(part))
    async with request.app[UPLOADS].receive(incoming) as received:
        await form.rest()
        yield received


def _filename(part: BodyPartReader) -> str | None:
    """As it was before a browser escaped it (HTML, "multipart/form-data encoding algorithm")."""
    name = part.filename
    return name and name.replace("%22", '"').replace("%0D", " ").replace("%0A", " ")


async def _parts(request: web.Request) -> AsyncIterator[BodyPartReader]:
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise InvalidRequest("Nested multipart bodies are not understood.")
            yield part
    except (ValueError, AssertionError, RuntimeError, ClientPayloadError) as error:
        raise InvalidRequest("The multipart body is malformed or incomplete.") from error


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    started, received = asyncio.get_running_loop().time(), 0
    while True:
        try:
            async with asyncio.timeout_at(started + PATIENCE_SECONDS + received / SLOWEST_BYTES_PER_SECOND):
                chunk = await part.read_chunk(CHUNK)
        except TimeoutError:
            raise InvalidRequest("The upload stalled.") from None
        except (ValueError, AssertionError, ClientPayloadError) as error:
            raise InvalidRequest("The upload ended early.") from error
        if not chunk:
            return
        received += len(chunk)
        yield chunk


def _refuse_announced(request: web.Request, limit: int) -> None:
    if request.content_length is not None and request.content_length > limit + FORM_OVERHEAD:
        raise FileTooLarge(limit)


def _problem(location: tuple[int | str, ...], message: str) -> Problem:
    words = message.removeprefix("Value error, ")
    return Problem("/" + "/".join(str(step) for step in location), words[:1].upper() + words[1:] + ".")
