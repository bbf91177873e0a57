"""How one picture appears on a page: its addresses, sizes, words and copy formats, made from its public document."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import log
from typing import Any, Self

import orjson

from chitram.domain.filename import download_name
from chitram.domain.media import MediaType
from chitram.domain.sizes import byte_words
from chitram.domain.thumbnail import SIZES, ThumbnailFormat, fit
from chitram.handlers.copy_formats import CopyFormat, copy_formats
from chitram.handlers.words import day_words, kind_words
from chitram.services.image_ports import Document

RATIOS = (
    *(50, 53, 56, 59, 63, 67, 71, 75, 80, 85, 90, 95, 100, 105, 111),
    *(118, 125, 133, 141, 150, 160, 169, 178, 188, 200, 212, 225, 237, 250),
)
"""Width ÷ height in percent, one class ``r-NN`` of the style sheet each. The content security policy forbids a style
attribute with the exact number; the nearest class crops less than 4 %, in lists only. Beyond both ends more."""

ORIGINAL_BUDGET = 12 * 1024 * 1024
"""A picture's page shows the original up to this many bytes, the largest thumbnail beyond: a visit stays affordable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What templates see of an image. Every text is as it was given: templates escape."""

    id: str
    short_id: str
    title: str
    filename: str
    visibility: str
    width: int
    height: int
    color: str
    ready: bool
    owed: bool
    file_bytes: int
    media_type: MediaType
    created_at: datetime
    origin: str

    @classmethod
    def of(cls, document: Document, origin: str) -> Self:
        """Read a document; *origin* is the scheme and host that absolute links start with."""
        fields: dict[str, Any] = orjson.loads(document.body)
        return cls(
            id=fields["id"],
            short_id=fields["short_id"],
            title=fields["title"] or fields["filename"],
            filename=fields["filename"],
            visibility=fields["visibility"],
            width=fields["width"],
            height=fields["height"],
            color=fields["color"],
            ready=fields["thumbnail_ready"],
            owed=fields["thumbnails"] == "pending",
            file_bytes=fields["file_size"],
            media_type=MediaType(fields["content_type"]),
            created_at=datetime.fromisoformat(fields["created_at"]),
            origin=origin,
        )

    @property
    def ratio(self) -> str:
        """The style sheet's class for its shape: the nearest, as a factor."""
        exact = 100 * self.width / self.height
        return f"r-{min(RATIOS, key=lambda ratio: abs(log(ratio / exact)))}"

    @property
    def page(self) -> str:
        """Its page here."""
        return f"/image/{self.id}"

    @property
    def link(self) -> str:
        """The short address to share, absolute."""
        return f"{self.origin}/i/{self.short_id}"

    @property
    def original(self) -> str:
        """The bytes as they were uploaded."""
        return f"/i/{self.short_id}.{self.media_type.extension}"

    @property
    def shows_original(self) -> bool:
        """Whether its page shows the original itself."""
        return self.file_bytes <= ORIGINAL_BUDGET

    @property
    def thumbnail(self) -> str:
        """What an ``<img>`` falls back to."""
        return self._thumbnail(300, ThumbnailFormat.JPEG)

    @property
    def smallest(self) -> str:
        """For a blurred background."""
        return self._thumbnail(150, ThumbnailFormat.WEBP)

    @property
    def large_webp(self) -> str:
        """The largest thumbnail."""
        return self._thumbnail(600, ThumbnailFormat.WEBP)

    @property
    def large_jpeg(self) -> str:
        """Its JPEG twin."""
        return self._thumbnail(600, ThumbnailFormat.JPEG)

    @property
    def share_image(self) -> str:
        """What other sites show beside a link, absolute; JPEG, because not all of them read WebP."""
        return self.origin + self.large_jpeg

    @property
    def srcset_webp(self) -> str:
        """Every size, with true widths."""
        return ", ".join(self._candidates(ThumbnailFormat.WEBP))

    @property
    def srcset_jpeg(self) -> str:
        """The same in JPEG."""
        return ", ".join(self._candidates(ThumbnailFormat.JPEG))

    @property
    def thumbnail_width(self) -> int:
        """In pixels, of :attr:`thumbnail`."""
        return fit(self.width, self.height, 300)[0]

    @property
    def thumbnail_height(self) -> int:
        """In pixels, of :attr:`thumbnail`."""
        return fit(self.width, self.height, 300)[1]

    @property
    def large_width(self) -> int:
        """In pixels, of :attr:`large_jpeg`."""
        return fit(self.width, self.height, 600)[0]

    @property
    def large_height(self) -> int:
        """In pixels, of :attr:`large_jpeg`."""
        return fit(self.width, self.height, 600)[1]

    @property
    def kind(self) -> str:
        """The type's usual name."""
        return kind_words(self.media_type)

    @property
    def size(self) -> str:
        """The original's length in words."""
        return byte_words(self.file_bytes)

    @property
    def created(self) -> str:
        """The day, in words."""
        return day_words(self.created_at)

    @property
    def created_iso(self) -> str:
        """The moment, for programs."""
        return self.created_at.isoformat()

    @property
    def download(self) -> str:
        """What the original is saved as."""
        return download_name(self.filename, self.media_type)

    @property
    def token_filename(self) -> str:
        """What the saved delete token is called."""
        return f"delete-token-{self.short_id}.txt"

    @property
    def formats(self) -> tuple[CopyFormat, ...]:
        """Ways to paste it elsewhere."""
        return copy_formats(title=self.title, link=self.link, direct=self.origin + self.original)

    def _thumbnail(self, size: int, kind: ThumbnailFormat) -> str:
        return f"/t/{self.short_id}/{size}.{kind}"

    def _candidates(self, kind: ThumbnailFormat) -> Iterator[str]:
        by_width = {fit(self.width, self.height, size)[0]: size for size in reversed(SIZES)}
        for width, size in sorted(by_width.items()):
            yield f"{self._thumbnail(size, kind)} {width}w"
