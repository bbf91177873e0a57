"""People who look: the gallery, its thumbnails as they scroll, a picture now and then, more pictures, and again."""

from locust import task

from bench.crowd.browser import Browser, Wanted
from bench.crowd.html import Tile, following, heading, shown, static_files, tiles
from bench.crowd.person import Person

SCREENS = ((45, 1080, 3), (35, 400, 8), (20, 800, 8))
"""How many in a hundred have a phone, a screen, a fine screen: pixels across a tile, tiles in sight at once."""
LOOKS, READS, AWAY = 3.0, 6.0, 20.0
"""Median think times: between two screens of tiles, at a picture, before the next visit."""


class Visitor(Person):
    """One visit after the other, with one browser each time or a returning one."""

    def on_start(self) -> None:
        """Come at any moment, not all at once."""
        self._browser = self._new_browser()
        self.pause(self.random.uniform(0, AWAY) * self.crowd.options.pace)

    @task
    def visit(self) -> None:
        """Look around and leave."""
        page = self._browser.open("/", "gallery page")
        self._browser.load([Wanted(address, "static file") for address in static_files(page)])
        while True:
            self._look_at(tiles(page))
            address = following(page)
            if address is None or self.random.random() < 0.5:
                break
            page = self._browser.open(address, "more pictures", headers={"HX-Request": "true"})
        self.think(AWAY)
        self._come_back()

    def _look_at(self, found: list[Tile]) -> None:
        for first in range(0, len(found), self._in_sight):
            in_sight = found[first : first + self._in_sight]
            self._browser.load([wanted for tile in in_sight if (wanted := self._thumbnail(tile))])
            self.think(LOOKS)
            if self.random.random() < 0.25:
                self._open(self.random.choice(in_sight))
            if self.random.random() < 0.15:
                return

    def _open(self, tile: Tile) -> None:
        page = self._browser.open(tile.page, "picture page", image=tile.image_id, title=lambda a: heading(a.text or ""))
        self._browser.load([Wanted(address, _kind(address), tile.image_id) for address in shown(page)])
        self.think(READS)

    def _thumbnail(self, tile: Tile) -> Wanted | None:
        address = tile.thumbnail(self._browser.width)
        return Wanted(address, "thumbnail", tile.image_id) if address else None

    def _come_back(self) -> None:
        if self.random.random() < 0.5:
            self._browser = self._new_browser()
        elif self.random.random() < 0.5:
            self._browser.days_pass(2)

    def _new_browser(self) -> Browser:
        _, width, self._in_sight = self.random.choices(SCREENS, [screen[0] for screen in SCREENS])[0]
        return Browser(self, width)


def _kind(address: str) -> str:
    return "thumbnail" if address.startswith("/t/") else "original"
