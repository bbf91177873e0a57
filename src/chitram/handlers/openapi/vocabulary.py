"""What operations are described with: who may call, what is sent, what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from chitram.domain.api_key import Scope
from chitram.handlers.openapi.fields import Schema, ref

Security = list[dict[str, list[str]]]
JSON = "application/json"
_CREDENTIALS: Security = [{"bearer": []}, {"session": []}, {"password": []}]
_REFUSALS = {
    "open": (),
    "whoever": ("UNAUTHORIZED", "TOKEN_EXPIRED"),
    "anyone": ("UNAUTHORIZED", "TOKEN_EXPIRED", "FORBIDDEN"),
    "signed in": ("UNAUTHORIZED", "TOKEN_EXPIRED", "FORBIDDEN"),
    "administrator": ("NOT_FOUND", "FORBIDDEN"),
}


class Access(Enum):
    """Who may call an operation. An API key may where it has the operation's scope, and nowhere else."""

    OPEN = "open"
    """Credentials are not looked at."""
    WHOEVER = "whoever"
    """Signed in or not, with whatever API key; a bearer token that is sent must be right."""
    ANYONE = "anyone"
    """The same, but an API key needs the scope."""
    SIGNED_IN = "signed in"
    ADMINISTRATOR = "administrator"
    """For everybody else there is nothing at the address."""

    @property
    def codes(self) -> tuple[str, ...]:
        """Of the errors for those who may not."""
        return _REFUSALS[self.value]

    def security(self, scope: Scope | None) -> Security:
        """What is to be sent; any one of these."""
        if self is Access.OPEN:
            return []
        nobody: Security = [{}] if self in {Access.WHOEVER, Access.ANYONE} else []
        by_key: Security = [{"apiKey": [scope] if scope else []}] if scope or self is Access.WHOEVER else []
        return [*nobody, *_CREDENTIALS, *by_key]


@dataclass(frozen=True, slots=True)
class Answer:
    """One status: what it means, its schema by media type, and the names of its headers (``HEADERS``)."""

    description: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent. *whole* says that it is read into memory, which limits its size."""

    content: Mapping[str, Schema]
    required: bool = True
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one address.

    *codes* are those of the errors that are this operation's own; what its access, its body and its method bring along
    is added (``problems.py``). *scope* is what an API key needs; without one it is refused. *remote* says that the
    database is asked, so that it may be away.
    """

    id: str
    tag: str
    summary: str
    access: Access
    answers: Mapping[int, Answer]
    description: str = ""
    parameters: tuple[Schema, ...] = ()
    body: Body | None = None
    codes: tuple[str, ...] = ()
    scope: Scope | None = None
    remote: bool = True


def in_path(name: str, schema: Schema, description: str) -> Schema:
    """A variable of the address."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def in_query(name: str, schema: Schema, description: str) -> Schema:
    """A field of the query; it may be left out."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def in_header(name: str, schema: Schema, description: str) -> Schema:
    """A header; it may be left out."""
    return {"name": name, "in": "header", "description": description, "schema": schema}


def json_answer(description: str, schema: str, *headers: str) -> Answer:
    """JSON of a named schema."""
    return Answer(description, {JSON: ref(schema)}, headers)


def json_body(schema: str, *, required: bool = True) -> Body:
    """JSON of a named schema."""
    return Body({JSON: ref(schema)}, required=required)
