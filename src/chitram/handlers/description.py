"""``/openapi.json`` and ``/docs``: the description of the API, for programs and for people."""

from hashlib import sha256

from aiohttp import hdrs, web

from chitram.handlers.blobs import not_modified
from chitram.handlers.templating import render
from chitram.handlers.views import DocsPage
from chitram.keys import DESCRIPTION


async def openapi_json(request: web.Request) -> web.Response:
    """``GET /openapi.json``: what this installation has switched on."""
    body = request.app[DESCRIPTION]
    etag = sha256(body).hexdigest()[:16]
    headers = {hdrs.CACHE_CONTROL: "no-cache", hdrs.ETAG: f'"{etag}"', hdrs.VARY: "Accept-Encoding"}
    if not_modified(request, etag):
        return web.Response(status=304, headers=headers)
    response = web.Response(body=body, content_type="application/json", headers=headers)
    response.enable_compression()
    return response


async def docs_page(request: web.Request) -> web.StreamResponse:
    """``GET /docs``: Swagger UI, from files of this site alone."""
    return render(request, DocsPage())
