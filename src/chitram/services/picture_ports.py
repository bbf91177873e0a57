"""What has to be known of a picture's own bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chitram.domain.media import MediaType
from chitram.domain.thumbnail import ThumbnailFormat


@dataclass(frozen=True, slots=True)
class Inspected:
    """What decoding showed. *color*, as ``#rrggbb``, lies behind it; width and height are as displayed."""

    media_type: MediaType
    width: int
    height: int
    color: str


@dataclass(frozen=True, slots=True)
class RenderedThumbnail:
    """One encoded thumbnail."""

    size: int
    kind: ThumbnailFormat
    data: bytes


class Pictures(Protocol):
    """Decoding and scaling, off the event loop and a few at a time."""

    async def inspect(self, path: Path) -> Inspected:
        """Decode the file. Raises ``InvalidFileFormat``, ``TooManyPixels`` before anything large is allocated, and
        ``ServiceUnavailable`` when this machine lacks what it takes, such as memory.
        """
        ...

    async def thumbnails(self, path: Path) -> Sequence[RenderedThumbnail]:
        """Every size and format. Raises what :meth:`inspect` does."""
        ...
