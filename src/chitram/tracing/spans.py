"""Spans below a request's or a job's. They are leaves: never current themselves, so that none can be left behind as the
parent of something else. Without a parent that is being recorded there is no span at all: what followers and sweeps do
on their own is nobody's request.

Of an exception only the type is told: its text may hold what a trace must not.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
    get_current_span,
)

Attributes = Mapping[str, str | int | float | bool | list[str]]


@contextmanager
def leaf(
    tracer: Tracer, name: str, attributes: Attributes, *, expected: tuple[type[BaseException], ...] = ()
) -> Iterator[Span]:
    """A span around the block. Exceptions make it an error, but for those that are *expected*."""
    if not get_current_span().is_recording():
        yield INVALID_SPAN
        return
    span = tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
    try:
        yield span
    except BaseException as error:
        if not isinstance(error, (GeneratorExit, *expected)):
            fail(span, type(error).__name__)
        raise
    finally:
        span.end()


def past(tracer: Tracer, name: str, attributes: Attributes, *, began: int, ended: int, error: str = "") -> None:
    """A span of what is over already, or whose end is known. Times are in nanoseconds since the epoch."""
    if not get_current_span().is_recording():
        return
    span = tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes, start_time=began)
    if error:
        fail(span, error)
    span.end(max(began, ended))


def fail(span: Span, error: str) -> None:
    """Mark *span* as failed, by the type of the error."""
    span.set_attribute(ERROR_TYPE, error)
    span.set_status(StatusCode.ERROR)


def nanoseconds(seconds: float) -> int:
    """As OpenTelemetry counts time."""
    return int(seconds * 1e9)


def ids(span: Span) -> dict[str, str]:
    """What a log line says of the span that it belongs to."""
    context = span.get_span_context()
    return {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}


now = time.time_ns
