"""Cursor pages: stable while pictures arrive, because a cursor names the last item seen and never an offset."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from chitram.domain.errors import Problem, ValidationFailed
from chitram.domain.identifiers import ImageId, parse_image_id

DEFAULT_LIMIT = 20
MAX_LIMIT = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last image of the page before: lists run from the newest (created_at, id) to the oldest."""

    created_at: datetime
    id: ImageId

    def encode(self) -> str:
        """An opaque text, safe in a URL."""
        micros = (self.created_at - _EPOCH) // timedelta(microseconds=1)
        return base64.urlsafe_b64encode(f"{micros}.{self.id}".encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Read :meth:`encode`'s text. Raises :class:`ValidationFailed` for anything else."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
            micros, _, spelled = raw.partition(".")
            created_at = _EPOCH + timedelta(microseconds=int(micros))
        except (binascii.Error, ValueError, OverflowError):
            raise bad_cursor() from None
        if (image_id := parse_image_id(spelled)) is None:
            raise bad_cursor()
        return cls(created_at, image_id)


def bad_cursor() -> ValidationFailed:
    """What to raise for a cursor that was not made here."""
    return ValidationFailed(Problem("/cursor", "Use the next_cursor of the page before, unchanged."))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items and, unless this is the last page, where the next one starts."""

    items: tuple[T, ...]
    next_cursor: str | None


def parse_limit(text: str | None, *, default: int = DEFAULT_LIMIT) -> int:
    """How many items a page has. Raises :class:`ValidationFailed` unless it is a number of 1 to 100."""
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise ValidationFailed(Problem("/limit", f"Use a number from 1 to {MAX_LIMIT}."))
