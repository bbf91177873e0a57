"""A frozen dataclass for each template: the only thing that the template sees, as ``page`` (and :class:`Shell` as
``shell``). Undefined names are errors, so a template and its view cannot drift apart unseen.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from chitram.domain.image import Visibility
from chitram.domain.media import MediaType
from chitram.handlers.picture import CopyFormat, Picture, byte_words, kind_words


class View(Protocol):
    """Anything that knows its template."""

    @property
    def template(self) -> str:
        """Its path below ``web/templates``."""
        ...


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
class Shell:
    """What surrounds every page. *theme* is ``None`` for the system's; *here* is where a form of the header returns."""

    theme: str | None
    email: str | None
    may_register: bool
    request_id: str
    path: str
    here: str
    notice: str | None
    upload: UploadPanel


@dataclass(frozen=True, slots=True)
class GalleryPage:
    """The public gallery; *follows* says that it is not the first page."""

    template: ClassVar[str] = "pages/gallery.html"
    pictures: tuple[Picture, ...]
    next_url: str | None
    follows: bool


@dataclass(frozen=True, slots=True)
class GalleryRows:
    """The next tiles of the public gallery, as a fragment."""

    template: ClassVar[str] = "partials/rows.html"
    pictures: tuple[Picture, ...]
    next_url: str | None
    follows: bool = True


@dataclass(frozen=True, slots=True)
class MyImagesPage:
    """Somebody's own pictures."""

    template: ClassVar[str] = "pages/my_images.html"
    pictures: tuple[Picture, ...]
    next_url: str | None
    follows: bool
    count: int

    @property
    def count_text(self) -> str:
        """How many there are, in words."""
        return {0: "None so far", 1: "One picture"}.get(self.count, f"{self.count} pictures")


@dataclass(frozen=True, slots=True)
class MyImagesCards:
    """The next cards, as a fragment."""

    template: ClassVar[str] = "partials/cards.html"
    pictures: tuple[Picture, ...]
    next_url: str | None
    follows: bool = True


@dataclass(frozen=True, slots=True)
class EditForm:
    """The owner's form on a picture's page."""

    title: Field
    choices: tuple[Choice, ...]
    message: str | None
    rejected: bool


@dataclass(frozen=True, slots=True)
class ImagePage:
    """A picture's own page."""

    template: ClassVar[str] = "pages/image.html"
    picture: Picture
    may_edit: bool
    may_delete_by_token: bool
    edit: EditForm
    token: Field


@dataclass(frozen=True, slots=True)
class LinksFragment:
    """The copy formats of one picture, for the upload queue."""

    template: ClassVar[str] = "partials/links.html"
    short_id: str
    formats: tuple[CopyFormat, ...]


@dataclass(frozen=True, slots=True)
class UploadPage:
    """The upload page."""

    template: ClassVar[str] = "pages/upload.html"
    panel: UploadPanel


@dataclass(frozen=True, slots=True)
class UploadedPage:
    """The answer to the plain form: the links and, once, the delete token."""

    template: ClassVar[str] = "pages/uploaded.html"
    picture: Picture
    duplicate: bool
    delete_token: str | None


@dataclass(frozen=True, slots=True)
class AccountForm:
    """Address and password; *message* is what belongs to neither."""

    email: Field
    password: Field
    message: str | None


@dataclass(frozen=True, slots=True)
class LoginPage:
    """*needed* says that another page sent the visitor here."""

    template: ClassVar[str] = "pages/login.html"
    form: AccountForm
    next: str
    needed: bool


@dataclass(frozen=True, slots=True)
class RegisterPage:
    """Open an account."""

    template: ClassVar[str] = "pages/register.html"
    form: AccountForm
    next: str


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What went wrong and what to do next. *retry* and *login* are addresses, where they help."""

    template: ClassVar[str] = "pages/error.html"
    status: int
    heading: str
    message: str
    next_step: str
    retry: str | None = None
    login: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorFragment:
    """The same inside a page, in the place of a link that failed."""

    template: ClassVar[str] = "partials/problem.html"
    message: str
    next_step: str
    retry: str


_LABELS = {
    Visibility.UNLISTED: "Anyone with the link",
    Visibility.PUBLIC: "Everyone, in the gallery",
    Visibility.PRIVATE: "Only me",
}


def visibility_choices(selected: str, *, signed_in: bool) -> tuple[Choice, ...]:
    """The options of "who can see it". Private needs an account: nobody could see it otherwise."""
    offered = [v for v in _LABELS if signed_in or v is not Visibility.PRIVATE]
    return tuple(Choice(v.value, _LABELS[v], v.value == selected) for v in offered)
