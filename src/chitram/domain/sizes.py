"""Sizes in bytes, as people write and read them. 1 KB is 1024 bytes here, as everywhere in the settings."""

import re

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SPELLED = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?([kmgt]?)(?:i?b)?", re.IGNORECASE | re.ASCII)


def byte_words(count: int) -> str:
    """*count* bytes the way people say it: ``500 MB``, ``1.5 GB``."""
    for unit, size in (("TB", 1024**4), ("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} bytes"


def parse_size(text: str) -> int | None:
    """The bytes of ``500MB``, ``1.5 GiB``, ``2g`` or ``1048576``; ``None`` for what is no size."""
    spelled = _SPELLED.fullmatch(text.strip())
    return int(float(spelled[1]) * _UNITS[spelled[2].upper()]) if spelled else None
