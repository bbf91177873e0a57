"""What every request passes: a request id, the clock, the origin check, the way out for errors, security headers.

It is one middleware, and headers are set on the finished answer rather than by a signal: this is on the path of a hit.
"""

import logging
import os
import re
import time
from itertools import count
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from chitram.domain.errors import CsrfFailed
from chitram.handlers.errors import describe, problem_json
from chitram.keys import ERROR_PAGES, HEALTH, METRICS, REQUEST_ID, ProblemDetails

log = logging.getLogger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REQUEST_ID_HEADER = "X-Request-ID"
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)

_PROCESS = os.urandom(8).hex()
_numbers = count(1)


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: name the request, time it, and turn whatever goes wrong inside into an answer."""
    started = time.perf_counter()
    given = request.headers.get(REQUEST_ID_HEADER, "")
    request[REQUEST_ID] = given if given and _ACCEPTABLE_ID.fullmatch(given) else _next_id()
    metrics = request.app[METRICS]
    metrics.in_flight += 1
    status = 499  # what proxies call a client that went away
    try:
        response = await _answer(request, handler)
        status = response.status
    finally:
        metrics.in_flight -= 1
        metrics.http(request.method, _route(request), status, time.perf_counter() - started)
    if not response.prepared:
        add_common_headers(request, response)
        if request.app[HEALTH].draining:
            response.force_close()
    return response


def add_common_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The request's id and the security headers. What a handler has set stays.

    Whoever prepares an answer himself, to stream it, calls this before.
    """
    headers = response.headers
    headers[REQUEST_ID_HEADER] = request[REQUEST_ID]
    for name, value in SECURITY_HEADERS:
        headers.setdefault(name, value)


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        if request.method not in SAFE_METHODS:
            _require_same_origin(request)
        return await handler(request)
    except ConnectionResetError:
        raise  # nobody is listening any more
    except web.HTTPException as error:
        if error.status < 400:
            return error
        return _present(request, describe(error))
    except Exception as error:
        problem = describe(error)
        if problem.status >= 500:
            expected = problem.code == "SERVICE_UNAVAILABLE"
            log.warning("%s %s", request[REQUEST_ID], error) if expected else log.exception("%s", request[REQUEST_ID])
        return _present(request, problem)


def _present(request: web.Request, problem: ProblemDetails) -> web.StreamResponse:
    """JSON for programs, a page for people."""
    renderer = request.app.get(ERROR_PAGES)
    wants_page = "text/html" in request.headers.get(hdrs.ACCEPT, "") or "HX-Request" in request.headers
    if renderer and wants_page and not request.path.startswith("/api/"):
        return renderer(request, problem)
    return problem_json(problem, request[REQUEST_ID])


def _require_same_origin(request: web.Request) -> None:
    """Refuse what a browser sends from another site on a visitor's behalf. Raises ``CsrfFailed``.

    Browsers say where an unsafe request comes from in ``Sec-Fetch-Site``, older ones in ``Origin``; programs send
    neither and carry no cookie that they did not mean to. A bearer token is never sent by a browser on its own.
    """
    if hdrs.AUTHORIZATION not in request.headers and _is_foreign(request):
        raise CsrfFailed


def _is_foreign(request: web.Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is not None and _host_of(origin) != request.host


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _next_id() -> str:
    """Unique among all processes, and in the order of arrival within one."""
    return f"{_PROCESS}-{next(_numbers):x}"


def _route(request: web.Request) -> str:
    """The pattern, never the path: labels must be few."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unmatched"
