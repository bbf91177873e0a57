"""The parts of pages that are filled in: what a form shows, fresh or refused."""

from dataclasses import dataclass

from chitram.domain.image import Visibility
from chitram.domain.media import MediaType
from chitram.domain.sizes import byte_words
from chitram.handlers.words import kind_words


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a select."""

    value: str
    label: str
    selected: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a form: what was entered, and what is wrong with it."""

    name: str
    value: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class UploadPanel:
    """The drop zone."""

    allowed: bool
    max_bytes: int
    media_types: tuple[MediaType, ...]
    choices: tuple[Choice, ...]
    error: str | None = None

    @property
    def max_size(self) -> str:
        """The largest file, in words."""
        return byte_words(self.max_bytes)

    @property
    def accept(self) -> str:
        """For the ``accept`` attribute."""
        return ",".join(self.media_types)

    @property
    def kinds(self) -> str:
        """The types in words: "JPEG, PNG or GIF"."""
        names = [kind_words(media_type) for media_type in self.media_types]
        return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


@dataclass(frozen=True, slots=True)
class QuotaBar:
    """How much of the quota is used, in bytes. The words say it too: a colour is not for everybody."""

    used: int
    quota: int

    @property
    def state(self) -> str:
        """``fine``, ``tight`` above 90 %, ``full``."""
        return "full" if self.used >= self.quota else "tight" if self.used > 0.9 * self.quota else "fine"

    @property
    def text(self) -> str:
        """Used and allowed, and what to do about it."""
        used = f"{byte_words(self.used)} of {byte_words(self.quota)} used"
        return {"fine": used, "tight": f"Almost full: {used}", "full": f"Full: {used}. Delete some to make room"}[
            self.state
        ]


@dataclass(frozen=True, slots=True)
class EditForm:
    """The owner's form on a picture's page."""

    title: Field
    choices: tuple[Choice, ...]
    message: str | None
    rejected: bool


@dataclass(frozen=True, slots=True)
class AccountForm:
    """Address and password; *message* is what belongs to neither."""

    email: Field
    password: Field
    message: str | None


_LABELS = {
    Visibility.UNLISTED: "Anyone with the link",
    Visibility.PUBLIC: "Everyone, in the gallery",
    Visibility.PRIVATE: "Only me",
}


def visibility_choices(selected: str, *, signed_in: bool) -> tuple[Choice, ...]:
    """The options of "who can see it". Private needs an account: nobody could see it otherwise."""
    offered = [v for v in _LABELS if signed_in or v is not Visibility.PRIVATE]
    return tuple(Choice(v.value, _LABELS[v], v.value == selected) for v in offered)
