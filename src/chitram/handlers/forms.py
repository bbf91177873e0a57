"""Reading small request bodies whole: JSON against a model, the text fields of a form."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import orjson
from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError

from chitram.domain.errors import InvalidRequest, Problem, ValidationFailed

Model = TypeVar("Model", bound=BaseModel)

_UNREADABLE = (
    *(ValueError, LookupError, AssertionError, RuntimeError),  # boundaries, charsets, encodings, part headers
    *(ClientPayloadError, HttpProcessingError, web.RequestPayloadError),  # chunks, compression, lines
)
"""What aiohttp raises for bodies that are not what their headers say. None of it is our failure."""


@contextmanager
def parsing(detail: str) -> Iterator[None]:
    """Raise ``InvalidRequest`` with *detail* for a body that cannot be parsed."""
    try:
        yield
    except _UNREADABLE as error:
        raise InvalidRequest(detail) from error


async def read_json(request: web.Request, model: type[Model]) -> Model:
    """Parse and validate. Raises ``InvalidRequest`` and ``ValidationFailed``, which names fields and never a value."""
    with parsing("The body is not valid JSON."):
        data = orjson.loads(await request.read())
    return validate(model, data)


async def read_form(request: web.Request) -> dict[str, str]:
    """The text fields of a small form. Raises ``InvalidRequest`` for files, NUL characters and what is no form."""
    with parsing("The form cannot be read."):
        entered = await request.post()
    fields: dict[str, str] = {}
    for name, value in entered.items():
        if not isinstance(value, str) or "\0" in value:
            raise InvalidRequest("The form holds something that is not text.")
        fields[name] = value
    return fields


def validate(model: type[Model], data: object) -> Model:
    """Check *data* against *model*. Raises ``ValidationFailed``."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ValidationFailed(*(_problem(part["loc"], part["msg"]) for part in error.errors())) from None


def _problem(location: tuple[int | str, ...], message: str) -> Problem:
    words = message.removeprefix("Value error, ")
    return Problem("/" + "/".join(str(step) for step in location), words[:1].upper() + words[1:] + ".")
