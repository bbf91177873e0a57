"""A span for each statement: its text with placeholders, never a value."""

import re
from typing import Any

from opentelemetry.semconv.attributes.db_attributes import (
    DB_COLLECTION_NAME,
    DB_OPERATION_NAME,
    DB_QUERY_TEXT,
    DB_SYSTEM_NAME,
)
from opentelemetry.trace import SpanKind, Tracer, get_current_span
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from chitram.tracing.spans import fail

LONGEST = 2000
"""Characters of a statement that are told."""
_OPERATION = re.compile(r"\s*(\w+)")
_TABLE = re.compile(r"\b(?:from|into|update)\s+\"?(\w+)", re.IGNORECASE)
_SPAN = "_chitram_span"


def trace_statements(engine: AsyncEngine, tracer: Tracer) -> None:
    """Watch *engine*. SQLAlchemy calls back in the context of whoever waits for the statement."""
    system = engine.dialect.name

    def began(_connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
        if context is not None and get_current_span().is_recording():
            name, attributes = _describe(statement)
            span = tracer.start_span(name, kind=SpanKind.CLIENT, attributes={DB_SYSTEM_NAME: system, **attributes})
            setattr(context, _SPAN, span)

    def ended(_connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
        if (span := getattr(context, _SPAN, None)) is not None:
            span.end()

    def failed(error: ExceptionContext) -> None:
        if (span := getattr(error.execution_context, _SPAN, None)) is not None:
            fail(span, type(error.original_exception).__name__)
            span.end()

    event.listen(engine.sync_engine, "before_cursor_execute", began)
    event.listen(engine.sync_engine, "after_cursor_execute", ended)
    event.listen(engine.sync_engine, "handle_error", failed)


def _describe(statement: str) -> tuple[str, dict[str, str]]:
    operation, table = _OPERATION.match(statement), _TABLE.search(statement)
    attributes = {DB_QUERY_TEXT: statement[:LONGEST]}
    if operation:
        attributes[DB_OPERATION_NAME] = operation[1].upper()
    if table:
        attributes[DB_COLLECTION_NAME] = table[1]
    words = (attributes.get(DB_OPERATION_NAME, "SQL"), attributes.get(DB_COLLECTION_NAME, ""))
    return " ".join(filter(None, words)), attributes
