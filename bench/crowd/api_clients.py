"""Programs that read: metadata by popularity, lists by their cursors, thumbnails; some know what they have read."""

from typing import Any

from locust import task

from bench.crowd.person import API, Person
from bench.crowd.truth import Story

PAUSE = 1.0
_FRESH_OR_SAME = frozenset({200, 304})


class ApiClient(Person):
    """One program. `_known` is what it has read, if it is one of those that remember: ETag and title."""

    concurrency = 1

    def on_start(self) -> None:
        """Half of the programs make conditional requests."""
        self._remembers = self.random.random() < 0.5
        self._known: dict[str, tuple[str, str]] = {}
        self.think(PAUSE)

    @task(16)
    def read(self) -> None:
        """The metadata of one picture, mostly a popular one, sometimes a new one."""
        self._read(self._story())
        self.think(PAUSE)

    @task(2)
    def leaf(self) -> None:
        """The public list, page by page."""
        address: str | None = f"{API}/images?limit={self.random.choice((20, 50, 100))}"
        while address and self.random.random() < 0.8:
            page = self.ask("GET", address, "list")
            if page.status_code != 200:
                return
            address = _next(page.headers.get("Link"))
            self.think(PAUSE / 2)

    @task(2)
    def preview(self) -> None:
        """A thumbnail as JPEG; those of the newest pictures are being made."""
        story = self.crowd.corpus.popular(self.random)
        size = self.random.choice((150, 300, 600))
        self.ask("GET", f"{API}/images/{story.image_id}/thumbnail/{size}", "thumbnail", image=story.image_id)
        self.think(PAUSE)

    def _story(self) -> Story:
        fresh = [story for story in self.crowd.truth.fresh if story.live]
        if fresh and self.random.random() < 0.1:
            return self.random.choice(fresh)
        return self.crowd.corpus.popular(self.random)

    def _read(self, story: Story) -> None:
        etag, title = self._known.get(story.image_id, ("", ""))
        answer = self.ask(
            "GET",
            f"{API}/images/{story.image_id}",
            "metadata",
            expected=_FRESH_OR_SAME,
            headers={"If-None-Match": etag} if etag else {},
            image=story.image_id,
            title=lambda answer: title if answer.status_code == 304 else answer.json()["title"],
        )
        if answer.status_code == 304:
            self.crowd.tallies.counted["not modified (304)"] += 1
        elif answer.status_code == 200 and self._remembers:
            self._known[story.image_id] = (answer.headers.get("ETag") or "", answer.json()["title"])


def _next(link: Any) -> str | None:
    return str(link).partition(">")[0].removeprefix("<") if link else None
