"""``/api/v1/admin/ring``: for administrators; for everybody else there is nothing here."""

from dataclasses import asdict
from typing import Annotated, Any

import orjson
from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field

from chitram.domain.node_set import Action, NodeChange
from chitram.handlers.auth import caller
from chitram.handlers.forms import read_json
from chitram.keys import RING_ADMIN
from chitram.services.ports import NodeSet


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
    report = await request.app[RING_ADMIN].report(await caller(request))
    return _json({**_set_fields(report.stored), "live": [asdict(node) for node in report.live]})


async def plan_ring(request: web.Request) -> web.Response:
    """``POST /admin/ring/plan``: what would move; changes nothing."""
    who = await caller(request)
    request.app[RING_ADMIN].admit(who)
    wanted = await read_json(request, ChangeRequest)
    return _json(asdict(await request.app[RING_ADMIN].plan(who, wanted.change())))


async def commit_ring(request: web.Request) -> web.Response:
    """``POST /admin/ring``: make a change that was planned."""
    who = await caller(request)
    request.app[RING_ADMIN].admit(who)
    wanted = await read_json(request, CommitRequest)
    stored = await request.app[RING_ADMIN].commit(who, wanted.change(), version=wanted.version)
    return _json(_set_fields(stored))


def _set_fields(stored: NodeSet) -> dict[str, Any]:
    """The set without addresses: they may hold passwords."""
    nodes = [
        {"name": n.name, "weight": n.weight, "state": n.state, "share": stored.shares.get(n.name, 0.0)}
        for n in stored.nodes
    ]
    return {
        "version": stored.version,
        "hash": stored.ring_hash,
        "vnodes": stored.vnodes,
        "salt": stored.salt,
        "imbalance": stored.imbalance,
        "nodes": nodes,
    }


def _json(fields: dict[str, Any]) -> web.Response:
    headers = {hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(body=orjson.dumps(fields), content_type="application/json", headers=headers)
