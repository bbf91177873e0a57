"""`manifest.json`: what an archive holds, what it should hold and does not, and why."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from chitram.domain.account import User
from chitram.services.export_ports import Archive

NAME = "manifest.json"
FORMAT = 1
_TIDY = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z
_BETWEEN = b",\n    "
_END = b"\n  ]\n}\n"


class Manifest:
    """Collects a line for each image in the archive's notes while that is made, and becomes its last entry.

    Of the account nothing is told that opens anything: no hash, no token.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._images = self._lacking = self._bytes = 0

    def add(self, fields: Mapping[str, Any], *, file: str | None, problem: str | None) -> None:
        """Note an image: where in the archive its original is, and what is wrong with it."""
        self._images += 1
        self._lacking += problem is not None
        note = orjson.dumps({"file": file, "problem": problem, **fields})
        self._bytes += len(_BETWEEN) + len(note)
        self._archive.notes.append(note)

    def written(self, user: User, version: str) -> Iterator[bytes]:
        """The archive's bytes while the manifest is put in."""
        now = datetime.now(UTC)
        head = self._head(user, version, now)
        size = len(head) + self._bytes + len(_END)
        with self._archive.entry(NAME, size=size, at=now, packed=True) as write:
            for part in self._parts(head):
                write(part)
                yield self._archive.taken()

    def _head(self, user: User, version: str, now: datetime) -> bytes:
        fields = {
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
        return orjson.dumps(fields, option=_TIDY).removesuffix(b"\n}") + b',\n  "images": ['

    def _parts(self, head: bytes) -> Iterator[bytes]:
        yield head
        separator = _BETWEEN.removeprefix(b",")
        for row in self._archive.notes:
            yield separator + row
            separator = _BETWEEN
        yield _END
