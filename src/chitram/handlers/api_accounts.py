"""``/api/v1/auth`` and ``/api/v1/users/me``."""

from collections.abc import Mapping

import orjson
from aiohttp import hdrs, web
from pydantic import BaseModel

from chitram.domain.api_key import Scope
from chitram.domain.errors import InvalidRequest
from chitram.handlers.auth import end_session, required_session
from chitram.handlers.forms import read_form, read_json
from chitram.handlers.present import usage_fields, user_fields
from chitram.keys import ACCOUNTS, QUOTAS
from chitram.services.accounts import SignedIn

NOT_STORED = {hdrs.CACHE_CONTROL: "no-store"}


class Credentials(BaseModel):
    """What register and login take. Their rules are the domain's, so that pages and API say the same."""

    email: str
    password: str


class PasswordChange(BaseModel):
    """What a password change takes."""

    current_password: str
    new_password: str


async def register(request: web.Request) -> web.Response:
    """``POST /auth/register``."""
    wanted = await read_json(request, Credentials)
    return _signed_in(await request.app[ACCOUNTS].register(wanted.email, wanted.password), 201)


async def login(request: web.Request) -> web.Response:
    """``POST /auth/login``."""
    given = await read_json(request, Credentials)
    return _signed_in(await request.app[ACCOUNTS].login(given.email, given.password), 200)


async def token(request: web.Request) -> web.Response:
    """``POST /auth/token``: the password grant's form (RFC 6749, section 4.3.2)."""
    form = await read_form(request)
    email, password = form.get("username"), form.get("password")
    if email is None or password is None:
        raise InvalidRequest("Send the form fields username and password.")
    signed_in = await request.app[ACCOUNTS].login(email, password)
    return _json({"access_token": signed_in.token, "token_type": "bearer"})


async def me(request: web.Request) -> web.Response:
    """``GET /auth/me`` and ``GET /users/me``."""
    session = await required_session(request, Scope.READ)
    usage = await request.app[QUOTAS].usage(session.user.id)
    return _json(user_fields(session.user) | usage_fields(usage))


async def logout(request: web.Request) -> web.Response:
    """``POST /auth/logout``: the token is worthless at once."""
    await request.app[ACCOUNTS].logout(await required_session(request))
    response = web.Response(status=204)
    end_session(response)
    return response


async def password(request: web.Request) -> web.Response:
    """``POST /auth/password``: every earlier token is worthless at once; the answer has a new one."""
    session = await required_session(request)
    wanted = await read_json(request, PasswordChange)
    return _signed_in(
        await request.app[ACCOUNTS].change_password(session, current=wanted.current_password, new=wanted.new_password),
        200,
    )


def _signed_in(signed_in: SignedIn, status: int) -> web.Response:
    fields = {"user": user_fields(signed_in.user), "access_token": signed_in.token, "token_type": "bearer"}
    return _json(fields, status=status)


def _json(fields: Mapping[str, object], *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(fields), content_type="application/json", headers=NOT_STORED)
