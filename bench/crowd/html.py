"""What a page of the gallery asks a browser to load and offers to click, read from its HTML."""

import re
from dataclasses import dataclass
from html import unescape

_STATIC = re.compile(r'(?:href|src)="(/static/[^"]+|/favicon\.ico)"')
_MODULE = re.compile(r'from "\./([\w.-]+\.js)"')
_TILE = re.compile(r'<li class="tile.*?</li>', re.DOTALL)
_PAGE = re.compile(r'href="(/image/([0-9a-f-]{36}))"')
_TITLE = re.compile(r'class="tile-title"[^>]*><bdi>([^<]*)</bdi>')
_WEBP = re.compile(r'<source type="image/webp" srcset="([^"]+)"')
_NEXT = re.compile(r'hx-get="([^"]+)"[^>]* data-more')
_PICTURE = re.compile(r'<img[^>]* src="(/[it]/[^"]+)"')
_HEADING = re.compile(r"<h1 [^>]*><bdi>([^<]*)</bdi></h1>")


@dataclass(frozen=True)
class Tile:
    """One picture in the gallery; `widths` are its thumbnails by width, none while they are being made."""

    image_id: str
    page: str
    title: str
    widths: tuple[tuple[int, str], ...]

    def thumbnail(self, needed: int) -> str | None:
        """The smallest one that is wide enough, else the largest."""
        wide = [address for width, address in self.widths if width >= needed]
        return wide[0] if wide else self.widths[-1][1] if self.widths else None


def static_files(page: str) -> list[str]:
    """Style sheet, scripts, fonts, icons."""
    return list(dict.fromkeys(_STATIC.findall(page)))


def imported(script: str, address: str) -> list[str]:
    """The modules that a script imports."""
    folder = address.rpartition("/")[0]
    return [f"{folder}/{name}" for name in _MODULE.findall(script)]


def tiles(page: str) -> list[Tile]:
    """The pictures of a gallery page or of a fragment of it, in their order."""
    return [_tile(text) for text in _TILE.findall(page)]


def following(page: str) -> str | None:
    """Where "Show more pictures" leads."""
    found = _NEXT.search(page)
    return unescape(found[1]) if found else None


def shown(page: str) -> list[str]:
    """What a picture's own page loads of it."""
    return list(dict.fromkeys(_PICTURE.findall(page)))


def heading(page: str) -> str | None:
    """The title on a picture's own page."""
    found = _HEADING.search(page)
    return unescape(found[1]) if found else None


def _tile(text: str) -> Tile:
    page, title, webp = _PAGE.search(text), _TITLE.search(text), _WEBP.search(text)
    if page is None or title is None:
        raise ValueError(f"a tile without a link or a title: {text}")
    return Tile(page[2], page[1], unescape(title[1]), tuple(_widths(webp[1])) if webp else ())


def _widths(srcset: str) -> list[tuple[int, str]]:
    candidates = [candidate.split() for candidate in srcset.split(",")]
    return sorted((int(width.removesuffix("w")), address) for address, width in candidates)
