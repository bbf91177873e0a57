"""Log lines: what happened, in words for people, with fields for programs. One event is one line.

Loggers of this module hand their events to the standard library's, so that whatever else logs there (aiohttp,
SQLAlchemy, Alembic, the ring) comes out the same way, and nothing has to be configured before something is logged.
"""

import json
import logging
import sys
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.processors import ExceptionRenderer, JSONRenderer, format_exc_info
from structlog.stdlib import BoundLogger, ProcessorFormatter, filter_by_level
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from chitram.redaction import Redaction

Style = Literal["console", "json"]

current_request: ContextVar[str] = ContextVar("current_request")
"""The id of the request that is being handled, or that started what is being done."""
current_trace: ContextVar[Mapping[str, str]] = ContextVar("current_trace")
"""``trace_id`` and ``span_id`` of the same, where traces are recorded."""

LONGEST = 500
"""Characters of a field. Clients decide how long a path is, and secrets are looked for in quadratic time."""
_RESERVED = frozenset({"time", "level", "logger", "event", "exception", "exc_info", "stack_info"})
# Never below a warning, also for debugging: they log every step, some of them with a statement's values.
_CHATTY = ("aiosqlite", "asyncio", "asyncpg", "PIL", "urllib3", "requests", "sqlalchemy", "opentelemetry")
_QUIET = ("alembic",)


def get_logger(name: str) -> BoundLogger:
    """A logger whose methods take an event and its fields: ``log.warning("a node is away", node=name)``."""
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[filter_by_level, _to_record],
        wrapper_class=BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return cast("BoundLogger", logger)


def configure_logging(
    *, level: str, style: Style, secrets: Iterable[str] = (), stream: TextIO | None = None, colors: bool = False
) -> None:
    """Send everything that is logged in this process to *stream* (stderr), *secrets* struck out. *level* is a name."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter(style=style, secrets=secrets, colors=colors))
    handler.addFilter(_without_clients_mistakes)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO if level.upper() == "DEBUG" else logging.WARNING)


def formatter(*, style: Style, secrets: Iterable[str] = (), colors: bool = False) -> logging.Formatter:
    """Turns the standard library's records into lines of this style."""
    rendering = _for_people(colors=colors) if style == "console" else _for_machines()
    redaction = Redaction(secrets)

    def redacted(_logger: WrappedLogger, _method: str, line: Any) -> str:
        return redaction(line)

    return ProcessorFormatter(processors=[_fields, *rendering, cast("Processor", redacted)])


def _for_machines() -> list[Processor]:
    # No values of local variables: they are where secrets live. ASCII only, so nothing in a name can end a line.
    exceptions = ExceptionRenderer(ExceptionDictTransformer(show_locals=False, max_frames=30))
    return [exceptions, JSONRenderer(serializer=json.dumps, default=repr)]


def _for_people(*, colors: bool) -> list[Processor]:
    renderer = structlog.dev.ConsoleRenderer(colors=colors, timestamp_key="time", sort_keys=False, pad_event_to=0)
    return [format_exc_info, _printable, renderer]


def _to_record(_logger: WrappedLogger, _method: str, event: EventDict) -> tuple[tuple[object], dict[str, Any]]:
    """The arguments of the standard library's logger; the fields travel under one name, so none can clash with its."""
    passed = {name: event.pop(name) for name in ("exc_info", "stack_info") if name in event}
    return (event.pop("event"),), {**passed, "extra": {"fields": event}}


def _fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    request = current_request.get("")
    fields: Mapping[str, object] = getattr(record, "fields", {})
    return {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": event["event"],
        **{name: _short(value) for name, value in fields.items() if name not in _RESERVED},
        **({"request_id": request} if request else {}),
        **current_trace.get({}),
        **({"exc_info": event["exc_info"]} if event.get("exc_info") else {}),
    }


def _short(value: object) -> object:
    return f"{value[:LONGEST]}…" if isinstance(value, str) and len(value) > LONGEST else value


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The time of day; control characters spelled out; the lines of a traceback indented, so that none of them looks
    like an event.
    """
    trace = event.pop("exception", None)
    shown = {name: _plain(value) for name, value in event.items()}
    shown["time"] = datetime.fromisoformat(event["time"]).astimezone().strftime("%H:%M:%S")
    if trace:
        shown["exception"] = "\n".join(f"  {_spelled(line)}" for line in str(trace).split("\n"))
    return shown


def _plain(value: object) -> object:
    if isinstance(value, int | float):
        return value
    return _spelled(",".join(map(str, value)) if isinstance(value, list) else str(value))


def _spelled(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _without_clients_mistakes(record: logging.LogRecord) -> bool:
    """aiohttp repeats malformed requests, with whatever secret is in them; its other errors are ours."""
    if record.name != "aiohttp.server":
        return True
    error = record.exc_info[1] if record.exc_info else None
    return error is not None and not type(error).__module__.startswith("aiohttp.http")
