"""One line for each answered request, written when its last byte is sent. Where it is off, nothing calls this."""

import logging

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from chitram.keys import USER_ID, route_of
from chitram.logs import get_logger

log = get_logger("chitram.access")


class AccessLog(AbstractAccessLogger):
    """Method, path without its query, route, status, duration and bytes sent (the head of the answer included); who
    asked, and how the metadata were found.
    """

    def __init__(self, logger: logging.Logger, log_format: str) -> None:
        """As aiohttp makes it; both of its arguments are for its own kind of line."""
        super().__init__(logger, log_format)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Write the line. *time* is in seconds."""
        fields = {
            "method": request.method,
            "path": request.rel_url.raw_path,
            "route": route_of(request) if isinstance(request, web.Request) else "unmatched",
            "status": response.status,
            "ms": round(time * 1000, 2),
            "bytes": response.body_length,
            "cache": response.headers.get("X-Cache"),
            "node": response.headers.get("X-Cache-Node"),
            "user": request.get(USER_ID),
        }
        log.info("request", **{name: value for name, value in fields.items() if value is not None})
