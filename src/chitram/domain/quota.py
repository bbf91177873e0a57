"""How much an account's originals take up, and how much they may. Thumbnails are ours and do not count."""

from dataclasses import dataclass

from chitram.domain.errors import QuotaExceeded

SMALLEST_QUOTA = 1024
"""Bytes. Less is a slip of the pen: no picture fits in."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes. *quota* is ``None`` where nothing limits it; *own* says that it was set for this very account."""

    used: int
    quota: int | None
    pictures: int = 0
    own: bool = False

    def require(self, size: int) -> None:
        """Raise :class:`QuotaExceeded` when *size* more bytes do not fit."""
        if self.quota is not None and self.used + size > self.quota:
            raise QuotaExceeded(self.used, self.quota)


UNLIMITED = Usage(0, None)
"""For uploads that are nobody's."""
