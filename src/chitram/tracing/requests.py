"""The span of a request, by the semantic conventions for HTTP. Neither query, headers nor bodies are in it."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.semconv.attributes.network_attributes import NETWORK_PROTOCOL_VERSION
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS
from opentelemetry.semconv.attributes.url_attributes import URL_PATH, URL_SCHEME
from opentelemetry.trace import Span, SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chitram.keys import REQUEST_ID, USER_ID, route_of
from chitram.logs import current_trace
from chitram.metrics.requests import METHODS
from chitram.tracing.spans import fail, ids

ASKED_ALL_THE_TIME = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Routes without a span: a proxy and Prometheus would fill every collector."""


def request_spans(tracer: Tracer) -> Middleware:
    """A middleware that continues the trace of a ``traceparent`` header, or begins one."""
    propagator = TraceContextTextMapPropagator()

    @web.middleware
    async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = route_of(request)
        if route in ASKED_ALL_THE_TIME:
            return await handler(request)
        method = request.method if request.method in METHODS else "_OTHER"
        with tracer.start_as_current_span(
            f"{method} {route}" if route != "unmatched" else method,
            context=propagator.extract(request.headers),
            kind=SpanKind.SERVER,
            attributes=_asked(request, method, route),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            current_trace.set(ids(span))
            try:
                response = await handler(request)
            except BaseException as error:
                fail(span, type(error).__name__)
                raise
            _answered(span, request, response)
            return response

    return traced


def _asked(request: web.Request, method: str, route: str) -> dict[str, str]:
    attributes = {
        HTTP_REQUEST_METHOD: method,
        URL_PATH: request.rel_url.raw_path,
        URL_SCHEME: request.scheme,
        SERVER_ADDRESS: request.host,
        NETWORK_PROTOCOL_VERSION: f"{request.version.major}.{request.version.minor}",
    }
    return attributes if route == "unmatched" else {**attributes, HTTP_ROUTE: route}


def _answered(span: Span, request: web.Request, response: web.StreamResponse) -> None:
    span.set_attribute(HTTP_RESPONSE_STATUS_CODE, response.status)
    if response.status >= 500:
        fail(span, str(response.status))
    told = {
        "chitram.request_id": request.get(REQUEST_ID),
        "chitram.cache.result": response.headers.get("X-Cache", "").lower(),
        "chitram.cache.node": response.headers.get("X-Cache-Node"),
        "user.id": request.get(USER_ID),
    }
    span.set_attributes({name: value for name, value in told.items() if value})
