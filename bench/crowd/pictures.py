"""Files of the sizes and kinds that people upload, made once a process; every upload gets bytes of its own."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image


@dataclass(frozen=True)
class Kind:
    """One sort of picture: how often it comes, its size, and how it is encoded."""

    weight: int
    name: str
    media_type: str
    size: tuple[int, int]
    options: dict[str, int]


KINDS = (
    Kind(35, "photo.jpg", "image/jpeg", (4000, 3000), {"quality": 88}),
    Kind(30, "web.jpg", "image/jpeg", (1600, 1200), {"quality": 85}),
    Kind(12, "screen.png", "image/png", (1280, 800), {}),
    Kind(10, "sent.webp", "image/webp", (1200, 900), {"quality": 80, "method": 2}),
    Kind(5, "drawing.gif", "image/gif", (480, 360), {}),
    Kind(8, "phone.avif", "image/avif", (1200, 900), {"quality": 60, "speed": 10}),
)
CORPUS = KINDS[1:4]


@dataclass(frozen=True)
class Picture:
    """What is sent."""

    name: str
    media_type: str
    data: bytes


class Pictures:
    """Draws pictures. `scale` is a factor on their sides."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._made: dict[str, bytes] = {}

    def draw(self, random: Random, kinds: tuple[Kind, ...] = KINDS) -> Picture:
        """One that nobody has yet: the same random numbers give the same bytes."""
        kind = random.choices(kinds, [kind.weight for kind in kinds])[0]
        if kind.name not in self._made:
            self._made[kind.name] = _encoded(kind, self._scale)
        mark = b"%016x" % random.getrandbits(64)
        return Picture(kind.name, kind.media_type, _MARKED[kind.media_type](self._made[kind.name], mark))


def _encoded(kind: Kind, scale: float) -> bytes:
    size = (max(16, int(kind.size[0] * scale)), max(16, int(kind.size[1] * scale)))
    grain = Image.effect_noise((size[0] // 4, size[1] // 4), 60).resize(size).convert("RGB")
    light = Image.linear_gradient("L").resize(size)
    sky = Image.merge("RGB", (light, light.transpose(Image.Transpose.FLIP_TOP_BOTTOM), light))
    out = io.BytesIO()
    Image.blend(grain, sky, 0.6).save(out, kind.media_type.partition("/")[2], **kind.options)
    return out.getvalue()


def _jpeg(data: bytes, mark: bytes) -> bytes:
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(mark) + 2) + mark + data[2:]


def _png(data: bytes, mark: bytes) -> bytes:
    text = b"tEXtComment\0" + mark
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return data[:-12] + chunk + data[-12:]


def _gif(data: bytes, mark: bytes) -> bytes:
    return data[:-1] + b"\x21\xfe" + bytes([len(mark)]) + mark + b"\0" + data[-1:]


def _webp(data: bytes, mark: bytes) -> bytes:
    longer = data[8:] + b"MARK" + struct.pack("<I", len(mark)) + mark
    return data[:4] + struct.pack("<I", len(longer)) + longer


def _avif(data: bytes, mark: bytes) -> bytes:
    return data + struct.pack(">I", len(mark) + 8) + b"free" + mark


_MARKED: dict[str, Callable[[bytes, bytes], bytes]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/avif": _avif,
}
