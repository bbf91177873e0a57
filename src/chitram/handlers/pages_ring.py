"""``/admin/ring``: the ring at a glance, changes with a plan before the commit, single keys, and nodes to break."""

from datetime import UTC, datetime

from aiohttp import web

from chitram.domain.errors import Problem, ValidationFailed
from chitram.domain.node_set import NodeChange
from chitram.handlers.api_admin import ChangeRequest, CommitRequest
from chitram.handlers.forms import read_form, validate
from chitram.handlers.pages_forms import NOT_REFUSED, Refused, form, see_other
from chitram.handlers.present import timestamp
from chitram.handlers.ring_parts import KeyView, PlanView
from chitram.handlers.ring_views import RingForms, RingLive, RingPage
from chitram.handlers.shell import visitor
from chitram.handlers.templating import render
from chitram.keys import RING_ADMIN
from chitram.services.ring_ports import Deed, Inspection

ADDRESS = "/admin/ring"
_MAINTENANCE = "maintenance"
_CHANGE = ("action", "name", "address", "weight")


async def ring_page(request: web.Request, refused: Refused = NOT_REFUSED) -> web.StreamResponse:
    """The page without an answer, or with the reason why a form was refused."""
    unsure = refused.field("typed", secret=True).error is not None
    plan = await _planned(request, _entered_change(refused)) if unsure else None
    return await _shown(request, plan=plan, refused=refused)


@form(ring_page)
async def show(request: web.Request) -> web.StreamResponse:
    """``GET``: the page, with what ``?key=`` asks for; only what changes by itself when its script asks."""
    if "HX-Request" in request.headers:
        return _unstored(render(request, await _live(request, _slot(request))))
    key = request.query.get("key", "")
    found = await request.app[RING_ADMIN].inspect(visitor(request), key) if key else None
    return await _shown(request, found=found)


@form(ring_page)
async def plan_change(request: web.Request) -> web.StreamResponse:
    """Show what a change would do. It is a POST because an address may hold a password."""
    return await _shown(request, plan=await _planned(request, await read_form(request)))


@form(ring_page)
async def commit_change(request: web.Request) -> web.StreamResponse:
    """Make the change, if the node's name was typed and the set is still the one that was planned for."""
    entered = await read_form(request)
    wanted = validate(CommitRequest, {**_change_fields(entered), "version": entered.get("version")})
    if entered.get("typed", "").strip() != wanted.name:
        raise ValidationFailed(Problem("/typed", f"That is not the node's name. Type {wanted.name} to go on."))
    await request.app[RING_ADMIN].commit(visitor(request), wanted.change(), version=wanted.version)
    return see_other(f"{ADDRESS}?notice=ring-changed")


@form(ring_page)
async def invalidate(request: web.Request) -> web.StreamResponse:
    """Be rid of what is cached under a key."""
    entered = await read_form(request)
    await request.app[RING_ADMIN].invalidate(visitor(request), entered.get("key", ""))
    return see_other(f"{ADDRESS}?notice=key-invalidated")


@form(ring_page)
async def harm(request: web.Request) -> web.StreamResponse:
    """Break a node, or heal it. Raises ``NotFound`` where that is not allowed."""
    entered = await read_form(request)
    deed = entered.get("deed", "")
    if deed not in set(Deed):
        raise ValidationFailed(Problem("/deed", f"Use {', '.join(Deed)}."))
    request.app[RING_ADMIN].harm(visitor(request), entered.get("name", ""), Deed(deed))
    return see_other(f"{ADDRESS}?notice=chaos#ring-chaos")


async def _shown(
    request: web.Request,
    *,
    plan: PlanView | None = None,
    found: Inspection | None = None,
    refused: Refused = NOT_REFUSED,
) -> web.StreamResponse:
    slot = found.slot if found else None
    view = RingPage(
        live=await _live(request, slot),
        forms=_forms(refused, request.query.get("key", "")),
        plan=plan,
        found=KeyView.of(found) if found else None,
        poll=ADDRESS if slot is None else f"{ADDRESS}?slot={slot}",
        made=timestamp(datetime.now(UTC)),
    )
    return _unstored(render(request, view, status=refused.status))


async def _live(request: web.Request, slot: int | None) -> RingLive:
    return RingLive.of(await request.app[RING_ADMIN].report(visitor(request)), slot)


async def _planned(request: web.Request, entered: dict[str, str]) -> PlanView:
    fields = _change_fields(entered)
    change: NodeChange = validate(ChangeRequest, fields).change()
    planned, dip = await request.app[RING_ADMIN].plan(visitor(request), change)
    return PlanView.of(change, planned, dip, maintenance=entered.get("action") == _MAINTENANCE)


def _change_fields(entered: dict[str, str]) -> dict[str, str]:
    """The fields of a change that were filled in. Maintenance is draining: what differs is what comes after it."""
    fields = {name: entered[name].strip() for name in _CHANGE if entered.get(name, "").strip()}
    return {**fields, "action": "drain"} if fields.get("action") == _MAINTENANCE else fields


def _entered_change(refused: Refused) -> dict[str, str]:
    return {name: refused.entered(name, "") for name in _CHANGE}


def _forms(refused: Refused, key: str) -> RingForms:
    fields = [refused.field(name) for name in (*_CHANGE, "version", "key", "deed")]
    reasons = [refused.message(), *(f"{field.name.capitalize()}: {field.error}" for field in fields if field.error)]
    version_passed = bool(refused) and refused.entered("version", "") != "" and refused.message() is not None
    return RingForms(
        message=" ".join(reason for reason in reasons if reason) or None,
        name=refused.field("name"),
        address=refused.field("address"),
        weight=refused.field("weight", default="1"),
        typed=refused.field("typed", secret=True),
        key=refused.field("key", default=key),
        again=tuple(_change_fields(_entered_change(refused)).items()) if version_passed else (),
    )


def _slot(request: web.Request) -> int | None:
    asked = request.query.get("slot", "")
    fits = asked.isascii() and asked.isdigit() and len(asked) <= 5
    return min(int(asked), 65_535) if fits else None


def _unstored(response: web.Response) -> web.Response:
    response.headers["Cache-Control"] = "no-store"
    return response
