"""``/api/v1/admin/ring`` and ``…/cache``: for administrators; for everybody else there is nothing here."""

from typing import Annotated, Any

import orjson
from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field

from chitram.domain.node_set import Action, NodeChange
from chitram.handlers.forms import read_json
from chitram.handlers.ring_json import inspection_fields, plan_fields, report_fields, set_fields
from chitram.handlers.shell import visitor
from chitram.keys import RING_ADMIN


class ChangeRequest(BaseModel):
    """One change of the node set."""

    model_config = ConfigDict(extra="forbid")

    action: Action
    name: str
    address: str = ""
    weight: Annotated[float, Field(gt=0, le=100)] = 1.0

    def change(self) -> NodeChange:
        """In the domain's words."""
        return NodeChange(self.action, self.name, self.address, self.weight)


class CommitRequest(ChangeRequest):
    """The same with the version that the plan was made for."""

    version: int


async def show_ring(request: web.Request) -> web.Response:
    """``GET /admin/ring``."""
    return _json(report_fields(await request.app[RING_ADMIN].report(visitor(request))))


async def plan_ring(request: web.Request) -> web.Response:
    """``POST /admin/ring/plan``: what would move; changes nothing."""
    wanted = await read_json(request, ChangeRequest)
    return _json(plan_fields(*await request.app[RING_ADMIN].plan(visitor(request), wanted.change())))


async def commit_ring(request: web.Request) -> web.Response:
    """``POST /admin/ring``: make a change that was planned."""
    wanted = await read_json(request, CommitRequest)
    stored = await request.app[RING_ADMIN].commit(visitor(request), wanted.change(), version=wanted.version)
    return _json(set_fields(stored))


async def show_key(request: web.Request) -> web.Response:
    """``GET /admin/cache/{key}``: where it lies and who holds it; never what it holds."""
    return _json(inspection_fields(await request.app[RING_ADMIN].inspect(visitor(request), request.match_info["key"])))


async def invalidate_key(request: web.Request) -> web.Response:
    """``DELETE /admin/cache/{key}``: when this answers, no process reads what any node held under it."""
    await request.app[RING_ADMIN].invalidate(visitor(request), request.match_info["key"])
    return web.Response(status=204)


def _json(fields: dict[str, Any]) -> web.Response:
    headers = {hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(body=orjson.dumps(fields), content_type="application/json", headers=headers)
