"""What surrounds every page: who is signed in, the theme, the drop zone's limits, a sentence after a redirect."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web
from aiohttp.typedefs import Handler

from chitram.domain.api_key import Scope
from chitram.domain.errors import Unauthorized
from chitram.domain.image import ANONYMOUS, Caller, Visibility
from chitram.domain.media import MediaType
from chitram.handlers.auth import identify, optional_session
from chitram.handlers.form_views import UploadPanel, visibility_choices
from chitram.handlers.views import Shell
from chitram.keys import REQUEST_ID, UPLOADS
from chitram.services.accounts import Session

THEME_COOKIE = "chitram_theme"
THEMES = frozenset({"light", "dark"})
VISITOR: web.RequestKey[Session | None] = web.RequestKey("visitor", Session)

_NOTICES = {
    "deleted": "The picture is gone.",
    "saved": "Saved.",
    "welcome": "Your account is open. Everything you upload from now on is kept here.",
    "key-revoked": "Done. That API key is worth nothing any more.",
    "goodbye": "You are logged out.",
    "ring-changed": "Done. Every process goes by the new node set within a second.",
    "key-invalidated": "Done. No process reads any more what was cached under that key.",
    "chaos": "Done. Watch the table and the events.",
}


def page(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Handler:
    """A handler that answers with pages: it knows the visitor before it starts, and so do its error pages. They are for
    people: an API key is refused.
    """

    async def with_visitor(request: web.Request) -> web.StreamResponse:
        request[VISITOR] = await optional_session(request)
        return await handler(request)

    return with_visitor


def admin_page(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Handler:
    """A handler for administrators alone, of a page or of the API. Everybody else gets, to the byte, what an address
    gets that does not exist: that page knows no visitor either.
    """

    async def for_administrators(request: web.Request) -> web.StreamResponse:
        session = None
        with suppress(Unauthorized):
            session = await identify(request)
        if session is None or not session.user.is_admin:
            raise web.HTTPNotFound
        session.permit(Scope.ADMIN)
        request[VISITOR] = session
        return await handler(request)

    return for_administrators


async def nothing(request: web.Request) -> web.StreamResponse:  # noqa: ARG001  a handler's signature
    """What is at an address that does not exist. Raises the framework's 404."""
    raise web.HTTPNotFound


def visitor(request: web.Request) -> Caller:
    """Who looks at the page."""
    session = request.get(VISITOR)
    return session.caller if session else ANONYMOUS


def shell_of(request: web.Request) -> Shell:
    """The surroundings of whatever page answers *request*. Never fails: error pages stand in it too."""
    session = request.get(VISITOR)
    theme = request.cookies.get(THEME_COOKIE)
    return Shell(
        theme=theme if theme in THEMES else None,
        email=session.user.email if session else None,
        may_register=True,
        request_id=request.get(REQUEST_ID, ""),
        path=request.path,
        here=request.path_qs if request.method == "GET" else "/",
        notice=_NOTICES.get(request.query.get("notice", "")),
        upload=upload_panel(request),
        is_admin=bool(session and session.is_admin),
    )


def upload_panel(request: web.Request, error: str | None = None) -> UploadPanel:
    """The drop zone for this visitor."""
    limits = request.app[UPLOADS].limits
    signed_in = request.get(VISITOR) is not None
    return UploadPanel(
        allowed=signed_in or limits.anonymous,
        max_bytes=limits.max_bytes,
        media_types=tuple(kind for kind in MediaType if kind in limits.allowed_types),
        choices=visibility_choices(Visibility.UNLISTED, signed_in=signed_in),
        error=error,
    )
