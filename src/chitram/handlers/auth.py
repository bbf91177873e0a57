"""Who a request speaks for: a bearer token, or the session cookie of a browser."""

from aiohttp import hdrs, web

from chitram.domain.errors import Unauthorized
from chitram.domain.image import ANONYMOUS, Caller
from chitram.keys import ACCOUNTS, SITE, USER_ID
from chitram.services.accounts import Session

SESSION_COOKIE = "chitram_session"


def shows_credentials(request: web.Request) -> bool:
    """False for most readers of public pictures: there is nobody to look up."""
    return hdrs.AUTHORIZATION in request.headers or hdrs.COOKIE in request.headers


async def caller(request: web.Request) -> Caller:
    """Who asks, or :data:`ANONYMOUS`. A wrong bearer token raises; a stale cookie is nobody, since a browser sends it
    unasked.
    """
    session = await optional_session(request)
    return session.caller if session else ANONYMOUS


async def required_session(request: web.Request) -> Session:
    """The session, for what nobody may do unnamed. Raises ``Unauthorized`` or ``TokenExpired``."""
    token = _bearer(request) or request.cookies.get(SESSION_COOKIE)
    if not token:
        raise Unauthorized
    return await _session(request, token)


async def optional_session(request: web.Request) -> Session | None:
    """The session if there is one. A wrong bearer token raises ``Unauthorized`` or ``TokenExpired``."""
    if token := _bearer(request):
        return await _session(request, token)
    cookie = request.cookies.get(SESSION_COOKIE) if hdrs.COOKIE in request.headers else None
    if not cookie:
        return None
    try:
        return await _session(request, cookie)
    except Unauthorized:
        return None


async def _session(request: web.Request, token: str) -> Session:
    session = await request.app[ACCOUNTS].session(token)
    request[USER_ID] = session.user.id
    return session


def start_session(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Give the browser its cookie: out of reach for scripts and other sites, as long-lived as the token."""
    site = request.app[SITE]
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=site.session_seconds,
        httponly=True,
        secure=site.secure_cookies or request.secure,
        samesite="Lax",
        path="/",
    )


def end_session(response: web.StreamResponse) -> None:
    """Take the cookie back."""
    response.del_cookie(SESSION_COOKIE, path="/")


def _bearer(request: web.Request) -> str | None:
    header = request.headers.get(hdrs.AUTHORIZATION)
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("Use the Authorization header as: Bearer TOKEN.")
    return token.strip()
