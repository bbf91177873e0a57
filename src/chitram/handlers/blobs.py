"""Sending stored bytes: validators, single ranges (RFC 9110, section 14), bounded memory."""

from collections.abc import AsyncIterator
from urllib.parse import quote

from aiohttp import hdrs, web

from chitram.domain.image import Visibility
from chitram.handlers.middlewares import add_common_headers
from chitram.handlers.pace import ANY_PACE, Pace
from chitram.logs import get_logger
from chitram.services.storage_ports import Blob

log = get_logger(__name__)

SMALL = 256 * 1024
"""Up to this size an answer is read whole and sent in one write."""

CACHE_CONTROL = {
    # A shared cache forgets a public picture within a minute of its deletion; a browser that has seen it may keep it.
    Visibility.PUBLIC: "public, max-age=86400, s-maxage=60, immutable",
    Visibility.UNLISTED: "private, max-age=3600, immutable",
    Visibility.PRIVATE: "private, no-cache",
}
BLOB_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


async def send_blob(
    request: web.Request, blob: Blob, *, etag: str, content_type: str, visibility: Visibility, filename: str | None
) -> web.StreamResponse:
    """Answer with *blob*, or a range of it, or 304. *etag* is strong and given without quotes."""
    headers = {
        hdrs.ETAG: f'"{etag}"',
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CACHE_CONTROL: CACHE_CONTROL[visibility],
        hdrs.CONTENT_TYPE: content_type,
        "Content-Security-Policy": BLOB_POLICY,
        "Cross-Origin-Resource-Policy": "same-origin" if visibility is Visibility.PRIVATE else "cross-origin",
    }
    if filename is not None:
        headers[hdrs.CONTENT_DISPOSITION] = content_disposition(filename)
    if not_modified(request, etag):
        return web.Response(status=304, headers=headers)
    span = _requested_range(request, blob.size, etag)
    if len(span) < blob.size:
        headers[hdrs.CONTENT_RANGE] = f"bytes {span.start}-{span.stop - 1}/{blob.size}"
    return await _send(request, blob, span, headers)


def not_modified(request: web.Request, etag: str) -> bool:
    """Whether the client's ``If-None-Match`` has this version (weak comparison)."""
    if hdrs.IF_NONE_MATCH not in request.headers:
        return False
    return any(known.value in {etag, "*"} for known in request.if_none_match or ())


def content_disposition(filename: str, *, kind: str = "inline") -> str:
    """*kind* with the file name in ASCII and in full (RFC 6266); nothing in a name can end the header."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _requested_range(request: web.Request, size: int, etag: str) -> range:
    """Which bytes. Several ranges, or an ``If-Range`` of another version, mean the whole."""
    if hdrs.RANGE not in request.headers or not _if_range_holds(request, etag):
        return range(size)
    try:
        wanted = request.http_range
    except ValueError:
        return range(size)
    start, stop, _ = wanted.indices(size)
    if start >= stop:
        raise web.HTTPRequestRangeNotSatisfiable(headers={hdrs.CONTENT_RANGE: f"bytes */{size}"})
    return range(start, stop)


def _if_range_holds(request: web.Request, etag: str) -> bool:
    condition = request.headers.get(hdrs.IF_RANGE)
    return condition is None or condition.strip() == f'"{etag}"'


async def _send(request: web.Request, blob: Blob, span: range, headers: dict[str, str]) -> web.StreamResponse:
    status = 206 if hdrs.CONTENT_RANGE in headers else 200
    if len(span) <= SMALL and request.method != "HEAD":
        body = b"".join([chunk async for chunk in blob.read(span.start, span.stop)])
        return web.Response(status=status, body=body, headers=headers)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(span)
    add_common_headers(request, response)
    await response.prepare(request)
    if request.method != "HEAD":
        await stream_out(request, response, blob.read(span.start, span.stop))
    return response


async def stream_out(
    request: web.Request, response: web.StreamResponse, chunks: AsyncIterator[bytes], pace: Pace = ANY_PACE
) -> None:
    """Send what comes. What fails in the middle, or is not taken at *pace*, breaks the connection off."""
    try:
        async for chunk in chunks:
            async with pace.waiting():
                await response.write(chunk)
            pace.passed(len(chunk))
        async with pace.waiting():
            await response.write_eof()
    except Exception as error:
        transport = request.transport
        if transport is not None and not transport.is_closing():
            # The status line is sent: only a broken connection can still tell the client that this is not the whole.
            log.warning("sending a file broke off", path=request.rel_url.raw_path, reason=str(error))
            transport.abort()
        raise ConnectionResetError from error
