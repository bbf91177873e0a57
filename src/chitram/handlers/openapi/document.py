"""The description of a table of routes: nothing that is switched off is in it."""

from collections.abc import Iterable
from typing import Any

from aiohttp import hdrs, web

from chitram.handlers.auth import SESSION_COOKIE
from chitram.handlers.openapi.account_schemas import ACCOUNT_SCHEMAS
from chitram.handlers.openapi.accounts import ACCOUNTS
from chitram.handlers.openapi.administration import ADMINISTRATION
from chitram.handlers.openapi.api_keys import API_KEYS
from chitram.handlers.openapi.image_bytes import IMAGE_BYTES
from chitram.handlers.openapi.image_schemas import IMAGE_SCHEMAS
from chitram.handlers.openapi.images import IMAGES, upload_operation
from chitram.handlers.openapi.parameters import HEADERS
from chitram.handlers.openapi.probes import PROBE_SCHEMAS, PROBES
from chitram.handlers.openapi.problems import problem_answers, problem_schema
from chitram.handlers.openapi.ring_schemas import RING_SCHEMAS
from chitram.handlers.openapi.vocabulary import Answer, Operation
from chitram.handlers.present import API
from chitram.services.uploads import UploadLimits

_WORDS = """Upload, share and manage pictures.

* Times are ISO 8601 in UTC, links are paths on the same host, and every `GET` answers `HEAD` too.
* Errors are `application/problem+json` (RFC 9457): match on `code`. A method that an address does not take is 405
  `METHOD_NOT_ALLOWED` with `Allow`, an unknown address 404 `NOT_FOUND`.
* Unsafe requests without an `Authorization` header must come from this site (`Sec-Fetch-Site`, else `Origin`), or
  they are 403 `CSRF_FAILED`.
* Answers may get more fields; what is described here stays.
"""
_TAGS = {
    "Images": "Upload, lists, metadata, changes, deletion.",
    "Bytes": "Originals and thumbnails, with ranges and validators.",
    "Accounts": "Sign in, and what is the caller's own.",
    "API keys": "For programs; no key may use these.",
    "Administration": "The ring of cache nodes; for others than administrators there is nothing here.",
    "Probes": "For machines.",
}
_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token from register, login or token.",
    },
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "ctm_ and 48 hexadecimal digits",
        "description": "An API key with the scope that is named.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "The browser's session: log in on the site itself. Unsafe requests must come from there too.",
    },
}
SCHEMAS = IMAGE_SCHEMAS | ACCOUNT_SCHEMAS | RING_SCHEMAS | PROBE_SCHEMAS
_TOKEN = f"POST {API}/auth/token"


def operations(limits: UploadLimits) -> dict[str, Operation]:
    """Everything that is described, by ``METHOD path``, whether or not it is switched on."""
    return upload_operation(limits) | IMAGES | IMAGE_BYTES | ACCOUNTS | API_KEYS | ADMINISTRATION | PROBES


def addresses(routes: Iterable[web.RouteDef]) -> list[tuple[str, str]]:
    """Methods and paths as they are described: variables without their patterns."""
    named = [row for row in routes if row.method != hdrs.METH_ANY]
    return [(row.method, web.UrlDispatcher().add_resource(row.path).canonical) for row in named]


def describe(routes: Iterable[web.RouteDef], *, version: str, limits: UploadLimits) -> dict[str, Any]:
    """The OpenAPI document of *routes*."""
    known = operations(limits)
    present = [place for place in addresses(routes) if " ".join(place) in known]
    paths: dict[str, dict[str, Any]] = {}
    for method, path in present:
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, known[f"{method} {path}"])
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Chitram",
            "version": version,
            "summary": "A self-hosted image host.",
            "description": _WORDS,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "This site."}],
        "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS | {"Problem": problem_schema()},
            "headers": HEADERS,
            "securitySchemes": {**_SECURITY, "password": _password_flow()},
        },
    }


def _password_flow() -> dict[str, Any]:
    flow = {"tokenUrl": _TOKEN.partition(" ")[2], "scopes": {}}
    return {"type": "oauth2", "description": "Address and password.", "flows": {"password": flow}}


def _operation(method: str, path: str, operation: Operation) -> dict[str, Any]:
    answers = problem_answers(method, path, operation)
    for status, answer in operation.answers.items():
        answers[str(status)] = _merged(_answer(answer), answers.get(str(status), {}))
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": operation.access.security(operation.scope),
        "responses": dict(sorted(answers.items())),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.parameters:
        described["parameters"] = list(operation.parameters)
    if operation.body:
        content = {kind: {"schema": schema} for kind, schema in operation.body.content.items()}
        described["requestBody"] = {"required": operation.body.required, "content": content}
    return described


def _answer(answer: Answer) -> dict[str, Any]:
    headers = ("X-Request-ID", *answer.headers)
    described: dict[str, Any] = {
        "description": answer.description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
    }
    if answer.content:
        described["content"] = {kind: {"schema": schema} for kind, schema in answer.content.items()}
    return described


def _merged(own: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    """One status that an operation's own answer and an error have in common: headers of both, those of all first."""
    if not problem:
        return own
    return {
        "description": f"{own['description']}  \n{problem['description']}",
        "headers": own["headers"],
        "content": own["content"] | problem["content"],
    }
