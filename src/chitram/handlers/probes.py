"""What machines ask: health, liveness, readiness, metrics."""

import orjson
from aiohttp import web

from chitram.handlers.auth import identify
from chitram.keys import HEALTH, METRICS, SITE, UPLOADS
from chitram.services.health import Report

NOT_STORED = {"Cache-Control": "no-store"}


async def health(request: web.Request) -> web.Response:
    """``GET /health``: all in one answer; 503 only when the database is away. Node names are for administrators."""
    report = await request.app[HEALTH].report()
    session = await identify(request) if report.database else None
    fields = _fields(request, report, detailed=bool(session and session.is_admin))
    return _json(fields, 503 if report.status == "unhealthy" else 200)


async def live(request: web.Request) -> web.Response:  # noqa: ARG001  a handler's signature
    """``GET /health/live``: the event loop turns. No I/O."""
    return _json({"status": "alive"}, 200)


async def ready(request: web.Request) -> web.Response:
    """``GET /health/ready``: send requests here? The database is needed, the cache never; not while draining."""
    health = request.app[HEALTH]
    if await health.ready():
        return _json({"status": "ready"}, 200)
    return _json({"status": "draining" if health.draining else "unready"}, 503)


async def metrics(request: web.Request) -> web.Response:
    """``GET /metrics`` in the Prometheus text format."""
    body, content_type = request.app[METRICS].expose()
    return web.Response(body=body, headers={"Content-Type": content_type, **NOT_STORED})


def _fields(request: web.Request, report: Report, *, detailed: bool) -> dict[str, object]:
    uploads = request.app[UPLOADS]
    trusted = sum(node.trusted for node in report.nodes)
    fields: dict[str, object] = {
        "status": report.status,
        "version": request.app[SITE].version,
        "database": _word(report.database),
        "storage": _word(report.storage),
        "cache": report.cache,
        "cache_nodes": f"{trusted}/{len(report.nodes)} serving",
        "upload_concurrency": f"{uploads.active}/{uploads.limits.concurrency} active",
    }
    if detailed:
        fields["nodes"] = [{"name": n.name, "state": n.state, "trusted": n.trusted} for n in report.nodes]
    return fields


def _word(answers: bool) -> str:
    return "healthy" if answers else "unreachable"


def _json(fields: dict[str, object], status: int) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(fields), content_type="application/json", headers=NOT_STORED)
