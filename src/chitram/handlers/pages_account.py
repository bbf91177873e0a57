"""Log in, register, log out, choose a theme."""

from aiohttp import web

from chitram.handlers.auth import end_session, start_session
from chitram.handlers.form_views import AccountForm
from chitram.handlers.forms import read_form
from chitram.handlers.pages_forms import NOT_REFUSED, Refused, form, local_path, see_other
from chitram.handlers.shell import THEME_COOKIE, THEMES, VISITOR
from chitram.handlers.templating import render
from chitram.handlers.views import LoginPage, RegisterPage
from chitram.keys import ACCOUNTS, SITE

_YEAR = 365 * 24 * 3600


async def login_page(request: web.Request, refused: Refused = NOT_REFUSED) -> web.StreamResponse:
    """The form, with where to go afterwards."""
    asked = request.query.get("next")
    view = LoginPage(_account_form(refused), refused.entered("next", local_path(asked)), needed=asked is not None)
    return render(request, view, status=refused.status)


@form(login_page)
async def log_in(request: web.Request) -> web.StreamResponse:
    """Start a session."""
    entered = await read_form(request)
    signed_in = await request.app[ACCOUNTS].login(entered.get("email", ""), entered.get("password", ""))
    response = see_other(local_path(entered.get("next")))
    start_session(request, response, signed_in.token)
    return response


async def register_page(request: web.Request, refused: Refused = NOT_REFUSED) -> web.StreamResponse:
    """The form, with where to go afterwards."""
    target = refused.entered("next", local_path(request.query.get("next")))
    return render(request, RegisterPage(_account_form(refused), target), status=refused.status)


@form(register_page)
async def register(request: web.Request) -> web.StreamResponse:
    """Open an account and start its session."""
    entered = await read_form(request)
    signed_in = await request.app[ACCOUNTS].register(entered.get("email", ""), entered.get("password", ""))
    target = local_path(entered.get("next"))
    response = see_other("/my-images?notice=welcome" if target == "/" else target)
    start_session(request, response, signed_in.token)
    return response


async def log_out(request: web.Request) -> web.StreamResponse:
    """Revoke the session, here and wherever its token was copied to."""
    if (session := request[VISITOR]) is not None:
        await request.app[ACCOUNTS].logout(session)
    response = see_other("/?notice=goodbye")
    end_session(response)
    return response


async def choose_theme(request: web.Request) -> web.StreamResponse:
    """Keep light or dark in a cookie; anything else means the system's."""
    entered = await read_form(request)
    response = see_other(local_path(entered.get("next")))
    if entered.get("theme") in THEMES:
        secure = request.app[SITE].secure_cookies or request.secure
        response.set_cookie(
            THEME_COOKIE, entered["theme"], max_age=_YEAR, httponly=True, samesite="Lax", secure=secure, path="/"
        )
    else:
        response.del_cookie(THEME_COOKIE, path="/")
    return response


def _account_form(refused: Refused) -> AccountForm:
    return AccountForm(refused.field("email"), refused.field("password", secret=True), refused.message())
