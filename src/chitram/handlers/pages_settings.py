"""The settings page: API keys are made, looked at and revoked here, by whoever signed in with a password."""

from datetime import timedelta

from aiohttp import web

from chitram.domain.api_key import KeyWish, Scope
from chitram.domain.errors import InvalidRequest, Unauthorized
from chitram.handlers.forms import read_form
from chitram.handlers.key_snippets import Snippets
from chitram.handlers.pages_forms import NOT_REFUSED, Refused, form, see_other
from chitram.handlers.settings_views import (
    LIFETIMES,
    FreshKey,
    KeyForm,
    lifetime_choices,
    scope_choices,
    settings_view,
)
from chitram.handlers.shell import VISITOR
from chitram.handlers.templating import origin_of, render
from chitram.keys import API_KEYS
from chitram.services.accounts import Session

ADDRESS = "/settings"


async def settings_page(request: web.Request, refused: Refused = NOT_REFUSED) -> web.StreamResponse:
    """The page. Raises ``Unauthorized``, which leads to the login and back."""
    return await _answer(request, refused, None)


@form(settings_page)
async def create_key(request: web.Request) -> web.StreamResponse:
    """Make a key. The answer shows it, once: it is no redirect, since no later page could."""
    session, entered = _session(request), await read_form(request)
    origin = origin_of(request)  # before there is a key: it refuses a host that is none, and nobody would see the key
    key, secret = await request.app[API_KEYS].create(session.user, _wish(entered))
    snippets = Snippets(origin, secret) if Scope.UPLOAD in key.scopes else None
    return await _answer(request, NOT_REFUSED, FreshKey(key.name, secret, snippets))


async def revoke_key(request: web.Request) -> web.StreamResponse:
    """Make a key worthless."""
    await request.app[API_KEYS].revoke(_session(request).user, request.match_info["id"])
    return see_other(f"{ADDRESS}?notice=key-revoked")


async def _answer(request: web.Request, refused: Refused, fresh: FreshKey | None) -> web.StreamResponse:
    user = _session(request).user
    keys = tuple(await request.app[API_KEYS].of(user))
    chosen = {scope.value for scope in Scope if refused.entered(_box(scope), "")} if refused else {Scope.UPLOAD}
    shown = KeyForm(
        name=refused.field("name"),
        scopes=scope_choices(user, frozenset(chosen)),
        scopes_error=refused.field("scopes"),
        lifetimes=lifetime_choices(refused.entered("days", "")),
        message=refused.message(),
    )
    response = render(request, settings_view(user, keys, shown, fresh), status=201 if fresh else refused.status)
    if fresh:
        response.headers["Cache-Control"] = "no-store"  # the key is shown once, also by the back button
    return response


def _wish(entered: dict[str, str]) -> KeyWish:
    days = entered.get("days", "")
    if days not in LIFETIMES:
        raise InvalidRequest("Choose how long the key lives from what is offered.")
    return KeyWish(
        name=entered.get("name", ""),
        scopes=frozenset(scope for scope in Scope if entered.get(_box(scope))),
        lifetime=timedelta(days=int(days)) if days else None,
    )


def _box(scope: Scope) -> str:
    return f"scope-{scope.value}"


def _session(request: web.Request) -> Session:
    session = request[VISITOR]
    if session is None:
        raise Unauthorized
    return session
