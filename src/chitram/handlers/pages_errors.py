"""Errors for people: a page in the usual shell, or a fragment where a part of a page was asked for."""

from urllib.parse import urlencode

from aiohttp import web

from chitram.handlers.pages_forms import see_other
from chitram.handlers.templating import render
from chitram.handlers.views import ErrorFragment, ErrorPage
from chitram.keys import ProblemDetails

_HEADINGS = {
    401: "Log in first",
    403: "This is not yours to change",
    404: "There is nothing here",
    405: "That does not work here",
    410: "This picture has expired",
    413: "That file is too big",
    429: "A little too fast",
    503: "Back in a moment",
}
_NEXT_STEPS = {
    403: "If you came here by a link from somewhere else, open the page here and try again.",
    404: "Check the link: it may be incomplete, or the picture was deleted.",
    413: "Choose a smaller file, or make this one smaller.",
    429: "Wait a minute, then try again.",
    500: "Try again. If it stays like this, tell whoever runs this site the number below.",
}
_WORTH_A_RETRY = frozenset({429, 500, 503})


def error_page(request: web.Request, problem: ProblemDetails) -> web.Response:
    """Answer *problem*. A page that needs a session leads to the login and back."""
    fragment = "HX-Request" in request.headers
    if problem.status == 401 and request.method in {"GET", "HEAD"}:
        return _to_login(request, fragment=fragment)
    view = _fragment(request, problem) if fragment else _page(request, problem)
    response = render(request, view, status=problem.status)
    response.headers["Cache-Control"] = "no-store"
    response.headers.update({name: value for name, value in problem.headers.items() if name != "WWW-Authenticate"})
    return response


def _page(request: web.Request, problem: ProblemDetails) -> ErrorPage:
    readable = request.method in {"GET", "HEAD"}
    return ErrorPage(
        status=problem.status,
        heading=_HEADINGS.get(problem.status, "Something went wrong" if problem.status >= 500 else "That did not work"),
        message=problem.detail,
        next_step=_NEXT_STEPS.get(problem.status, ""),
        retry=request.path_qs if readable and problem.status in _WORTH_A_RETRY else None,
        login="/login" if problem.status == 401 else None,
    )


def _fragment(request: web.Request, problem: ProblemDetails) -> ErrorFragment:
    return ErrorFragment(problem.detail, _NEXT_STEPS.get(problem.status, ""), request.path_qs)


def _to_login(request: web.Request, *, fragment: bool) -> web.Response:
    target = f"/login?{urlencode({'next': request.path_qs})}"
    return web.Response(headers={"HX-Redirect": target}) if fragment else see_other(target)
