"""Plain HTML forms. A form that is refused is shown again, with what was entered and the reason at its field.

One function shows a page both for ``GET`` (without an error) and for a refused ``POST`` (with it); :func:`form` calls
it for the errors that somebody at a form can do something about. Every other error goes its usual way.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from chitram.domain import errors
from chitram.handlers.errors import describe
from chitram.handlers.form_views import Field
from chitram.handlers.forms import read_form

_AT_THE_FORM = (
    errors.InvalidRequest,
    errors.ValidationFailed,
    errors.InvalidCredentials,
    errors.UserInactive,
    errors.Conflict,
    errors.DeleteTokenRequired,
    errors.InvalidDeleteToken,
    errors.FileTooLarge,
    errors.InvalidFileFormat,
    errors.QuotaExceeded,
)
_AT_A_FIELD: dict[type[errors.ChitramError], str] = {
    errors.EmailExists: "email",
    errors.KeyNameTaken: "name",
    errors.DeleteTokenRequired: "delete_token",
    errors.InvalidDeleteToken: "delete_token",
}


def _by_field(error: errors.ChitramError | None) -> dict[str, str]:
    if isinstance(error, errors.ValidationFailed):
        return {problem.pointer.removeprefix("/"): problem.message for problem in error.problems}
    kind = type(error)
    return {_AT_A_FIELD[kind]: str(error)} if kind in _AT_A_FIELD else {}


class Refused:
    """What was entered into a form and, when it was refused, why. Passwords are never shown again."""

    def __init__(self, entered: dict[str, str] | None = None, error: errors.ChitramError | None = None) -> None:
        self._entered = entered or {}
        self._error = error
        self._by_field = _by_field(error)

    @property
    def status(self) -> int:
        """200, or what the error means."""
        return describe(self._error).status if self._error else 200

    def __bool__(self) -> bool:
        return self._error is not None

    def field(self, name: str, *, default: str = "", secret: bool = False) -> Field:
        """One input as it should be shown."""
        value = "" if secret else self._entered.get(name, default)
        return Field(name, value, self._by_field.get(name))

    def entered(self, name: str, default: str) -> str:
        """What was chosen, or *default*."""
        return self._entered.get(name, default)

    def message(self) -> str | None:
        """The reason, unless it stands at a field."""
        return None if self._error is None or self._by_field else str(self._error)


NOT_REFUSED = Refused()


class Shows(Protocol):
    """Shows a page with a form, fresh or refused."""

    def __call__(self, request: web.Request, refused: Refused = ...) -> Awaitable[web.StreamResponse]:
        """Answer with the page; its status is ``refused.status``."""
        ...


def form(shows: Shows) -> Callable[[Handler], Handler]:
    """Make a ``POST`` handler show *shows* again when what it raises belongs to the form."""

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except _AT_THE_FORM as error:
                return await shows(request, Refused(await _entered(request), error))

        return handle

    return decorate


def see_other(location: str) -> web.Response:
    """After a form: the next page, so that reloading repeats nothing."""
    return web.Response(status=303, headers={"Location": location})


def local_path(text: str | None, default: str = "/") -> str:
    """*text* if it is a path on this site, else *default*: a link must not lead from a form to another site."""
    if not text or not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable():
        return default
    return text


async def _entered(request: web.Request) -> dict[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        return {}  # an upload: its body has been read as a stream, or not at all
    try:
        return await read_form(request)
    except errors.InvalidRequest:
        return {}
