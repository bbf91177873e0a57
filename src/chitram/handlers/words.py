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


def day_words(moment: datetime) -> str:
    """The day: "21 November 2026"."""
    return f"{moment.day} {moment:%B %Y}"
