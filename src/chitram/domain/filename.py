"""A file name that is safe to store, to show and to send."""

import re
import unicodedata

from chitram.domain.media import MediaType

MAX_BYTES = 255
"""What file systems take, in UTF-8."""

_EXTENSIONS = {
    MediaType.JPEG: {"jpg", "jpeg", "jpe", "jfif"},
    MediaType.PNG: {"png", "apng"},
    MediaType.WEBP: {"webp"},
    MediaType.GIF: {"gif"},
    MediaType.AVIF: {"avif"},
}
_NOT_ON_WINDOWS = frozenset('<>:"/\\|?*')
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", *(port + n for port in ("COM", "LPT") for n in "0123456789¹²³")})
"""On Windows these are devices, whatever follows the first dot of a name."""
MAX_STEM = 120
"""In bytes: names in an archive have a folder in front of them, and some systems count the whole path."""
_SEPARATORS = re.compile(r"[/\\:]")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = {"\u200c", "\u200d"}  # Telugu and many other scripts are spelled with them


def has_invisible(text: str) -> bool:
    """Whether *text* has characters that steer rather than show; those that spelling and emoji need are no such."""
    return any(unicodedata.category(c) in _INVISIBLE and c not in _JOINERS for c in text)


def download_name(filename: str, media_type: MediaType) -> str:
    """*filename* with an extension of its type at the end: a picture is never saved as a program or a page."""
    suffix = filename.rpartition(".")[2].lower()
    return filename if suffix in _EXTENSIONS[media_type] else _shorten(f"{filename}.{media_type.extension}")


def archive_name(filename: str, media_type: MediaType, unique: str) -> str:
    """*filename* as it can be unpacked on every system, with the right extension and *unique* in front of that."""
    suffix = filename.rpartition(".")[2].lower()
    stem = filename.rpartition(".")[0] if suffix in _EXTENSIONS[media_type] else filename
    harmless = "".join("_" if c in _NOT_ON_WINDOWS else c for c in stem).encode()[:MAX_STEM].decode(errors="ignore")
    name = f"{harmless.strip('. ') or 'picture'}-{unique}.{media_type.extension}"
    return f"_{name}" if name.partition(".")[0].rstrip(" ").upper() in _DEVICES else name


def safe_filename(text: str | None, *, extension: str) -> str:
    """*text* without paths, control, bidirectional and unassigned characters; never empty, at most 255 bytes."""
    last = _SEPARATORS.split(unicodedata.normalize("NFC", text or ""))[-1]
    kept = "".join(c for c in last if unicodedata.category(c) not in _INVISIBLE or c in _JOINERS)
    name = " ".join(kept.split()).strip(". ") or f"image.{extension}"
    return _shorten(name)


def _shorten(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode()) > 10:
        stem, dot, suffix = name, "", ""
    room = MAX_BYTES - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix


def title_from(filename: str) -> str:
    """A first title for a picture: its file name without the extension, underscores as spaces."""
    stem = filename.rpartition(".")[0] or filename
    return " ".join(stem.replace("_", " ").split())
