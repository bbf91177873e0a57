"""What kind of picture some bytes are. Judged by content; names and declared types are only compared with it."""

from enum import StrEnum

SNIFF_BYTES = 32
"""How many leading bytes :func:`sniff` looks at."""


class MediaType(StrEnum):
    """The picture types that can be stored, by their IANA names."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    GIF = "image/gif"
    AVIF = "image/avif"

    @property
    def extension(self) -> str:
        """The usual file extension, without the dot."""
        return {"image/jpeg": "jpg"}.get(self.value, self.value.removeprefix("image/"))


_ALIASES = {"image/jpg": MediaType.JPEG, "image/pjpeg": MediaType.JPEG, "image/x-png": MediaType.PNG}
_SAYS_NOTHING = {"", "application/octet-stream", "binary/octet-stream"}


def sniff(head: bytes) -> MediaType | None:
    """Tell the type by the first :data:`SNIFF_BYTES` bytes, or ``None``. A match is a claim; decoding proves it."""
    if head.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return MediaType.PNG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return MediaType.GIF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return MediaType.WEBP
    if head[4:8] == b"ftyp" and (head[8:12] in {b"avif", b"avis"} or b"avif" in head[16:32]):
        return MediaType.AVIF
    return None


def contradicts(declared: str | None, actual: MediaType) -> bool:
    """Whether a declared content type says something else than the bytes do. Saying nothing is no contradiction."""
    name = (declared or "").partition(";")[0].strip().lower()
    return name not in _SAYS_NOTHING and _ALIASES.get(name, name) != actual
