"""What every request passes: a request id, the clock, the origin check, the way out for errors, security headers.

Each handler is wrapped once, when the table of routes is made, rather than by aiohttp's middlewares at every request:
this is on the path of a hit, where those cost as much as the cache (bench/README.md).
"""

import os
import re
import time
from collections.abc import Iterable
from itertools import count
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from multidict import istr

from chitram.domain.errors import CsrfFailed, QuotaExceeded
from chitram.handlers.errors import describe, problem_json
from chitram.keys import ERROR_PAGES, EVERYTHING_ELSE, HEALTH, REQUEST_ID, ProblemDetails, route_of
from chitram.logs import current_request, get_logger
from chitram.metrics import Metrics
from chitram.services.health import Health

log = get_logger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
GONE = 499
"""What proxies call a client that went away."""
REQUEST_ID_HEADER = istr("X-Request-ID")
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
"""Together an id that is unique among all processes, and in the order of arrival within one."""


def observed(routes: Iterable[web.RouteDef], metrics: Metrics, health: Health) -> list[web.RouteDef]:
    """The same table with every handler observed, and a last row for addresses and methods that are not in it."""
    rows = [
        web.route(row.method, row.path, _observe(row.handler, _pattern(row.path), metrics, health), **row.kwargs)
        for row in routes
    ]
    return [*rows, web.route("*", EVERYTHING_ELSE, _observe(_unmatched, "unmatched", metrics, health))]


def _observe(handler: Handler, pattern: str, metrics: Metrics, health: Health) -> Handler:
    """Name the request, time it, and turn whatever goes wrong inside into an answer."""

    async def observing(request: web.Request) -> web.StreamResponse:
        started, method = time.perf_counter(), request.method
        given = request.headers.get(REQUEST_ID_HEADER)
        known_as = given if given and _ACCEPTABLE_ID.fullmatch(given) else f"{_PROCESS}-{next(_numbers):x}"
        request[REQUEST_ID] = known_as
        current_request.set(known_as)
        metrics.in_flight += 1
        status = GONE
        try:
            try:
                if method not in SAFE_METHODS:
                    _require_same_origin(request)
                response = await handler(request)
            except Exception as error:
                response = _answer_error(request, error)
            status = response.status
        finally:
            metrics.in_flight -= 1
            metrics.http(method, pattern, status, time.perf_counter() - started)
        if not response.prepared:
            add_common_headers(request, response)
        if health.draining:
            response.force_close()
        return response

    return observing


def add_common_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The request's id, the security headers, and that the connection ends when this process does. What a handler has
    set stays.

    Whoever prepares an answer himself, to stream it, calls this before.
    """
    headers = response.headers
    headers[REQUEST_ID_HEADER] = request[REQUEST_ID]
    for name, value in SECURITY_HEADERS:
        headers.setdefault(name, value)
    if request.app[HEALTH].draining:
        response.force_close()


def _answer_error(request: web.Request, error: Exception) -> web.StreamResponse:
    if isinstance(error, ConnectionError) and (request.transport is None or request.transport.is_closing()):
        return web.Response(status=GONE)  # nobody hears it, but it is what happened
    if isinstance(error, web.HTTPException) and error.status < 400:
        return error
    problem = describe(error)
    if problem.status >= 500 and problem.code != QuotaExceeded.code:  # an account that is full is no failure of ours
        _log_failure(request, error, expected=problem.code == "SERVICE_UNAVAILABLE")
    return _present(request, problem)


def _log_failure(request: web.Request, error: Exception, *, expected: bool) -> None:
    where = {"method": request.method, "route": route_of(request)}
    if not expected:
        log.error("a request failed unexpectedly", **where, exc_info=error)
        return
    cause = error.__cause__
    behind = f"{type(cause).__name__}: {cause}".partition("\n")[0] if cause else None
    log.warning("a request could not be served", **where, reason=str(error), cause=behind)


async def _unmatched(request: web.Request) -> web.StreamResponse:
    """No row of the table fits. Raises the framework's 404, or its 405 with the methods that the address takes."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        allowed |= (await resource.resolve(request))[1]
    allowed.discard(hdrs.METH_ANY)
    raise web.HTTPMethodNotAllowed(request.method, allowed) if allowed else web.HTTPNotFound


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


def _pattern(path: str) -> str:
    """The route's pattern as a label: never the path, since labels must be few."""
    return web.UrlDispatcher().add_resource(path).canonical
