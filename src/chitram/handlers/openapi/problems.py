"""Errors in the description: which ones an operation can give follows from what it is, the rest from the one table."""

from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from chitram.domain import errors
from chitram.domain.api_key import Scope
from chitram.handlers.errors import FRAMEWORK_CODES, FRAMEWORK_WORDS, STATUS
from chitram.handlers.openapi.fields import Schema, integer, listed, record, ref, sometimes, text
from chitram.handlers.openapi.vocabulary import Operation

PROBLEM = "application/problem+json"
UNREAD = "INVALID_REQUEST"
"""The code that the framework's own refusals have."""
_HEADERS = {401: ("WWW-Authenticate",), 416: ("Content-Range",), 503: ("Retry-After",)}


def codes() -> dict[str, tuple[int, str]]:
    """Every code with its status and a sentence."""
    found: dict[str, tuple[int, str]] = {}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.ChitramError):
            status = next(STATUS[step] for step in kind.__mro__ if step in STATUS)
            found.setdefault(kind.code, (int(status), kind.default))
    for number, code in FRAMEWORK_CODES.items():
        found.setdefault(code, (number, FRAMEWORK_WORDS.get(number, "")))
    return found


def problem_schema() -> Schema:
    """The body of every error."""
    details = {
        "type": "object",
        "description": "Facts for programs; which ones depends on `code`.",
        "properties": {
            "scope": text("`FORBIDDEN`: what the API key lacks.", enum=list(Scope)),
            "max_keys": integer("`CONFLICT`: how many API keys an account may have.", minimum=0),
            "max_bytes": integer("`FILE_TOO_LARGE`: how long a file may be.", minimum=0),
            "used_bytes": integer("`QUOTA_EXCEEDED`: what the account's originals take up.", minimum=0),
            "quota_bytes": integer("`QUOTA_EXCEEDED`: what they may.", minimum=0),
            "max_pixels": integer("`IMAGE_TOO_MANY_PIXELS`: how many there may be.", minimum=0),
        },
    }
    error = record(
        "One value that is not valid.",
        pointer=text("Where it stands, as a JSON pointer.", examples=["/title"]),
        message=text("A sentence. It never repeats the value.", examples=["Use 1 to 200 characters."]),
    )
    problem = record(
        "An error (RFC 9457). Match on `code`.",
        type=text(const="about:blank"),
        title=text("The status in words.", examples=["Unprocessable Entity"]),
        status=integer(minimum=400, maximum=599),
        detail=text("A sentence for people.", examples=["Some values are not valid."]),
        instance=text("The request's id, as in `X-Request-ID`."),
        code=text("Stable.", enum=sorted(codes())),
        details=details,
        errors=listed(error, "With `VALIDATION_ERROR`."),
    )
    return sometimes(problem, "errors")


def problem_answers(method: str, path: str, operation: Operation) -> dict[str, dict[str, Any]]:
    """The errors of one operation by their status."""
    known, by_status = codes(), defaultdict[int, set[str]](set)
    for status, code in _possible(method, operation, known):
        by_status[status].add(code)
    return {str(status): _answer(path, status, sorted(by_status[status]), known) for status in sorted(by_status)}


def _possible(method: str, operation: Operation, known: dict[str, tuple[int, str]]) -> Iterator[tuple[int, str]]:
    own = [*operation.codes, *operation.access.codes, "INTERNAL_ERROR"]
    own += ["SERVICE_UNAVAILABLE"] if operation.remote else []
    own += ["CSRF_FAILED"] if method != "GET" else []
    if operation.body:
        own += ["INVALID_REQUEST", "VALIDATION_ERROR"]
        if operation.body.whole:
            yield 413, UNREAD
    if 206 in operation.answers:
        yield 416, UNREAD
    for code in own:
        yield known[code][0], code


def _answer(path: str, status: int, possible: list[str], known: dict[str, tuple[int, str]]) -> dict[str, Any]:
    schema = {**ref("Problem"), "properties": {"status": {"const": status}, "code": {"enum": possible}}}
    words = {code: known[code][1] if known[code][0] == status else FRAMEWORK_WORDS[status] for code in possible}
    examples = {code: {"value": _example(status, code, words[code])} for code in possible}
    content: dict[str, Any] = {PROBLEM: {"schema": schema, "examples": examples}}
    if not path.startswith("/api/"):
        content["text/html"] = {"schema": text("A page, for those who ask for one.")}
    names = ("X-Request-ID", "Cache-Control", *_HEADERS.get(status, ()))
    return {
        "description": "  \n".join([HTTPStatus(status).phrase, *(f"`{code}` {word}" for code, word in words.items())]),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": content,
    }


def _example(status: int, code: str, sentence: str) -> dict[str, Any]:
    words = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": sentence}
    return {**words, "instance": "0b6e3b1e5f2a4c7d-1f", "code": code, "details": {}}
