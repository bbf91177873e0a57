"""Where handlers find what the composition root made: every key of the application and of a request."""

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from chitram.metrics import Metrics
from chitram.services.accounts import Accounts
from chitram.services.api_keys import ApiKeys
from chitram.services.exports import Exports
from chitram.services.gallery import Gallery
from chitram.services.health import Health
from chitram.services.image_ports import Quotas
from chitram.services.ring_admin import RingAdmin
from chitram.services.uploads import Uploads


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """An error as the caller will see it (RFC 9457); ``errors`` are (JSON pointer, sentence) pairs."""

    status: int
    code: str
    title: str
    detail: str
    details: dict[str, object] = field(default_factory=dict)
    errors: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """Facts about this installation that handlers need."""

    secure_cookies: bool
    session_seconds: int
    version: str


GALLERY = web.AppKey("gallery", Gallery)
UPLOADS = web.AppKey("uploads", Uploads)
ACCOUNTS = web.AppKey("accounts", Accounts)
API_KEYS = web.AppKey("api_keys", ApiKeys)
QUOTAS: web.AppKey[Quotas] = web.AppKey("quotas", Quotas)
EXPORTS = web.AppKey("exports", Exports)
HEALTH = web.AppKey("health", Health)
RING_ADMIN = web.AppKey("ring_admin", RingAdmin)
METRICS = web.AppKey("metrics", Metrics)
SITE = web.AppKey("site", Site)
DESCRIPTION = web.AppKey("description", bytes)
"""The OpenAPI document of this application, as it goes out."""
ERROR_PAGES: web.AppKey[Callable[[web.Request, ProblemDetails], web.StreamResponse]] = web.AppKey("error_pages")
"""Renders an error for a browser."""

REQUEST_ID = web.RequestKey("request_id", str)
USER_ID = web.RequestKey("user_id", str)
"""Who is signed in, once that has been found out."""
EVERYTHING_ELSE = r"/{tail:[\s\S]*}"
"""The last row of the table of routes; a path may hold what `.` does not match."""
_UNMATCHED = "/{tail}"


def route_of(request: web.Request) -> str:
    """The pattern of a request's address, never the path: labels must be few."""
    resource = request.match_info.route.resource
    return resource.canonical if resource and resource.canonical != _UNMATCHED else "unmatched"
