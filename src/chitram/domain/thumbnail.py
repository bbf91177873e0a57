"""Which thumbnails there are and how large each one gets."""

from enum import StrEnum

SIZES = (150, 300, 600)
"""The longest side in pixels."""

DEFAULT_SIZE = 300


class ThumbnailFormat(StrEnum):
    """WebP keeps alpha and is small; the JPEG twin is for clients that cannot read it."""

    WEBP = "webp"
    JPEG = "jpg"

    @property
    def content_type(self) -> str:
        """The IANA name."""
        return "image/jpeg" if self is ThumbnailFormat.JPEG else "image/webp"


def fit(width: int, height: int, longest: int) -> tuple[int, int]:
    """Width and height scaled so that the longer one is *longest*; the aspect is kept, nothing is enlarged."""
    factor = min(1.0, longest / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def thumbnail_key(image_id: str, size: int, kind: ThumbnailFormat) -> str:
    """Where the thumbnail lies in the storage."""
    return f"thumbnails/{image_id[:2]}/{image_id}/{size}.{kind}"


def thumbnail_keys(image_id: str) -> tuple[str, ...]:
    """Every thumbnail that the image can have."""
    return tuple(thumbnail_key(image_id, size, kind) for size in SIZES for kind in ThumbnailFormat)


def original_key(image_id: str) -> str:
    """Where the original lies in the storage."""
    return f"originals/{image_id[:2]}/{image_id}"


def image_id_of(blob_key: str) -> str | None:
    """The image that a storage key belongs to, or ``None`` for a key that nothing here has made."""
    parts = blob_key.split("/")
    return parts[2] if len(parts) >= 3 and parts[0] in {"originals", "thumbnails"} else None
