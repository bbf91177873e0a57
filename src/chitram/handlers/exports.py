"""``/api/v1/users/me/export`` and ``/my-images/export``: everything of an account, as one download."""

from contextlib import aclosing
from datetime import UTC, datetime

from aiohttp import hdrs, web

from chitram.domain.api_key import Scope
from chitram.handlers.auth import required_session
from chitram.handlers.blobs import content_disposition, stream_out
from chitram.handlers.middlewares import add_common_headers
from chitram.handlers.pace import SteadyPace
from chitram.keys import EXPORTS
from chitram.services.exports import Exported, download_name

PATIENCE_SECONDS = 120.0
SLOWEST_BYTES_PER_SECOND = 16 * 1024
"""A client that falls behind this pace by more than the patience gives its place and its account's turn back. A chunk
of 256 KB, which is waited for as a whole, takes 16 seconds of it.
"""


async def export(request: web.Request) -> web.StreamResponse:
    """The caller's own archive, as fast as it is taken. Raises ``Unauthorized``, ``ExportRunning``, and
    ``ServiceUnavailable`` when all places are taken.
    """
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
        pace = SteadyPace(patience=PATIENCE_SECONDS, slowest=SLOWEST_BYTES_PER_SECOND)
        await stream_out(request, response, chunks, pace)
    return response
