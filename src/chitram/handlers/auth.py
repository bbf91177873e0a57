"""Who a request speaks for: a bearer token, which may be an API key, or the session cookie of a browser.

An API key does what a handler names a scope for, and nothing else: what forgets to name one refuses keys.
"""

from aiohttp import hdrs, web

from chitram.domain.api_key import Scope, is_api_key
from chitram.domain.errors import Unauthorized
from chitram.domain.image import ANONYMOUS, Caller
from chitram.keys import ACCOUNTS, API_KEYS, SITE, USER_ID
from chitram.services.accounts import Session

SESSION_COOKIE = "chitram_session"


def shows_credentials(request: web.Request) -> bool:
    """False for most readers of public pictures: there is nobody to look up."""
    return hdrs.AUTHORIZATION in request.headers or hdrs.COOKIE in request.headers


async def caller(request: web.Request, needs: Scope | None = None) -> Caller:
    """Who asks, or :data:`ANONYMOUS`. Raises what :func:`optional_session` raises."""
    session = await optional_session(request, needs)
    return session.caller if session else ANONYMOUS


async def required_session(request: web.Request, needs: Scope | None = None) -> Session:
    """The session, for what nobody may do unnamed; of an API key only with the scope *needs*, and never without one.

    Raises ``Unauthorized``, ``TokenExpired`` or ``Forbidden``.
    """
    if token := _bearer(request):
        session = await _by_bearer(request, token)
    elif cookie := request.cookies.get(SESSION_COOKIE):
        session = await _by_token(request, cookie)
    else:
        raise Unauthorized
    session.permit(needs)
    return session


async def optional_session(request: web.Request, needs: Scope | None = None) -> Session | None:
    """The session if there is one. A stale cookie is nobody, since a browser sends it unasked.

    Raises ``Unauthorized`` or ``TokenExpired`` for a wrong bearer token, ``Forbidden`` for an API key without *needs*.
    """
    session = await identify(request)
    if session is not None:
        session.permit(needs)
    return session


async def identify(request: web.Request) -> Session | None:
    """The same, whatever an API key is for: whoever calls this asks ``is_admin`` or ``permit`` of the session."""
    if token := _bearer(request):
        return await _by_bearer(request, token)
    cookie = request.cookies.get(SESSION_COOKIE) if hdrs.COOKIE in request.headers else None
    if not cookie:
        return None
    try:
        return await _by_token(request, cookie)
    except Unauthorized:
        return None


async def _by_bearer(request: web.Request, token: str) -> Session:
    if not is_api_key(token):
        return await _by_token(request, token)
    session = await request.app[API_KEYS].session(token)
    request[USER_ID] = session.user.id
    return session


async def _by_token(request: web.Request, token: str) -> Session:
    """A session's, from the header or the cookie. No API key: in a cookie it would be sent on behalf of other sites."""
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
