"""`manifest.json`: what an archive holds, what it should hold and does not, and why."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from chitram.domain.account import User
from chitram.services.ports import Archive

NAME = "manifest.json"
FORMAT = 1
LINE = 1500
"""Bytes that an image takes up at most, or nearly so: beyond 2 GB an entry is written in another way."""
_TIDY = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z


class Manifest:
    """Collects a line for each image in the archive's notes while that is made, and becomes its last entry.

    Of the account nothing is told that opens anything: no hash, no token.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._images = self._lacking = 0

    def add(self, fields: Mapping[str, Any], *, file: str | None, problem: str | None) -> None:
        """Note an image: where in the archive its original is, and what is wrong with it."""
        self._images += 1
        self._lacking += problem is not None
        self._archive.notes.append(orjson.dumps({"file": file, "problem": problem, **fields}))

    def written(self, user: User, version: str) -> Iterator[bytes]:
        """The archive's bytes while the manifest is put in."""
        now = datetime.now(UTC)
        with self._archive.entry(NAME, size=self._images * LINE, at=now, packed=True) as write:
            for part in self._parts(user, version, now):
                write(part)
                yield self._archive.taken()

    def _parts(self, user: User, version: str, now: datetime) -> Iterator[bytes]:
        head = {
            "format": FORMAT,
            "version": version,
            "created_at": now,
            "complete": not self._lacking,
            "pictures": self._images,
            "with_problems": self._lacking,
            "account": {
                "id": user.id,
                "email": user.email,
                "is_admin": user.is_admin,
                "created_at": user.created_at,
            },
        }
        yield orjson.dumps(head, option=_TIDY).removesuffix(b"\n}") + b',\n  "images": ['
        separator = b"\n    "
        for row in self._archive.notes:
            yield separator + row
            separator = b",\n    "
        yield b"\n  ]\n}\n"
