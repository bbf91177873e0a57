"""People who write: upload, look, edit, hide, delete, and check each time that everybody sees it at once."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from locust import task

from bench.crowd.corpus import Session, SetUpFailed, bearer, form
from bench.crowd.person import API, Person
from bench.crowd.truth import State, Story, titled

PAUSE = 12.0
READY_EVERY = 2.0
"""Seconds between two looks for thumbnails, as the page does."""
FRESH = 200
"""How many new pictures the programs are offered to read."""
_CREATED = frozenset({200, 201})
_GONE = frozenset({404})


class Uploader(Person):
    """Half of them have an account; the others keep the tokens of what they upload."""

    _everybody: ClassVar[list["Uploader"]] = []

    @classmethod
    def tidy(cls, host: str) -> None:
        """Delete what is left of everybody's uploads, when nothing is counted any more."""
        session = Session(host)
        for uploader in cls._everybody:
            for mine in uploader.left():
                with suppress(SetUpFailed):  # a delete whose answer never came may have been done
                    session.ask("DELETE", f"{API}/images/{mine.story.image_id}", headers=uploader.credentials(mine))

    def on_start(self) -> None:
        """Sign in."""
        self._everybody.append(self)
        self._token = ""
        self._mine: list[Mine] = []
        self.pause(self.random.uniform(0, 3 * PAUSE) * self.crowd.options.pace)
        if self.random.random() < 0.5:
            self._sign_in()

    @task(4)
    def upload(self) -> None:
        """A picture, which is then looked at once its thumbnails are there."""
        uploaded = self._upload()
        if uploaded is not None:
            self._mine.append(uploaded)
            self.think(PAUSE / 4)
            self._look(uploaded)
        self.think(PAUSE)

    @task(4)
    def edit(self) -> None:
        """Title and visibility of an own picture; without an account, of one of the corpus."""
        if self._token and self._mine:
            state: State = "hidden" if self.random.random() < 0.2 else "shown"
            self._change(self.random.choice(self._mine).story, state, self._token)
        else:
            self.edit_corpus()
        self.think(PAUSE)

    @task(2)
    def edit_corpus(self) -> None:
        """The title of something popular, which many are reading."""
        self._change(self.crowd.corpus.ours(self.random), "shown", self.crowd.corpus.token)
        self.think(PAUSE / 4)

    @task(3)
    def delete(self) -> None:
        """Something that is here no longer, in any form."""
        if self._mine:
            self._delete(self._mine.pop(self.random.randrange(len(self._mine))))
        self.think(PAUSE / 2)

    def left(self) -> list["Mine"]:
        """What is still there."""
        return self._mine

    def credentials(self, mine: "Mine") -> dict[str, str]:
        """What a delete needs."""
        return bearer(self._token) or {"X-Delete-Token": mine.fields["delete_token"]}

    def _sign_in(self) -> None:
        account = {"email": f"load-{self.number}@example.com", "password": self.crowd.options.password}
        known = frozenset({200, 401})
        answer = self.ask("POST", f"{API}/auth/login", "sign in", json=account, expected=known)
        if answer.status_code == 401:
            answer = self.ask("POST", f"{API}/auth/register", "sign in", json=account, expected=_CREATED)
        if answer.status_code in _CREATED:
            self._token = answer.json()["access_token"]

    def _upload(self) -> "Mine | None":
        picture = self.crowd.pictures.draw(self.random)
        name = f"Upload {self.number}-{self.random.getrandbits(32):08x}"
        visibility = self.random.choice(("public", "unlisted"))
        body, headers = form(picture, {"title": titled(name, 0), "visibility": visibility})
        headers |= bearer(self._token)
        answer = self.ask("POST", f"{API}/images/upload", "upload", data=body, headers=headers, expected=_CREATED)
        if answer.status_code not in _CREATED:
            return None
        fields = answer.json()
        story = self.crowd.truth.add(Story(fields["id"], name), fields["short_id"])
        self.crowd.truth.fresh = [*self.crowd.truth.fresh[-FRESH:], story]
        return Mine(story, fields)

    def _look(self, mine: "Mine") -> None:
        while not (fields := self._read(mine)).get("thumbnail_ready", True):
            self.pause(READY_EVERY)
        for address in mine.pictures if fields.get("thumbnail_ready") else ():
            self.ask("GET", address, _kind(address), image=mine.story.image_id, headers=bearer(self._token), owner=True)

    def _change(self, story: Story, state: State, token: str) -> None:
        """Write a version, and read it as a stranger and as its owner."""
        if story.busy or story.gone:
            return
        story.busy = True
        patch = {"title": story.attempt(state)}
        if token == self._token:
            patch["visibility"] = "private" if state == "hidden" else "public"
        path = f"{API}/images/{story.image_id}"
        answer = self.ask("PATCH", path, "edit", json=patch, headers=bearer(token))
        if answer.status_code == 200:
            story.acknowledge()
        story.busy = False
        for owner in (False, True):
            headers = bearer(token) if owner else {}
            expected = frozenset({200, 404})
            self.ask(
                "GET",
                path,
                "metadata",
                image=story.image_id,
                title=_title,
                headers=headers,
                owner=owner,
                expected=expected,
            )

    def _delete(self, mine: "Mine") -> None:
        """Delete, and see that every address of it is 404 for everybody, the owner included."""
        mine.story.attempt("gone")
        path = f"{API}/images/{mine.story.image_id}"
        answer = self.ask("DELETE", path, "delete", headers=self.credentials(mine), expected=frozenset({204}))
        if answer.status_code != 204:
            self._mine.append(mine)
            return
        mine.story.acknowledge()
        for address in (path, mine.fields["links"]["page"], f"{path}/file", *mine.pictures):
            name = "check that it is gone"
            self.ask(
                "GET", address, name, image=mine.story.image_id, headers=bearer(self._token), owner=True, expected=_GONE
            )

    def _read(self, mine: "Mine") -> dict[str, Any]:
        path, headers = f"{API}/images/{mine.story.image_id}", bearer(self._token)
        answer = self.ask("GET", path, "metadata", image=mine.story.image_id, title=_title, headers=headers, owner=True)
        return dict(answer.json()) if answer.status_code == 200 else {}


@dataclass(frozen=True)
class Mine:
    """What one uploader has uploaded."""

    story: Story
    fields: dict[str, Any]

    @property
    def pictures(self) -> tuple[str, ...]:
        """A thumbnail's address and the original's."""
        return f"/t/{self.fields['short_id']}/300.webp", self.fields["links"]["direct"]


def _title(answer: Any) -> str:
    return str(answer.json()["title"])


def _kind(address: str) -> str:
    return "thumbnail" if address.startswith("/t/") else "original"
