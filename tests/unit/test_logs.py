"""Log lines: one event is one line, with its fields; nothing in a name can end it, and no secret stands in it."""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp.http_exceptions import BadStatusLine
from hypothesis import given
from hypothesis import strategies as st

from chitram.logs import LONGEST, configure_logging, current_request, current_trace, formatter, get_logger
from chitram.redaction import Redaction

Start = Callable[..., io.StringIO]
SECRET = 'hunter2/"ü'
HOSTILE = 'a\n2026-01-01T00:00:00.000Z [info] forged\r\x1b[2J\u202egnp.exe\u2028"}{"event":"forged"}\x85\x7f'


@pytest.fixture
def start() -> Iterator[Start]:
    """Configure logging as a command does, into memory; the test's own handlers come back afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level

    def configure(**wanted: Any) -> io.StringIO:
        stream = io.StringIO()
        configure_logging(**{"level": "info", "style": "json", "stream": stream, **wanted})
        return stream

    yield configure
    logging.captureWarnings(capture=False)
    root.handlers[:] = before
    root.setLevel(level)


def parsed(stream: io.StringIO) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def within_a_request() -> Iterator[None]:
    """As a middleware sets it."""
    request, trace = current_request.set("request-1"), current_trace.set({"trace_id": "t", "span_id": "s"})
    yield
    current_request.reset(request)
    current_trace.reset(trace)


@pytest.mark.usefixtures("within_a_request")
def test_a_line_says_when_how_bad_who_and_what(start: Start):
    """With its fields, whatever they are called, and the request that it belongs to."""
    stream = start()
    get_logger("chitram.x").warning("a node is away", node="a", name="n", args=[1], level="mine", message="m")
    [line] = parsed(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "chitram.x",
        "event": "a node is away",
        "node": "a",
        "name": "n",
        "args": [1],
        "message": "m",
        "request_id": "request-1",
        "trace_id": "t",
        "span_id": "s",
    }


def test_what_others_log_comes_out_the_same_way(start: Start):
    """Libraries with the standard library's logging, and Python's warnings."""
    stream = start()
    logging.getLogger("alembic.runtime").warning("running %s of %d", "one", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("an old thing", UserWarning, stacklevel=1)
    first, second = parsed(stream)
    assert (first["logger"], first["event"]) == ("alembic.runtime", "running one of 2")
    assert (second["logger"], second["level"]) == ("py.warnings", "warning")


def test_only_what_is_bad_enough_is_logged(start: Start):
    """And what logs a statement's values never says more than a warning."""
    stream = start(level="debug")
    get_logger("chitram.x").debug("fine")
    for library in ("aiosqlite", "sqlalchemy.engine", "asyncio", "PIL.Image", "urllib3"):
        logging.getLogger(library).info("a value")
    assert [line["event"] for line in parsed(stream)] == ["fine"]
    stream = start(level="warning")
    get_logger("chitram.x").info("fine")
    assert stream.getvalue() == ""


def test_an_exception_is_structured_and_tells_no_variable(start: Start):
    """Type, text and where it came from, causes included."""
    stream = start()

    def fail(password: str) -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error

    try:
        fail("a-password-in-a-variable")
    except ValueError:
        get_logger("chitram.x").exception("it failed")
    [line] = parsed(stream)
    assert [part["exc_type"] for part in line["exception"]] == ["ValueError", "KeyError"]
    assert line["exception"][0]["frames"][-1]["name"] == "fail"
    assert "a-password-in-a-variable" not in stream.getvalue()


@pytest.mark.parametrize("style", ["json", "console"])
def test_nothing_in_a_name_can_forge_a_line(start: Start, style: str):
    """In an event, a field, a field's inside, an exception: no line of its own, no escape sequence, no steering."""
    stream = start(style=style)
    log = get_logger("chitram.x")
    log.info(HOSTILE, file=HOSTILE, many=[{HOSTILE: HOSTILE}])
    logging.getLogger("other").warning("%s", HOSTILE)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception("it failed")
    text = stream.getvalue()
    assert not [line for line in text.split("\n") if line.startswith("2026-01-01")]
    assert not [c for c in text if not c.isprintable() and c != "\n"]
    if style == "json":
        assert [line["event"] for line in parsed(stream)] == [HOSTILE, HOSTILE, "it failed"]
        assert parsed(stream)[0]["file"] == HOSTILE
    else:
        events = [line for line in text.split("\n") if line and not line.startswith("  ")]
        assert len(events) == 3


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_configured_secret_is_struck_out_however_it_is_spelled(start: Start, style: str):
    """In words, in fields, in addresses, in exceptions."""
    stream = start(style=style, secrets=[SECRET, "", "abc"])
    log = get_logger("chitram.x")
    logging.getLogger("other").info("it is %s", SECRET)
    log.info("an event", field=SECRET, inside=[{"x": SECRET}], quoted="redis://h/?p=hunter2%2F%22%C3%BC")
    logging.getLogger("other").warning("%r", SECRET)
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.exception("abc")
    assert "hunter2" not in stream.getvalue()
    assert "abc" in stream.getvalue()


@pytest.mark.parametrize(
    ("line", "struck"),
    [
        ("at postgresql://ann:pass/w@rd@db/x failed", "at postgresql://ann:***@db/x failed"),
        ("redis://:pw@h:1,rediss://u:pw@h:2/0", "redis://:***@h:2/0"),
        ("DELETE /images/x?delete_token=abc-DEF&size=3", "DELETE /images/x?delete_token=***&size=3"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: ***"),
        ("{'Authorization': 'Basic YTpi', 'Accept': '*/*'}", "{'Authorization': '***', 'Accept': '*/*'}"),
        ('{"password": "x y", "n": 1}', '{"password": "*** y", "n": 1}'),
        (r'{"body": "{\"access_token\": \"abc\"}"}', r'{"body": "{\"access_token\": \"***\"}"}'),
        ("a bearer AbCdEfGhIjKlMnOpQr came", "a bearer *** came"),
        ("saw eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.c2ln here", "saw *** here"),
        ("X-Delete-Token: abc", "X-Delete-Token: ***"),
        ("Cookie: chitram_session=abc", "Cookie: ***"),
        ("b'Cookie': b'a=b'", "b'Cookie': b'***'"),
        ("key ctm_0123456789abcdef", "key ***"),
    ],
)
def test_what_looks_like_a_secret_is_struck_out(line: str, struck: str):
    """Though nobody told of it."""
    assert Redaction()(line) == struck


@pytest.mark.parametrize(
    "line",
    [
        "use the Authorization header as: Bearer TOKEN",
        "http://127.0.0.1:8000/i/abc.png at 12:30",
        "the token is not valid",
        "a node is down node=a cause=timeout",
        "2026-11-26T22:45:01.123Z [info] mail to ann@example.com",
    ],
)
def test_what_is_no_secret_stays(line: str):
    """A log that says nothing helps nobody."""
    assert Redaction()(line) == line


def test_a_malformed_request_of_a_client_is_not_repeated_but_a_failure_of_ours_is(start: Start):
    """Both come from aiohttp under one name."""
    stream = start(level="debug")
    server = logging.getLogger("aiohttp.server")
    server.error("Error handling request", exc_info=BadStatusLine("DELETE /x?delete_token=abc"))
    server.error("Error handling request", exc_info=RuntimeError("ours"))
    assert [line["exception"][0]["exc_value"] for line in parsed(stream)] == ["ours"]


@given(event=st.text(), value=st.recursive(st.text() | st.integers() | st.none() | st.binary(), st.lists))
def test_whatever_is_logged_a_line_can_be_read_again(event: str, value: object):
    """Lone surrogates, control characters, bytes: JSON of printable ASCII, on one line."""
    record = logging.makeLogRecord({"msg": event.replace("%", "%%"), "fields": {"value": value}})
    line = formatter(style="json").format(record)
    assert line.isascii()
    assert line.isprintable()
    assert set(json.loads(line)) == {"time", "level", "logger", "event", "value"}


@pytest.mark.parametrize("harm", ["/token/" + "a." * 4000, "/" + "a://a:" * 1300, "/" + "eyJ-" * 2000])
def test_a_long_path_cannot_hold_the_process_up(start: Start, harm: str):
    """Before it was cut, the search for secrets in one line of this kind took half a second."""
    stream = start(secrets=[SECRET])
    get_logger("chitram.access").info("request", path=harm)
    [line] = parsed(stream)
    assert line["path"] == harm[:LONGEST] + "…"
