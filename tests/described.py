"""Every answer that a test gets is held against the OpenAPI document of the application that gave it, strictly: a
status, a code, a header or a field that is not described fails the test that met it, and so does one that is missing.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from os.path import commonpath
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from jsonschema import Draft202012Validator

from chitram.handlers import openapi
from chitram.handlers.present import API

PACKAGE = Path(openapi.__file__).parent
ROOT = PACKAGE.parents[3]
PROBLEM = "application/problem+json"
UNSAID = {
    *(
        "content-type",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "date",
        "server",
        "vary",
    ),
    *("x-content-type-options", "content-security-policy", "referrer-policy", "cross-origin-opener-policy"),
}
"""Headers that say nothing about one operation."""


class Seen(NamedTuple):
    """What was answered; *code* is an error's."""

    operation: str
    status: int
    code: str | None


class Described:
    """Middleware for a client of the application that *document* describes. *seen* is what was answered so far."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.seen: set[Seen] = set()
        self._validators: dict[str, Draft202012Validator] = {}

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send the request; fail unless the answer is as described."""
        answer = await handler(request)
        complaints = list(self._complaints(request, answer, await _parsed(answer)))
        assert not complaints, "\n".join(complaints)
        return answer

    def _complaints(self, request: ClientRequest, answer: ClientResponse, body: Any) -> Iterator[str]:
        method, path = request.method.replace("HEAD", "GET"), self._template(request.url.path)
        operation = self.document["paths"].get(path, {}).get(method.lower())
        if operation is None:
            yield from self._undescribed(method, path or request.url.path, answer, body)
            return
        name = f"{method} {path}"
        self.seen.add(Seen(name, answer.status, body.get("code") if answer.content_type == PROBLEM and body else None))
        said = operation["responses"].get(str(answer.status))
        if said is None:
            yield f"{name} answered {answer.status} {body}, which is not described: see {where(name)}"
            return
        hint = f"{name} {answer.status} (see {where(name)}):"
        yield from (f"{hint} {complaint}" for complaint in self._headers(said["headers"], answer))
        yield from (f"{hint} {complaint}" for complaint in self._body(said.get("content", {}), answer, body))
        if answer.status < 400:
            known = {item["name"] for item in operation.get("parameters", []) if item["in"] == "query"}
            yield from (f"{hint} ?{key}= is not described" for key in request.url.query if key not in known)

    def _undescribed(self, method: str, path: str, answer: ClientResponse, body: Any) -> Iterator[str]:
        if path.startswith("/api/") and answer.status < 400:
            yield missing(f"{method} {path}")
        if answer.content_type == PROBLEM and body is not None:
            yield from self.invalid({"$ref": "#/components/schemas/Problem"}, body)

    def _headers(self, said: Mapping[str, Any], answer: ClientResponse) -> Iterator[str]:
        for name, header in ((name, self._header(name)) for name in said):
            if name in answer.headers:
                yield from (f"{name}: {text}" for text in self.invalid(header["schema"], answer.headers[name]))
            elif header["required"]:
                yield f"{name} is missing"
        known = UNSAID | {name.lower() for name in said}
        yield from (f"the header {name} is not described" for name in answer.headers if name.lower() not in known)

    def _body(self, said: Mapping[str, Any], answer: ClientResponse, body: Any) -> Iterator[str]:
        if not said:
            if answer.content_length:
                yield "there is a body"
        elif answer.content_type not in said:
            yield f"{answer.content_type} is not described"
        elif body is not None:
            yield from self.invalid(said[answer.content_type]["schema"], body)

    def invalid(self, schema: dict[str, Any], value: Any) -> Iterator[str]:
        key = orjson.dumps(schema).decode()
        if key not in self._validators:
            whole = {**schema, "components": self._strict}
            self._validators[key] = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
        hint = ", ".join(f"{name} in {where(name)}" for name in sorted(set(re.findall(r"schemas/(\w+)", key))))
        for error in self._validators[key].iter_errors(value):
            yield f"{error.json_path}: {error.message[:300]} ({hint})"

    def _header(self, name: str) -> dict[str, Any]:
        header: dict[str, Any] = self.document["components"]["headers"][name]
        return header

    @cached_property
    def _strict(self) -> dict[str, Any]:
        strict: dict[str, Any] = _closed({"schemas": self.document["components"]["schemas"]})
        return strict

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        paths = sorted(self.document["paths"], key=lambda path: path.count("{"))
        return [(re.compile(re.sub(r"\\\{(\w+)\\\}", _variable, re.escape(path))), path) for path in paths]

    def _template(self, path: str) -> str | None:
        return next((template for pattern, template in self._patterns if pattern.fullmatch(path)), None)


@lru_cache(maxsize=16)
def described(document: bytes) -> Described:
    """The checks of one document; applications that are described alike share them."""
    return Described(orjson.loads(document))


async def _parsed(answer: ClientResponse) -> Any:
    if answer.content_type not in {"application/json", PROBLEM}:
        return None  # and unread: a test may want to do that itself
    body = await answer.read()
    return orjson.loads(body) if body and not body.startswith(b"\x1f\x8b") else None


def where(name: str) -> str:
    """The file that has an entry under this name: an operation's `METHOD path`, or a schema's name."""
    return next((file for file, key in _entries() if key == name), f"{PACKAGE.relative_to(ROOT)}/document.py")


def missing(operation: str) -> str:
    """What to do about a route that is not described."""
    path = operation.partition(" ")[2]
    known = [(file, key) for file, key in _entries() if " /" in key]
    file, nearest = max(known, key=lambda entry: len(commonpath([entry[1].partition(" ")[2], path])))
    return (
        f"{operation} is in the table of URLs but not described: add an Operation under the key {operation!r} to "
        f"{file} (where {nearest!r} is), and the schemas that are new to the …_schemas.py beside it"
    )


def _entries() -> Iterator[tuple[str, str]]:
    for file in sorted(PACKAGE.glob("*.py")):
        for key in re.findall(r'"([^"\n]+)":', file.read_text()):
            name = key.replace("{API}", API).replace("{{", "{").replace("}}", "}")
            yield str(file.relative_to(ROOT)), name


def _variable(found: re.Match[str]) -> str:
    return ".+" if found[1] == "key" else "[^/]+"


def _closed(schema: Any) -> Any:
    """The same, but no object may have fields that are not described."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    if closed.get("type") == "object" and "properties" in closed and "additionalProperties" not in closed:
        closed["additionalProperties"] = False
    return closed
