"""An image: its metadata, who may see it, who may change it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chitram.domain.errors import (
    ChitramError,
    DeleteTokenRequired,
    Forbidden,
    ImageNotFound,
    InvalidDeleteToken,
    Problem,
    Unauthorized,
)
from chitram.domain.filename import has_invisible
from chitram.domain.identifiers import ImageId
from chitram.domain.media import MediaType

MAX_TITLE_LENGTH = 200


def title_problem(title: str) -> Problem | None:
    """What is wrong with a title."""
    if not 1 <= len(title.strip()) <= MAX_TITLE_LENGTH:
        return Problem("/title", f"Use 1 to {MAX_TITLE_LENGTH} characters.")
    return Problem("/title", "Control characters are not allowed.") if has_invisible(title) else None


class Visibility(StrEnum):
    """Who may see an image. Only public ones are in the public gallery."""

    PRIVATE = "private"
    UNLISTED = "unlisted"
    PUBLIC = "public"


class Thumbnails(StrEnum):
    """Whether the thumbnails of an image are owed, made, or cannot be made."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The metadata of one picture. Width and height are as displayed, after the EXIF orientation."""

    id: ImageId
    owner_id: str | None
    visibility: Visibility
    filename: str
    title: str
    media_type: MediaType
    file_size: int
    width: int
    height: int
    sha256: str
    color: str
    blob_key: str
    thumbnails: Thumbnails
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``Caller()`` is somebody without an account."""

    user_id: str | None = None
    is_admin: bool = False


ANONYMOUS = Caller()


def may_see(visibility: Visibility, owner_id: str | None, caller: Caller) -> bool:
    """Whether *caller* may know that the image exists."""
    return visibility is not Visibility.PRIVATE or _is_theirs(owner_id, caller)


def refuse_change(visibility: Visibility, owner_id: str | None, caller: Caller) -> ChitramError | None:
    """Why *caller* may not change the image, or ``None`` when they may. A private one is missing to others."""
    if _is_theirs(owner_id, caller):
        return None
    if not may_see(visibility, owner_id, caller):
        return ImageNotFound()
    if owner_id is None:
        return Forbidden("This picture was uploaded without an account: it can only be deleted, with its token.")
    return Unauthorized() if caller.user_id is None else Forbidden()


def refuse_delete(
    visibility: Visibility, owner_id: str | None, caller: Caller, *, token_given: bool, token_matches: bool
) -> ChitramError | None:
    """Why *caller* may not delete the image, or ``None``. An anonymous image goes by its token alone."""
    if owner_id is not None or caller.is_admin:
        return refuse_change(visibility, owner_id, caller)
    if not token_given:
        return DeleteTokenRequired()
    return None if token_matches else InvalidDeleteToken()


def _is_theirs(owner_id: str | None, caller: Caller) -> bool:
    return caller.is_admin or (owner_id is not None and owner_id == caller.user_id)
