"""Pages out of templates and views. Everything is escaped, and a name that a template does not know is an error."""

import re
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

from chitram.domain.errors import InvalidRequest
from chitram.handlers.assets import ASSETS, Assets, web_directory
from chitram.handlers.shell import shell_of
from chitram.handlers.views import View
from chitram.keys import SITE

_HOST = re.compile(r"[A-Za-z0-9._\[\]:-]+")
_THIS_MACHINE = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?")
"""Where browsers send cookies that are for HTTPS alone without it."""
_ASK_AGAIN = "private, no-cache"


def setup_templating(app: web.Application, directory: Path | None = None) -> None:
    """Give *app* its static files and templates; *directory* is ``web/``."""
    directory = directory or web_directory()
    assets = Assets.load(directory / "static")
    app[ASSETS] = assets
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(directory / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        default_helpers=False,
    )
    environment.globals["static"] = assets.url


def render(request: web.Request, view: View, *, status: int = 200) -> web.Response:
    """The page (or fragment) of *view* for whoever asks. It depends on the cookies, so no shared cache keeps it."""
    context = {"page": view, "shell": shell_of(request)}
    response = aiohttp_jinja2.render_template(view.template, request, context, status=status)
    response.headers["Cache-Control"] = _ASK_AGAIN
    response.headers["Vary"] = "Cookie, HX-Request"
    return response


def origin_of(request: web.Request) -> str:
    """Scheme and host as the visitor knows them, for links that are copied elsewhere. Raises ``InvalidRequest``.

    In production a proxy ends TLS in front of us: nobody can sign in without (:class:`~chitram.keys.Site`), and a link
    that says otherwise would send an API key in the clear.
    """
    if not _HOST.fullmatch(request.host):
        raise InvalidRequest("The Host header is not the name of a host.")
    secure = request.app[SITE].secure_cookies and not _THIS_MACHINE.fullmatch(request.host)
    return f"{'https' if secure else request.scheme}://{request.host}"
