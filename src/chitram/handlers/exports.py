"""``/api/v1/users/me/export`` and ``/my-images/export``: everything of an account, as one download."""

from contextlib import aclosing
from datetime import UTC, datetime

from aiohttp import hdrs, web

from chitram.domain.api_key import Scope
from chitram.handlers.auth import required_session
from chitram.handlers.blobs import content_disposition, stream_out
from chitram.handlers.middlewares import add_common_headers
from chitram.keys import EXPORTS
from chitram.services.exports import Exported, download_name

PATIENCE_SECONDS = 120.0
"""A client that takes nothing for so long has gone, or wants the account's turn and an open file for nothing."""


async def export(request: web.Request) -> web.StreamResponse:
    """The caller's own archive, as fast as it is taken. Raises ``Unauthorized``, ``ExportRunning``."""
    session = await required_session(request, Scope.READ)
    headers = {
        hdrs.CONTENT_TYPE: "application/zip",
        hdrs.CONTENT_DISPOSITION: content_disposition(download_name(datetime.now(UTC)), kind="attachment"),
        hdrs.CACHE_CONTROL: "no-store",
    }
    if request.method == hdrs.METH_HEAD:
        return web.Response(headers=headers)
    exports = request.app[EXPORTS]
    async with exports.turn(session.user.id), aclosing(exports.stream(session.user, Exported())) as chunks:
        response = web.StreamResponse(headers=headers)
        add_common_headers(request, response)
        await response.prepare(request)
        await stream_out(request, response, chunks, patience=PATIENCE_SECONDS)
    return response
