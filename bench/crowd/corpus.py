"""The pictures that are there before a load begins: an account with public pictures; what is missing is uploaded."""

import secrets
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import gevent
from gevent.pool import Pool
from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook

from bench.crowd.options import Options
from bench.crowd.pictures import CORPUS, Picture, Pictures
from bench.crowd.truth import Story, Truth, number_of, titled

API = "/api/v1"
ACCOUNT = "load-corpus@example.com"
READY_WITHIN = 180.0
_AT_ONCE = 4


class SetUpFailed(Exception):
    """The service did not do what the load needs before it can begin."""


class Corpus:
    """Pictures by popularity. What is done here is not part of the statistics."""

    def __init__(self, options: Options, truth: Truth, pictures: Pictures) -> None:
        self._options = options
        self._truth = truth
        self._pictures = pictures
        self.token = ""
        self.stories: list[Story] = []
        self._weights: list[float] = []
        self._ours: list[Story] = []

    def prepare(self, host: str) -> None:
        """Upload what is missing and wait until every thumbnail is made. Raises SetUpFailed."""
        session = Session(host)
        self.token = sign_in(session, ACCOUNT, self._options.password)
        there = {number for item in self._mine(session) if (number := _corpus_number(item["title"])) is not None}
        pool = Pool(_AT_ONCE)
        for number in range(self._options.corpus):
            if number not in there:
                pool.spawn(self._upload, session, number)
        pool.join(raise_error=True)
        self._wait_for_thumbnails(session)

    def read(self, host: str, part: int, parts: int) -> None:
        """Learn what is there. Every process does; each edits and judges one of so many parts of it."""
        session = Session(host)
        self.token = sign_in(session, ACCOUNT, self._options.password)
        for item in self._mine(session):
            number = _corpus_number(item["title"])
            if number is not None and number < self._options.corpus:
                story = Story(item["id"], f"Corpus {number}", number_of(item["title"]) or 0)
                self.stories.append(story)
                if number % parts == part:
                    self._ours.append(self._truth.add(story, item["short_id"]))
        self.stories.sort(key=lambda story: int(story.name.removeprefix("Corpus ")))
        Random(self._options.seed).shuffle(self.stories)
        self._weights = list(accumulate((rank + 1) ** -self._options.skew for rank in range(len(self.stories))))

    def popular(self, random: Random) -> Story:
        """One of them, by Zipf's law."""
        return random.choices(self.stories, cum_weights=self._weights)[0]

    def ours(self, random: Random) -> Story:
        """One that this process may edit, one of the popular ones more often."""
        return min(random.choices(self._ours, k=3), key=self.stories.index)

    def _upload(self, session: "Session", number: int) -> None:
        picture = self._pictures.draw(Random(f"corpus {self._options.seed} {number}"), CORPUS)
        fields = {"title": titled(f"Corpus {number}", 0), "visibility": "public"}
        body, headers = form(picture, fields)
        session.ask("POST", f"{API}/images/upload", data=body, headers=headers | bearer(self.token))

    def _mine(self, session: "Session") -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            page = session.ask("GET", f"{API}/users/me/images?limit=100{cursor}", headers=bearer(self.token))
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            cursor = f"&cursor={page['next_cursor']}"

    def _wait_for_thumbnails(self, session: "Session") -> None:
        with gevent.Timeout(READY_WITHIN, SetUpFailed(f"thumbnails were not ready within {READY_WITHIN:g} s")):
            while any(item["thumbnails"] == "pending" for item in self._mine(session)):
                gevent.sleep(0.2)


class Session:
    """Requests that do not count."""

    def __init__(self, host: str) -> None:
        self._http = FastHttpSession(host, EventHook(), None, concurrency=_AT_ONCE)

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The answer's JSON, None without a body; waits when it is told to. Raises SetUpFailed."""
        while True:
            answer: Any = self._http.request(method, path, **options)
            wait = answer.headers.get("Retry-After") if answer.headers is not None else None
            if answer.status_code not in {429, 503} or not wait:
                break
            gevent.sleep(float(wait))
        if not 200 <= answer.status_code < 300:
            raise SetUpFailed(f"{method} {path}: {answer.status_code or answer.error} {answer.text or ''}")
        return answer.json() if answer.content else None


def sign_in(session: Session, email: str, password: str) -> str:
    """Open the account, or sign in to it; a token."""
    account = {"email": email, "password": password}
    try:
        fields = session.ask("POST", f"{API}/auth/login", json=account)
    except SetUpFailed:
        fields = session.ask("POST", f"{API}/auth/register", json=account)
    return str(fields["access_token"])


def bearer(token: str) -> dict[str, str]:
    """The header of somebody who is signed in."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def form(picture: Picture, fields: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """A multipart body as a browser makes it, and its header."""
    boundary = f"----chitram{secrets.token_hex(8)}"
    parts = [_part(boundary, f'name="{name}"', value.encode()) for name, value in fields.items()]
    described = f'name="file"; filename="{Path(picture.name).name}"\r\nContent-Type: {picture.media_type}'
    parts.append(_part(boundary, described, picture.data))
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def _part(boundary: str, described: str, value: bytes) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {described}\r\n\r\n".encode() + value + b"\r\n"


def _corpus_number(title: str) -> int | None:
    name, _, _ = title.partition(" · ")
    word, _, number = name.partition(" ")
    return int(number) if word == "Corpus" and number.isdigit() else None
