"""Decoding and scaling with Pillow, in threads of its own and a few at a time. Hostile files end here."""

import errno
import io
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageCms, ImageOps

from chitram.adapters.jpeg_markers import is_laborious
from chitram.adapters.threads import in_thread
from chitram.domain.errors import ChitramError, InvalidFileFormat, ServiceUnavailable, TooManyPixels
from chitram.domain.media import SNIFF_BYTES, MediaType, sniff
from chitram.domain.thumbnail import SIZES, ThumbnailFormat
from chitram.logs import get_logger
from chitram.services.picture_ports import Inspected, RenderedThumbnail

log = get_logger(__name__)

T = TypeVar("T")

_FORMATS = {
    MediaType.JPEG: "JPEG",
    MediaType.PNG: "PNG",
    MediaType.WEBP: "WEBP",
    MediaType.GIF: "GIF",
    MediaType.AVIF: "AVIF",
}
MAX_SIDE = 65_535
"""What a JPEG can have; a line of millions of pixels takes gigabytes to scale."""
OPAQUE = 250
"""A picture whose alpha is less than this on average lets its ground be seen."""
LIGHT_GROUND, DARK_GROUND = "#f5f2ed", "#44403c"
_ORIENTATION = 0x0112
_SIDEWAYS = {5, 6, 7, 8}
_SRGB = ImageCms.createProfile("sRGB")

# Pillow's own limit only warns up to twice its value; every open here is followed by a check of our own.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", module=r"PIL\.")  # remarks on broken EXIF and the like


class PillowPictures:
    """The pictures port. *concurrency* pictures are decoded at a time, each in a few times *max_pixels* × 4 bytes.

    Not given: a bound on what a decoder itself takes. WebP and AVIF need more than their pixels, and a file that lies
    about its size is believed until it is decoded.
    """

    def __init__(self, *, max_pixels: int, concurrency: int = 2) -> None:
        self._max_pixels = max_pixels
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="pillow")

    async def inspect(self, path: Path) -> Inspected:
        """Decode the first frame. Raises ``InvalidFileFormat``, ``TooManyPixels``, ``ServiceUnavailable``."""
        return await self._in_thread(self._inspect, path)

    async def thumbnails(self, path: Path) -> Sequence[RenderedThumbnail]:
        """All sizes and formats, each from the next larger one. Raises what :meth:`inspect` does."""
        return await self._in_thread(self._thumbnails, path)

    def close(self) -> None:
        """Let the threads end after their picture."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[[Path], T], path: Path) -> T:
        return await in_thread(self._threads, _readable(work), path)

    def _inspect(self, path: Path) -> Inspected:
        with self._open(path) as picture:
            media_type = MediaType(Image.MIME["JPEG" if picture.format == "MPO" else picture.format or ""])
            width, height = picture.size
            if picture.getexif().get(_ORIENTATION) in _SIDEWAYS:
                width, height = height, width
            picture.draft("RGB", (64, 64))  # JPEG only: an eighth of the work, yet every byte is read
            picture.load()
            return Inspected(media_type, width, height, _average(picture))

    def _thumbnails(self, path: Path) -> list[RenderedThumbnail]:
        rendered = []
        with self._open(path) as picture:
            scaled = _scaled_to_largest(picture)
            for size in sorted(SIZES, reverse=True):
                scaled.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=2.0)
                rendered += [RenderedThumbnail(size, kind, _encode(scaled, kind)) for kind in ThumbnailFormat]
        return rendered

    def _open(self, path: Path) -> Image.Image:
        with path.open("rb") as file:
            media_type = sniff(file.read(SNIFF_BYTES))
        if media_type is None or (media_type is MediaType.JPEG and is_laborious(path)):
            raise InvalidFileFormat
        picture = Image.open(path, formats=[_FORMATS[media_type]])
        pixels = picture.width * picture.height
        if max(picture.size) > MAX_SIDE:
            picture.close()
            raise InvalidFileFormat(f"The picture is longer than {MAX_SIDE:,} pixels.")
        if pixels > self._max_pixels:
            picture.close()
            raise TooManyPixels(pixels, self._max_pixels)
        return picture


def _readable(work: Callable[[Path], T]) -> Callable[[Path], T]:
    def guarded(path: Path) -> T:
        try:
            return work(path)
        except ChitramError:
            raise
        except Exception as error:  # Pillow's decoders raise almost anything for a broken file
            log.info("a picture could not be decoded", error=type(error).__name__, reason=str(error))
            if _is_ours(error):
                raise ServiceUnavailable from error
            raise InvalidFileFormat from error

    return guarded


def _is_ours(error: Exception) -> bool:
    """Whether the machine failed and not the picture: no memory, no free file, the file gone. A broken picture has
    Pillow seek to where nothing can be, which is EINVAL; its own errors have no number.
    """
    machine = isinstance(error, OSError) and error.errno not in {None, errno.EINVAL}
    return machine or isinstance(error, MemoryError)


def _scaled_to_largest(picture: Image.Image) -> Image.Image:
    largest = max(SIZES)
    picture.draft("RGB", (largest * 2, largest * 2))
    plain = _eight_bits(picture)
    plain.thumbnail((largest, largest), Image.Resampling.LANCZOS, reducing_gap=2.0)
    upright = ImageOps.exif_transpose(_in_srgb(plain, picture))
    flat = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    flat.info = {}  # comments and the like: a thumbnail shows the pixels and tells nothing
    return flat


def _eight_bits(picture: Image.Image) -> Image.Image:
    """The picture, or a copy of it that scales well: no palette, eight bits a channel, grey and alpha kept."""
    if picture.mode.startswith("I"):
        return picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.mode in {"P", "PA", "LA", "1"}:
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return picture


def _in_srgb(scaled: Image.Image, original: Image.Image) -> Image.Image:
    """Colours as a browser shows them without a profile; an unusable profile is as good as none."""
    profile = original.info.get("icc_profile")
    if not profile:
        return scaled
    try:
        alpha = scaled.getchannel("A") if scaled.mode == "RGBA" else None
        flat = scaled.convert("RGB") if alpha else scaled
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(flat, source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return scaled
    if converted is None:
        return scaled
    if alpha:
        converted.putalpha(alpha)
    converted.info.pop("icc_profile", None)
    return converted


def _encode(picture: Image.Image, kind: ThumbnailFormat) -> bytes:
    out = io.BytesIO()
    if kind is ThumbnailFormat.WEBP:
        picture.save(out, "WEBP", quality=80, method=2, exif=b"", icc_profile=b"")
    else:
        _on_white(picture).save(out, "JPEG", quality=82, optimize=True, progressive=True, exif=b"")
    return out.getvalue()


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _average(picture: Image.Image) -> str:
    """What lies behind the picture: its average colour, or where it is transparent a ground that it shows on."""
    small = _eight_bits(picture)
    small.thumbnail((64, 64), Image.Resampling.BOX)
    red, green, blue, alpha = small.convert("RGBA").resize((1, 1), Image.Resampling.BOX).tobytes()
    if alpha < OPAQUE:
        return LIGHT_GROUND if (red * 2 + green * 3 + blue) / 6 < 128 else DARK_GROUND
    return f"#{red:02x}{green:02x}{blue:02x}"
