"""``/api/v1/images``: upload, read, change, delete, list."""

import orjson
from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict

from chitram.domain.api_key import Scope
from chitram.domain.errors import ThumbnailNotReady
from chitram.domain.filename import download_name
from chitram.domain.image import ANONYMOUS, Visibility
from chitram.domain.media import MediaType
from chitram.domain.page import Page, parse_limit
from chitram.domain.thumbnail import DEFAULT_SIZE, ThumbnailFormat
from chitram.handlers.auth import caller, required_session, shows_credentials
from chitram.handlers.blobs import not_modified, send_blob
from chitram.handlers.encoded import Encoded
from chitram.handlers.forms import read_json
from chitram.handlers.multipart import receive_upload
from chitram.handlers.present import thumbnail_links
from chitram.keys import GALLERY
from chitram.services.image_ports import CacheResult, Document, ImageChanges

_NOBODY_ELSE = "private, no-cache"
_HEAD, _PRIVATE_HEAD = (
    f'Content-Type: application/json\r\nCache-Control: {keep}\r\nETag: "' for keep in ("no-cache", _NOBODY_ELSE)
)
_SAID: dict[CacheResult, str] = {"hit": "HIT", "miss": "MISS", "disabled": "DISABLED", "stale": "STALE"}


class ImagePatch(BaseModel):
    """A merge patch (RFC 7396): what is absent stays."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = None
    visibility: Visibility | None = None


class DeleteRequest(BaseModel):
    """The body that a delete may have."""

    delete_token: str


async def upload(request: web.Request) -> web.Response:
    """``POST /images/upload``."""
    uploaded = await receive_upload(request, await caller(request, Scope.UPLOAD))
    fields = orjson.loads(uploaded.document.body) | {"delete_token": uploaded.delete_token}
    fields["duplicate"] = uploaded.duplicate
    return web.Response(
        status=200 if uploaded.duplicate else 201,
        body=orjson.dumps(fields),
        content_type="application/json",
        headers={hdrs.LOCATION: fields["links"]["self"], hdrs.CACHE_CONTROL: "no-store"},
    )


async def show(request: web.Request) -> web.StreamResponse:
    """``GET /images/{id}``: a cached body goes out as it is."""
    who = await caller(request, Scope.READ) if shows_credentials(request) else ANONYMOUS
    seen = await request.app[GALLERY].see(request.match_info["id"], who)
    _, document, result, node = seen
    head = _PRIVATE_HEAD if document.visibility is Visibility.PRIVATE else _HEAD
    found_on = f"X-Cache-Node: {node}\r\n" if node else ""
    answer = Encoded(f'{head}{document.etag}"\r\nX-Cache: {_SAID[result]}\r\n{found_on}', document.body)
    if not_modified(request, document.etag):
        return web.Response(status=304, headers=answer.headers)
    return answer


async def file(request: web.Request) -> web.StreamResponse:
    """``GET /images/{id}/file``: the bytes as they were uploaded."""
    who = await caller(request, Scope.READ)
    async with request.app[GALLERY].original(request.match_info["id"], who) as (seen, blob):
        fields = orjson.loads(seen.document.body)
        return await send_blob(
            request,
            blob,
            etag=fields["sha256"],
            content_type=fields["content_type"],
            visibility=seen.document.visibility,
            filename=download_name(fields["filename"], MediaType(fields["content_type"])),
        )


async def direct_file(request: web.Request) -> web.StreamResponse:
    """``GET /i/{short}.{ext}``: the same under a short address. The extension is for people; any will do."""
    return await file(request)


async def thumbnail(request: web.Request) -> web.StreamResponse:
    """``GET /images/{id}/thumbnail[/{size}]``: JPEG, which every client reads."""
    return await _thumbnail(request, ThumbnailFormat.JPEG)


async def direct_thumbnail(request: web.Request) -> web.StreamResponse:
    """``GET /t/{short}/{size}.{webp|jpg}``: one format an address, so that caches need no ``Vary``."""
    return await _thumbnail(request, ThumbnailFormat(request.match_info["kind"]))


async def thumbnails(request: web.Request) -> web.Response:
    """``GET /images/{id}/thumbnails``: all addresses. Raises ``ThumbnailNotReady``."""
    seen = await request.app[GALLERY].see(request.match_info["id"], await caller(request, Scope.READ))
    if not orjson.loads(seen.document.body)["thumbnail_ready"]:
        raise ThumbnailNotReady
    body = orjson.dumps({"thumbnails": thumbnail_links(seen.id)})
    return web.json_response(body=body, headers={hdrs.CACHE_CONTROL: _NOBODY_ELSE})


async def change(request: web.Request) -> web.Response:
    """``PATCH /images/{id}``."""
    session = await caller(request, Scope.UPLOAD)
    patch = await read_json(request, ImagePatch)
    if_match = request.headers.get(hdrs.IF_MATCH, "").strip().removeprefix("W/").strip('"')
    document = await request.app[GALLERY].change(
        request.match_info["id"],
        session,
        ImageChanges(title=patch.title, visibility=patch.visibility),
        if_match=None if if_match in {"", "*"} else if_match,
    )
    return web.Response(body=document.body, content_type="application/json", headers={hdrs.ETAG: f'"{document.etag}"'})


async def delete(request: web.Request) -> web.Response:
    """``DELETE /images/{id}``; an anonymous image's token comes as header, body or query."""
    token = request.headers.get("X-Delete-Token") or request.query.get("delete_token")
    if token is None and request.can_read_body:
        token = (await read_json(request, DeleteRequest)).delete_token
    await request.app[GALLERY].delete(request.match_info["id"], await caller(request, Scope.DELETE), token=token)
    return web.Response(status=204)


async def list_public(request: web.Request) -> web.Response:
    """``GET /images``: the public gallery."""
    limit = parse_limit(request.query.get("limit"))
    page = await request.app[GALLERY].public(request.query.get("cursor"), limit)
    return present_page(request, page, keep="no-cache")


async def list_mine(request: web.Request) -> web.Response:
    """``GET /users/me/images``: the caller's own, all or those with a given SHA-256."""
    session = await required_session(request, Scope.READ)
    limit = parse_limit(request.query.get("limit"))
    page = await request.app[GALLERY].mine(
        session.caller, request.query.get("cursor"), limit, sha256=request.query.get("sha256")
    )
    return present_page(request, page, keep=_NOBODY_ELSE)


def present_page(request: web.Request, page: Page[Document], *, keep: str) -> web.Response:
    """Items and the next cursor; the bodies are joined as they are. *keep* is the ``Cache-Control``."""
    items = b",".join(document.body for document in page.items)
    headers: dict[str, str] = {hdrs.CACHE_CONTROL: keep}
    if page.next_cursor is not None:
        following = request.rel_url.update_query(cursor=page.next_cursor)
        headers["Link"] = f'<{following}>; rel="next"'
    body = b'{"items":[' + items + b'],"next_cursor":' + orjson.dumps(page.next_cursor) + b"}"
    return web.Response(body=body, content_type="application/json", headers=headers)


async def _thumbnail(request: web.Request, kind: ThumbnailFormat) -> web.StreamResponse:
    size = int(request.match_info.get("size") or DEFAULT_SIZE)
    image_id, who = request.match_info["id"], await caller(request, Scope.READ)
    async with request.app[GALLERY].thumbnail(image_id, size, kind, who) as (seen, blob):
        return await send_blob(
            request,
            blob,
            etag=f"{seen.id}-{size}-{kind}",
            content_type=kind.content_type,
            visibility=seen.document.visibility,
            filename=None,
        )
