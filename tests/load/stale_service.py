"""`chitram` that answers with the metadata that it was asked for first, whatever was written since."""

from typing import Any
from unittest import mock

from aiohttp import web
from aiohttp.typedefs import Handler

from chitram.app import create_app
from chitram.cli import main

_METADATA = "/api/v1/images/"


@web.middleware
async def _remember(request: web.Request, handler: Handler) -> web.StreamResponse:
    name = request.path.removeprefix(_METADATA)
    if request.method != "GET" or name == request.path or "/" in name:
        return await handler(request)
    remembered: dict[str, bytes] = request.app[_REMEMBERED]
    if name not in remembered:
        response = await handler(request)
        if not isinstance(response, web.Response) or response.status != 200:
            return response
        remembered[name] = bytes(response.body)  # type: ignore[arg-type]  # metadata is bytes
    return web.Response(body=remembered[name], content_type="application/json")


def _stale_app(*arguments: Any, **options: Any) -> web.Application:
    app = create_app(*arguments, **options)
    app[_REMEMBERED] = {}
    app.middlewares.append(_remember)
    return app


_REMEMBERED = web.AppKey("remembered", dict[str, bytes])

if __name__ == "__main__":
    with mock.patch("chitram.cli.up.create_app", _stale_app):
        main()
