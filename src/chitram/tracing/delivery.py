"""Delivery to a collector, from a thread of its own: it holds nobody up, and its failures are a line a minute."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Sequence

from aiohttp import web
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from chitram.logs import get_logger

LAST_SECONDS = 1.0
"""What is still to be delivered at the end gets this long."""
QUIET_SECONDS = 60.0
log = get_logger(__name__)


class Tolerant(SpanExporter):
    """An exporter that says now and then that it cannot deliver, instead of each time and at length."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._lost = 0
        self._silent_until = 0.0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver, or count what is lost."""
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._lost += len(spans)
            self._complain()
        return result

    def shutdown(self) -> None:
        """Give up what is being tried."""
        self._exporter.shutdown()

    def _complain(self) -> None:
        if time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + QUIET_SECONDS
            log.warning("traces cannot be delivered", endpoint=self._endpoint, lost_spans=self._lost)
            self._lost = 0


def new_provider(endpoint: str, version: str) -> TracerProvider:
    """A provider that delivers to *endpoint*. Sampling, batching, headers, timeouts and the service's name are taken
    from the standard ``OTEL_*`` variables by the library itself.
    """
    for noisy in ("opentelemetry.exporter", "opentelemetry.sdk._shared_internal"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    told = OTELResourceDetector().detect().attributes
    resource = Resource.create({SERVICE_NAME: "chitram", SERVICE_VERSION: version, **told})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(Tolerant(exporter, endpoint)))
    return provider


async def deliver_until_the_end(provider: TracerProvider, _app: web.Application) -> AsyncIterator[None]:
    """A cleanup context: at the end what is left is delivered, if the collector takes it in time."""
    yield
    last = threading.Thread(target=provider.shutdown, daemon=True)
    last.start()
    await asyncio.to_thread(last.join, LAST_SECONDS)
