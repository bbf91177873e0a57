"""Pictures of every kind, made on the spot."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

KINDS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF", "image/avif": "AVIF"}


def picture(
    kind: str = "image/png", size: tuple[int, int] = (64, 48), *, seed: int = 0, mode: str = "RGB", **options: Any
) -> bytes:
    """An encoded picture; another *seed* gives other bytes."""
    plain = Image.new("RGB", size, ((37 * seed) % 256, (91 * seed + 80) % 256, (seed * 7 + 160) % 256))
    for x in range(0, size[0], 8):
        plain.putpixel((x, (x * 7 + seed) % size[1]), (255, 255, seed % 256))
    return encoded(plain.convert(mode), kind, **options)


def noise(size: tuple[int, int], kind: str = "image/jpeg", **options: Any) -> bytes:
    """A picture that does not compress, hence a large file."""
    return encoded(Image.effect_noise(size, 90).convert("RGB"), kind, **options)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a file."""
    out = io.BytesIO()
    image.save(out, KINDS[kind], **options)
    return out.getvalue()


def turned(size: tuple[int, int] = (60, 20), orientation: int = 6) -> bytes:
    """A JPEG whose EXIF says that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture("image/jpeg", size, exif=exif)


def bomb(side: int = 10_000) -> bytes:
    """A PNG of *side*² pixels in about a thousandth of as many bytes."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    row = b"\0" * (1 + (side + 7) // 8)
    packed = zlib.compress(row * side, 9)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
