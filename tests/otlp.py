"""A collector of traces: a real server for OTLP over HTTP that remembers what it is sent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Received:
    """One span, its attributes as plain values."""

    span: Span
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def trace(self) -> bytes:
        return self.span.trace_id

    @property
    def failed(self) -> bool:
        return self.span.status.code == self.span.status.STATUS_CODE_ERROR

    @property
    def milliseconds(self) -> float:
        return (self.span.end_time_unix_nano - self.span.start_time_unix_nano) / 1e6


class Collector:
    """Everything received so far. `raw` is every request's body, to look for what must not be there."""

    def __init__(self) -> None:
        self.spans: list[Received] = []
        self.resources: list[dict[str, Any]] = []
        self.raw = b""
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        """`POST /v1/traces`."""
        assert request.content_type == "application/x-protobuf"
        body = await request.read()
        self.raw += body
        message = ExportTraceServiceRequest.FromString(body)
        for group in message.resource_spans:
            self.resources.append({item.key: _value(item.value) for item in group.resource.attributes})
            for scope in group.scope_spans:
                self.spans += [
                    Received(span, {item.key: _value(item.value) for item in span.attributes}) for span in scope.spans
                ]
        return web.Response(body=b"", content_type="application/x-protobuf")

    def named(self, name: str) -> list[Received]:
        """All spans of this name."""
        return [received for received in self.spans if received.name == name]

    def below(self, parent: Received) -> list[Received]:
        """The children of a span, in the order of their beginning."""
        children = [received for received in self.spans if received.span.parent_span_id == parent.span.span_id]
        return sorted(children, key=lambda child: child.span.start_time_unix_nano)


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """A running collector; services send to it at once."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    running = Collector()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/traces", running.take)
    server = TestServer(app)
    await server.start_server()
    running.url = str(server.make_url("")).rstrip("/")
    yield running
    await server.close()
