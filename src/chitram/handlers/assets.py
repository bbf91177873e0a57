"""The files of the gallery: where they lie, and how they are served.

Every static file lives under ``/static/<version>/``, where the version is a digest of all of them. A page therefore
never mixes old and new files, relative addresses inside style sheets and scripts carry the version along, and what is
served may be kept for ever. All of it is two megabytes, nearly all of them Swagger UI's, and is held in memory.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from aiohttp import web

_PACKAGE = Path(__file__).resolve().parents[1]
_TYPES = {".woff2": "font/woff2", ".js": "text/javascript", ".webmanifest": "application/manifest+json"}
_COMPRESSIBLE = ("text/", "image/svg", "application/manifest")
_FOR_EVER = "public, max-age=31536000, immutable"
_FOR_AN_HOUR = "public, max-age=3600"


def web_directory() -> Path:
    """Where templates and static files lie: in the installed package, else in the checkout that it runs from.

    Raises :class:`FileNotFoundError` when neither is there.
    """
    for candidate in (_PACKAGE / "web", _PACKAGE.parents[1] / "web"):
        if (candidate / "templates").is_dir():
            return candidate
    raise FileNotFoundError(f"no web/templates beside {_PACKAGE}: install the package again")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes over the wire; *packed* is its gzip form where that is smaller."""

    body: bytes
    packed: bytes | None
    content_type: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All static files, read once."""

    version: str
    files: Mapping[str, Asset]

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read everything below *directory*."""
        paths = sorted(path for path in directory.rglob("*") if path.is_file())
        files = {path.relative_to(directory).as_posix(): _read(path) for path in paths}
        digest = hashlib.sha256()
        for name, asset in files.items():
            digest.update(name.encode() + b"\0" + hashlib.sha256(asset.body).digest())
        return cls(digest.hexdigest()[:12], files)

    def url(self, name: str) -> str:
        """The address of one file. Raises :class:`KeyError` for one that is not there, so that no page links to it."""
        if name not in self.files:
            raise KeyError(f"no static file {name}")
        return f"/static/{self.version}/{name}"


ASSETS = web.AppKey("assets", Assets)


async def static_file(request: web.Request) -> web.Response:
    """``/static/{version}/{name}``. An old version's address gets the present file, but not for ever."""
    assets = request.app[ASSETS]
    current = request.match_info["version"] == assets.version
    return _respond(request, request.match_info["name"], _FOR_EVER if current else _FOR_AN_HOUR)


async def root_file(request: web.Request) -> web.Response:
    """What clients look for at the root: ``/favicon.ico`` and ``/robots.txt``."""
    return _respond(request, request.path.removeprefix("/"), _FOR_AN_HOUR)


def _respond(request: web.Request, name: str, keep: str) -> web.Response:
    asset = request.app[ASSETS].files.get(name)
    if asset is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": keep, "Content-Type": asset.content_type, "Vary": "Accept-Encoding"}
    if asset.packed and "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=asset.packed, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=asset.body, headers=headers)


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = _packed(body) if kind.startswith(_COMPRESSIBLE) else None
    return Asset(body, packed, f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)


@lru_cache(maxsize=64)
def _packed(body: bytes) -> bytes:
    """Remembered, since it takes a tenth of a second for the largest file, and tests start hundreds of applications."""
    return gzip.compress(body, mtime=0)
