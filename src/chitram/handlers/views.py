"""A frozen dataclass for each template: the only thing that the template sees, as ``page`` (and :class:`Shell` as
``shell``). Undefined names are errors, so a template and its view cannot drift apart unseen.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from chitram.domain.quota import Usage
from chitram.domain.sizes import byte_words
from chitram.handlers.copy_formats import CopyFormat
from chitram.handlers.form_views import AccountForm, EditForm, Field, QuotaBar, UploadPanel
from chitram.handlers.picture import Picture


class View(Protocol):
    """Anything that knows its template."""

    @property
    def template(self) -> str:
        """Its path below ``web/templates``."""
        ...


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
    is_admin: bool = False


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
    usage: Usage

    @property
    def count_text(self) -> str:
        """How many there are, and how large they are together."""
        count = self.usage.pictures
        size = f" · {byte_words(self.usage.used)}" if count else ""
        return {0: "None so far", 1: "One picture"}.get(count, f"{count} pictures") + size

    @property
    def quota(self) -> QuotaBar | None:
        """Where there is a limit."""
        return QuotaBar(self.usage.used, self.usage.quota) if self.usage.quota is not None else None


@dataclass(frozen=True, slots=True)
class MyImagesCards:
    """The next cards, as a fragment."""

    template: ClassVar[str] = "partials/cards.html"
    pictures: tuple[Picture, ...]
    next_url: str | None
    follows: bool = True


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
class DocsPage:
    """The API by Swagger UI, in a page without the gallery's shell; *description* is the address of the document."""

    template: ClassVar[str] = "pages/docs.html"
    description: str = "/openapi.json"


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
