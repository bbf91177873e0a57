"""As much of a browser as a server notices: six connections, a cache that obeys the headers, conditional requests."""

import re
import time
from dataclasses import dataclass
from typing import Any

from gevent.pool import Pool

from bench.crowd.html import imported
from bench.crowd.person import Person

CONNECTIONS = 6
A_DAY = 86_400.0
_MAX_AGE = re.compile(r"(?<!s-)max-age=(\d+)")
_FRESH_OR_SAME = frozenset({200, 304})


@dataclass(frozen=True)
class Kept:
    """One entry of the cache."""

    etag: str
    fresh_until: float


@dataclass(frozen=True)
class Wanted:
    """Something that a page needs: its address, what statistics call it, the picture that it shows."""

    address: str
    name: str
    image: str | None = None


class Browser:
    """One visitor's. `width` is how many pixels wide a tile is on the screen."""

    def __init__(self, person: Person, width: int) -> None:
        self.width = width
        self._person = person
        self._kept: dict[str, Kept] = {}
        self._days = 0.0

    def days_pass(self, days: int) -> None:
        """The visitor comes back later: what was kept for a day has to be asked for again."""
        self._days += days * A_DAY

    def open(self, address: str, name: str, **options: Any) -> str:
        """Ask for a document, which is never kept; its HTML."""
        headers = {"Accept": "text/html", **options.pop("headers", {})}
        answer = self._person.ask("GET", address, name, headers=headers, **options)
        return answer.text or ""

    def load(self, wanted: list[Wanted]) -> None:
        """Get what is not kept or no longer fresh, six at a time, and what scripts import after them."""
        while wanted:
            pool = Pool(CONNECTIONS)
            wanted = [more for found in pool.imap_unordered(self._get, wanted) for more in found]

    def _get(self, wanted: Wanted) -> list[Wanted]:
        kept = self._kept.get(wanted.address)
        if kept and kept.fresh_until > self._now:
            self._person.crowd.tallies.counted["from the browser's cache"] += 1
            return []
        headers = {"If-None-Match": kept.etag} if kept and kept.etag else {}
        answer = self._person.ask(
            "GET", wanted.address, wanted.name, headers=headers, image=wanted.image, expected=_FRESH_OR_SAME
        )
        if answer.status_code not in _FRESH_OR_SAME:
            return []
        self._person.crowd.tallies.counted["not modified (304)"] += answer.status_code == 304
        self._keep(wanted.address, answer)
        if not wanted.address.endswith(".js"):
            return []
        return [Wanted(address, wanted.name) for address in imported(answer.text or "", wanted.address)]

    def _keep(self, address: str, answer: Any) -> None:
        control = answer.headers.get("Cache-Control") or ""
        age = _MAX_AGE.search(control)
        self._kept[address] = Kept(answer.headers.get("ETag") or "", self._now + (int(age[1]) if age else 0))

    @property
    def _now(self) -> float:
        return time.monotonic() + self._days
