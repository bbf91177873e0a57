"""What machines ask."""

from chitram.handlers.openapi.fields import Schema, flag, listed, record, sometimes, text
from chitram.handlers.openapi.vocabulary import Access, Answer, Operation, json_answer

_TAG = "Probes"
_METRICS = Answer("In the Prometheus text format.", {"text/plain": text()}, ("Cache-Control",))

PROBES: dict[str, Operation] = {
    "GET /health": Operation(
        id="getHealth",
        tag=_TAG,
        summary="Is everything fine?",
        access=Access.WHOEVER,
        answers={
            200: json_answer("The database answers; the rest may be degraded.", "Health", "Cache-Control"),
            503: json_answer("The database is away.", "Health", "Cache-Control"),
        },
    ),
    "GET /health/live": Operation(
        id="getLiveness",
        tag=_TAG,
        summary="Does the process turn?",
        access=Access.OPEN,
        answers={200: json_answer("It does.", "Alive", "Cache-Control")},
        remote=False,
    ),
    "GET /health/ready": Operation(
        id="getReadiness",
        tag=_TAG,
        summary="Send requests here?",
        access=Access.OPEN,
        answers={
            200: json_answer("Yes.", "Readiness", "Cache-Control"),
            503: json_answer("No: without the database, or about to end.", "Readiness", "Cache-Control"),
        },
        remote=False,
    ),
    "GET /metrics": Operation(
        id="getMetrics", tag=_TAG, summary="Metrics", access=Access.OPEN, answers={200: _METRICS}, remote=False
    ),
}

PROBE_SCHEMAS: dict[str, Schema] = {
    "Health": sometimes(
        record(
            "Everything in one answer.",
            status=text("`unhealthy` when the database is away.", enum=["healthy", "degraded", "unhealthy"]),
            version=text(),
            database=text(enum=["healthy", "unreachable"]),
            storage=text(enum=["healthy", "unreachable"]),
            cache=text(enum=["healthy", "degraded", "unavailable", "disabled"]),
            cache_nodes=text(examples=["3/3 serving"]),
            upload_concurrency=text(examples=["3/10 active"]),
            nodes=listed(record("One node.", name=text(), state=text(), trusted=flag()), "For administrators."),
        ),
        "nodes",
    ),
    "Alive": record("The event loop turns.", status=text(const="alive")),
    "Readiness": record("Whether to send requests here.", status=text(enum=["ready", "draining", "unready"])),
}
