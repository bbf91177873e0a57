"""The implementation where traces are wanted: everything that the composition root passes through makes spans."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from aiohttp.typedefs import Middleware
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, get_current_span
from sqlalchemy.ext.asyncio import AsyncEngine

from chitram.logs import current_trace
from chitram.services.storage_ports import BlobStorage
from chitram.tracing import CleanupContext
from chitram.tracing.delivery import deliver_until_the_end, new_provider
from chitram.tracing.requests import request_spans
from chitram.tracing.ring_spans import TracedRing, timed_connect
from chitram.tracing.spans import fail, ids
from chitram.tracing.statements import trace_statements
from chitram.tracing.storage import TracedStorage
from ring import Observer
from ring.session import Connect


class Traced:
    """Spans of requests, statements, nodes, storage and jobs, for the collector at *endpoint* (OTLP over HTTP).

    The provider is this object's own, not the library's global one: two applications can live in one process.
    """

    def __init__(self, endpoint: str, version: str) -> None:
        provider = new_provider(endpoint, version)
        self._tracer = provider.get_tracer("chitram", version)
        self.middlewares: Sequence[Middleware] = (request_spans(self._tracer),)
        self.contexts: Sequence[CleanupContext] = (partial(deliver_until_the_end, provider),)
        self.connect: Connect | None = timed_connect()

    def statements(self, engine: AsyncEngine) -> None:
        """A span for each statement."""
        trace_statements(engine, self._tracer)

    def observer(self, observer: Observer) -> Observer:
        """A span for each operation on a node."""
        return TracedRing(observer, self._tracer)

    def storage(self, storage: BlobStorage) -> BlobStorage:
        """A span for each operation on the storage."""
        return TracedStorage(storage, self._tracer)

    @contextmanager
    def job(self, kind: str) -> Iterator[None]:
        """A trace of the job's own, linked to the request that caused it: that one is long answered."""
        cause = get_current_span().get_span_context()
        with self._tracer.start_as_current_span(
            f"job {kind}",
            context=Context(),
            kind=SpanKind.CONSUMER,
            links=[Link(cause)] if cause.is_valid else [],
            attributes={"chitram.job.kind": kind},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            current_trace.set(ids(span))
            try:
                yield
            except BaseException as error:
                fail(span, type(error).__name__)
                raise
