"""Facts in the words that people use for them."""

from datetime import datetime

from chitram.domain.media import MediaType

_KINDS = {
    MediaType.JPEG: "JPEG",
    MediaType.PNG: "PNG",
    MediaType.WEBP: "WebP",
    MediaType.GIF: "GIF",
    MediaType.AVIF: "AVIF",
}


def kind_words(media_type: MediaType) -> str:
    """The usual name of a type."""
    return _KINDS[media_type]


def byte_words(count: int) -> str:
    """*count* bytes the way people say it."""
    for unit, size in (("MB", 1024 * 1024), ("KB", 1024)):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} bytes"


def day_words(moment: datetime) -> str:
    """The day: "21 November 2026"."""
    return f"{moment.day} {moment:%B %Y}"
