"""The parts of a multipart request as they come over the wire, from a client that may mean harm.

Whoever uploads holds one of few places meanwhile: the client is kept to a pace, and to a number of lines.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web

from chitram.domain.errors import InvalidRequest
from chitram.handlers.forms import parsing
from chitram.handlers.pace import SteadyPace

CHUNK = 64 * 1024
MAX_LINES = 500
"""Boundaries, headers of parts and whatever stands before the first part. Reading a line costs as much as a chunk."""
PATIENCE_SECONDS = 30.0
SLOWEST_BYTES_PER_SECOND = 4096
"""An upload that falls behind this pace by more than the patience gives its place to somebody else."""

_MALFORMED = "The multipart body is malformed or incomplete."


class _FewLines:
    """A body that ends with an error after :data:`MAX_LINES` lines; the bytes of parts are not read by lines."""

    def __init__(self, content: StreamReader) -> None:
        self._content = content
        self._left = MAX_LINES

    async def readline(self, **limits: int) -> bytes:
        """The next line. Raises ``ValueError`` when there have been too many."""
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many lines")
        return await self._content.readline(**limits)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)


class Parts:
    """The parts as they come over the wire. Raises ``InvalidRequest`` for what is malformed, ends early or stalls."""

    def __init__(self, request: web.Request) -> None:
        self._pace = SteadyPace(patience=PATIENCE_SECONDS, slowest=SLOWEST_BYTES_PER_SECOND)
        with parsing(_MALFORMED):
            self._reader = MultipartReader(request.headers, cast("StreamReader", _FewLines(request.content)))

    async def next(self) -> BodyPartReader | None:
        """The next part, or ``None`` at the end."""
        with parsing(_MALFORMED):
            async with self._waiting():
                part = await self._reader.next()
        if isinstance(part, MultipartReader):
            raise InvalidRequest("Nested multipart bodies are not understood.")
        return part

    async def chunks(self, part: BodyPartReader) -> AsyncIterator[bytes]:
        """The bytes of one part."""
        while True:
            with parsing("The upload ended early."):
                async with self._waiting():
                    chunk = await part.read_chunk(CHUNK)
            if not chunk:
                return
            self._pace.passed(len(chunk))
            yield chunk

    @asynccontextmanager
    async def _waiting(self) -> AsyncIterator[None]:
        try:
            async with self._pace.waiting():
                yield
        except TimeoutError:
            raise InvalidRequest("The upload stalled.") from None
