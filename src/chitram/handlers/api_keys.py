"""``/api/v1/users/me/keys``: for whoever signed in with a password. No key may look at keys, make or revoke one."""

from datetime import timedelta
from typing import Annotated

import orjson
from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field

from chitram.domain.api_key import LONGEST_LIFE, SHORTEST_LIFE, KeyWish, Scope
from chitram.handlers.auth import required_session
from chitram.handlers.forms import read_json
from chitram.handlers.present import key_fields
from chitram.keys import API_KEYS

_SECONDS = Field(strict=True, ge=SHORTEST_LIFE.total_seconds(), le=LONGEST_LIFE.total_seconds())


class KeyRequest(BaseModel):
    """The key that is wanted. *expires_in* is in seconds; without it the key stays until it is revoked."""

    model_config = ConfigDict(extra="forbid")

    name: str
    scopes: list[Scope]
    expires_in: Annotated[int, _SECONDS] | None = None

    def wish(self) -> KeyWish:
        """In the domain's words."""
        lifetime = None if self.expires_in is None else timedelta(seconds=self.expires_in)
        return KeyWish(name=self.name, scopes=frozenset(self.scopes), lifetime=lifetime)


async def list_keys(request: web.Request) -> web.Response:
    """``GET /users/me/keys``: all of them, which are few."""
    session = await required_session(request)
    keys = await request.app[API_KEYS].of(session.user)
    return _json({"items": [key_fields(key) for key in keys], "next_cursor": None})


async def create(request: web.Request) -> web.Response:
    """``POST /users/me/keys``: the only answer that ever holds the key itself."""
    session = await required_session(request)
    wanted = await read_json(request, KeyRequest)
    key, secret = await request.app[API_KEYS].create(session.user, wanted.wish())
    return _json({**key_fields(key), "key": secret}, status=201)


async def revoke(request: web.Request) -> web.Response:
    """``DELETE /users/me/keys/{id}``: worthless at once, in every process."""
    session = await required_session(request)
    await request.app[API_KEYS].revoke(session.user, request.match_info["id"])
    return web.Response(status=204)


def _json(fields: dict[str, object], *, status: int = 200) -> web.Response:
    headers = {hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(status=status, body=orjson.dumps(fields), content_type="application/json", headers=headers)
