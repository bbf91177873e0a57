"""The one table of URLs. A GET answers HEAD too."""

from aiohttp import web

from chitram.domain.identifiers import SHORT_LENGTH
from chitram.handlers import api_accounts, api_admin, api_images, api_keys, description, probes
from chitram.handlers.exports import export
from chitram.handlers.present import API
from chitram.handlers.shell import admin_page, nothing

SHORT = f"[1-9A-Za-z]{{{SHORT_LENGTH}}}"


async def _continue_later(request: web.Request) -> None:
    """Leave ``Expect: 100-continue`` unanswered until the upload is admitted: a refusal then costs no body."""


def api_routes() -> list[web.RouteDef]:
    """The REST API."""
    images, accounts = api_images, api_accounts
    return [
        web.post(f"{API}/auth/register", accounts.register),
        web.post(f"{API}/auth/login", accounts.login),
        web.post(f"{API}/auth/token", accounts.token),
        web.get(f"{API}/auth/me", accounts.me),
        web.post(f"{API}/auth/logout", accounts.logout),
        web.post(f"{API}/auth/password", accounts.password),
        web.get(f"{API}/users/me", accounts.me),
        web.get(f"{API}/users/me/images", images.list_mine),
        web.get(f"{API}/users/me/export", export),
        web.get(f"{API}/users/me/keys", api_keys.list_keys),
        web.post(f"{API}/users/me/keys", api_keys.create),
        web.delete(f"{API}/users/me/keys/{{id}}", api_keys.revoke),
        web.post(f"{API}/images/upload", images.upload, expect_handler=_continue_later),
        web.get(f"{API}/images/{{id}}", images.show),  # before its neighbours: they are tried in this order
        web.get(f"{API}/images", images.list_public),
        web.patch(f"{API}/images/{{id}}", images.change),
        web.delete(f"{API}/images/{{id}}", images.delete),
        web.get(f"{API}/images/{{id}}/file", images.file),
        web.get(f"{API}/images/{{id}}/thumbnail", images.thumbnail),
        web.get(f"{API}/images/{{id}}/thumbnail/{{size:[0-9]{{1,4}}}}", images.thumbnail),
        web.get(f"{API}/images/{{id}}/thumbnails", images.thumbnails),
        *_admin_routes(),
        web.get(f"/i/{{id:{SHORT}}}.{{ext}}", images.direct_file),
        web.get(f"/t/{{id:{SHORT}}}/{{size:[0-9]{{1,4}}}}.{{kind:webp|jpg}}", images.direct_thumbnail),
    ]


def _admin_routes() -> list[web.RouteDef]:
    """For administrators. Which methods an address takes would tell a stranger that it exists."""
    ring, plan, cache = f"{API}/admin/ring", f"{API}/admin/ring/plan", f"{API}/admin/cache/{{key:.+}}"
    return [
        web.get(ring, admin_page(api_admin.show_ring)),
        web.post(plan, admin_page(api_admin.plan_ring)),
        web.post(ring, admin_page(api_admin.commit_ring)),
        web.get(cache, admin_page(api_admin.show_key)),
        web.delete(cache, admin_page(api_admin.invalidate_key)),
        *(web.route("*", address, nothing) for address in (ring, plan, cache)),
    ]


def description_routes() -> list[web.RouteDef]:
    """The description of all of this, which does not describe itself."""
    return [web.get("/openapi.json", description.openapi_json), web.get("/docs", description.docs_page)]


def probe_routes(*, metrics: bool) -> list[web.RouteDef]:
    """What machines ask; ``/metrics`` only when it is wanted."""
    return [web.get("/health", probes.health), *process_routes(metrics=metrics)]


def process_routes(*, metrics: bool) -> list[web.RouteDef]:
    """Those of them that a process has which answers no requests."""
    probed = [web.get("/health/live", probes.live), web.get("/health/ready", probes.ready)]
    return [*probed, web.get("/metrics", probes.metrics)] if metrics else probed
