"""The tree of what can go wrong for a caller. Each leaf has the stable code that clients match on.

::

    ChitramError
    ├── InvalidRequest            INVALID_REQUEST
    │   └── EmptyFile
    ├── ValidationFailed          VALIDATION_ERROR
    │   └── TooManyPixels         IMAGE_TOO_MANY_PIXELS
    ├── Unauthorized              UNAUTHORIZED
    │   ├── TokenExpired          TOKEN_EXPIRED
    │   └── InvalidCredentials    INVALID_CREDENTIALS
    ├── Forbidden                 FORBIDDEN
    │   ├── DeleteTokenRequired   DELETE_TOKEN_REQUIRED
    │   ├── InvalidDeleteToken    INVALID_DELETE_TOKEN
    │   ├── UserInactive          USER_INACTIVE
    │   ├── ScopeMissing
    │   └── CsrfFailed            CSRF_FAILED
    ├── NotFound                  NOT_FOUND
    │   ├── ImageNotFound         IMAGE_NOT_FOUND
    │   └── ThumbnailNotReady     THUMBNAIL_NOT_READY
    ├── Conflict                  CONFLICT
    │   ├── EmailExists           EMAIL_EXISTS
    │   ├── KeyNameTaken
    │   ├── TooManyKeys
    │   └── ExportRunning         EXPORT_RUNNING
    ├── PreconditionFailed        PRECONDITION_FAILED
    ├── FileTooLarge              FILE_TOO_LARGE
    ├── InvalidFileFormat         INVALID_FILE_FORMAT
    ├── QuotaExceeded             QUOTA_EXCEEDED
    └── ServiceUnavailable        SERVICE_UNAVAILABLE
"""

from dataclasses import dataclass
from typing import ClassVar

from chitram.domain.sizes import byte_words


class ChitramError(Exception):
    """The root. ``str(error)`` is a sentence for the caller: it never holds a secret or another user's data."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    default: ClassVar[str] = "Something went wrong on our side."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.default)

    @property
    def details(self) -> dict[str, object]:
        """Facts for programs, such as a limit in bytes."""
        return {}


class InvalidRequest(ChitramError):
    """The request cannot be understood."""

    code = "INVALID_REQUEST"
    default = "The request cannot be understood."


class EmptyFile(InvalidRequest):
    """An upload of zero bytes."""

    default = "The file is empty. Choose a picture and try again."


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field: a JSON pointer and a sentence, never the value."""

    pointer: str
    message: str


class ValidationFailed(ChitramError):
    """The request is understood, but values in it are not acceptable."""

    code = "VALIDATION_ERROR"
    default = "Some values are not valid."

    def __init__(self, *problems: Problem, detail: str | None = None) -> None:
        super().__init__(detail)
        self.problems = problems


class TooManyPixels(ValidationFailed):
    """A decompression bomb, or simply a picture larger than this site takes."""

    code = "IMAGE_TOO_MANY_PIXELS"
    default = "The picture has more pixels than this site takes."

    def __init__(self, pixels: int, limit: int) -> None:
        super().__init__(detail=f"The picture has {pixels / 1e6:.0f} megapixels; the limit is {limit / 1e6:.0f}.")
        self.limit = limit

    @property
    def details(self) -> dict[str, object]:
        return {"max_pixels": self.limit}


class Unauthorized(ChitramError):
    """Nobody is signed in, and somebody must be."""

    code = "UNAUTHORIZED"
    default = "Sign in first."


class TokenExpired(Unauthorized):
    """The token was right once."""

    code = "TOKEN_EXPIRED"
    default = "Your session has expired. Sign in again."


class InvalidCredentials(Unauthorized):
    """Deliberately the same for an unknown address and a wrong password."""

    code = "INVALID_CREDENTIALS"
    default = "The email address or the password is wrong."


class Forbidden(ChitramError):
    """Somebody is signed in, but this is not theirs."""

    code = "FORBIDDEN"
    default = "This belongs to someone else."


class DeleteTokenRequired(Forbidden):
    """An anonymous image is deleted by its token alone."""

    code = "DELETE_TOKEN_REQUIRED"
    default = "This picture was uploaded without an account: its delete token is needed."


class InvalidDeleteToken(Forbidden):
    """Not the token that was shown after the upload."""

    code = "INVALID_DELETE_TOKEN"
    default = "The delete token is not the right one."


class UserInactive(Forbidden):
    """The account is disabled; said only after a right password."""

    code = "USER_INACTIVE"
    default = "This account is disabled."


class ScopeMissing(Forbidden):
    """An API key was not made for this."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This API key has no scope '{scope}'. Create one that has it.")
        self.scope = scope

    @property
    def details(self) -> dict[str, object]:
        return {"scope": self.scope}


class CsrfFailed(Forbidden):
    """A browser sent this from another site."""

    code = "CSRF_FAILED"
    default = "This request came from another site. Open the page here and try again."


class NotFound(ChitramError):
    """There is nothing at this address."""

    code = "NOT_FOUND"
    default = "There is nothing here."


class ImageNotFound(NotFound):
    """Missing, or private and not the caller's: the two are not told apart."""

    code = "IMAGE_NOT_FOUND"
    default = "There is no such picture."


class ThumbnailNotReady(NotFound):
    """It is being made."""

    code = "THUMBNAIL_NOT_READY"
    default = "The thumbnail is not ready yet. Try again in a moment."


class Conflict(ChitramError):
    """Somebody else was faster."""

    code = "CONFLICT"
    default = "This changed meanwhile. Load it again and repeat."


class EmailExists(Conflict):
    """One address, one account."""

    code = "EMAIL_EXISTS"
    default = "There is an account with this email address already."


class KeyNameTaken(Conflict):
    """Keys of one account are told apart by their names."""

    default = "There is an API key of this name already. Choose another name, or revoke that key first."


class TooManyKeys(Conflict):
    """An account has as many API keys as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"This account has {limit} API keys, the most that it may have. Revoke one first.")
        self.limit = limit

    @property
    def details(self) -> dict[str, object]:
        return {"max_keys": self.limit}


class ExportRunning(Conflict):
    """An account is exported once at a time."""

    code = "EXPORT_RUNNING"
    default = (
        "Your pictures are being downloaded already: wait until that is done, or stop it and try again in a minute."
    )


class PreconditionFailed(ChitramError):
    """``If-Match`` names another version."""

    code = "PRECONDITION_FAILED"
    default = "The picture changed since you read it. Load it again and repeat."


class FileTooLarge(ChitramError):
    """Said as soon as the limit is passed, without reading on."""

    code = "FILE_TOO_LARGE"
    default = "The file is larger than this site takes."

    def __init__(self, limit: int) -> None:
        super().__init__(f"The file is larger than {limit / 1024 / 1024:g} MB.")
        self.limit = limit

    @property
    def details(self) -> dict[str, object]:
        return {"max_bytes": self.limit}


class InvalidFileFormat(ChitramError):
    """Not a picture of a type that this site takes; judged by content alone."""

    code = "INVALID_FILE_FORMAT"
    default = "This is not a picture that can be read. JPEG, PNG, WebP, GIF and AVIF are welcome."


class QuotaExceeded(ChitramError):
    """The account's pictures would take up more than they may. Said as soon as it is known."""

    code = "QUOTA_EXCEEDED"
    default = "The account's pictures would take up more than they may."

    def __init__(self, used: int, quota: int) -> None:
        super().__init__(
            f"Your pictures take up {byte_words(used)} of the {byte_words(quota)} that they may, and this one does not "
            "fit in. Delete some, or ask whoever runs this site for more room."
        )
        self.used = used
        self.quota = quota

    @property
    def details(self) -> dict[str, object]:
        return {"used_bytes": self.used, "quota_bytes": self.quota}


class ServiceUnavailable(ChitramError):
    """The database or the storage cannot be reached, or all upload places are taken. Nothing was lost."""

    code = "SERVICE_UNAVAILABLE"
    default = "The service cannot answer right now. Nothing was lost; try again in a moment."

    def __init__(self, detail: str | None = None, *, retry_after: int = 5) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
