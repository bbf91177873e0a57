"""What everybody has in common: think times, patience, and answers that are judged."""

import itertools
import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from gevent.event import Event
from locust import FastHttpUser
from locust.contrib.fasthttp import ResponseContextManager
from locust.env import Environment
from locust.exception import StopUser

from bench.crowd.corpus import Corpus
from bench.crowd.options import Options
from bench.crowd.pictures import Pictures
from bench.crowd.tallies import Tallies
from bench.crowd.truth import Mark, Truth

API = "/api/v1"
WITH_PLACES = frozenset({"upload", "sign in"})
"""What the service does a few at a time: it asks all others to come again."""
MOST_WAITS = 6
LONGEST_THINK = 60.0
OK = frozenset({200})
_JUDGED = frozenset({200, 304, 404})


class Crowd:
    """What the people of one process share."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.truth = Truth()
        self.tallies = Tallies()
        self.pictures = Pictures(options.pixels)
        self.corpus = Corpus(options, self.truth, self.pictures)


class Person(FastHttpUser):
    """Somebody with a connection or six to the service.

    Locust makes the users itself: what they share hangs on their class.
    """

    abstract = True
    concurrency = 6
    crowd: ClassVar[Crowd]
    _numbers: ClassVar["itertools.count[int]"] = itertools.count()

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.number = next(self._numbers)
        self.random = Random(f"{self.crowd.options.seed} {type(self).__name__} {self.number}")
        self._leaves = Event()

    def wait_time(self) -> float:
        """Nothing between tasks: a task is a visit, and has its own pauses."""
        return 0.0

    def think(self, median: float) -> None:
        """Wait as people do: mostly about the median, sometimes much longer."""
        drawn = min(self.random.lognormvariate(0, 0.8) * median, LONGEST_THINK)
        self.pause(drawn * self.crowd.options.pace)

    def pause(self, seconds: float) -> None:
        """Wait, unless it is time to leave. Raises StopUser then."""
        if self._leaves.wait(seconds):
            raise StopUser

    def stop(self, force: bool = False) -> bool:
        """Locust wants this one to leave: at the next pause."""
        self._leaves.set()
        return bool(super().stop(force))

    def ask(self, method: str, path: str, name: str, *, expected: Collection[int] = OK, **options: Any) -> Any:
        """One request that must succeed, made again as often as the service asks to wait. Returns the answer.

        `image` names the picture that is read, `title` reads its title from the answer, `owner` sees hidden ones.
        """
        for _ in range(MOST_WAITS):
            answer, pause = self._once(method, path, name, expected, **options)
            if pause is None:
                return answer
            self.pause(pause)
        return self._once(method, path, name, expected, patient=False, **options)[0]

    def _once(
        self, method: str, path: str, name: str, expected: Collection[int], *, patient: bool = True, **options: Any
    ) -> tuple[Any, float | None]:
        image, title, owner = options.pop("image", ""), options.pop("title", None), options.pop("owner", False)
        reading = Reading(image, self.crowd.truth.mark(image), title, owner)
        with self.client.request(method, path, name=name, catch_response=True, **options) as answer:
            pause = _asked_to_wait(answer, name) if patient else None
            if pause is not None:
                self.crowd.tallies.counted[f"asked to wait: {name}"] += 1
                answer.request_meta["name"] = f"{name} (asked to wait)"
                answer.success()
                return answer, pause
            self._count_cache(answer)
            problem = self._problem(answer, expected, reading)
            answer.failure(problem) if problem else answer.success()
        return answer, None

    def _problem(self, answer: Any, expected: Collection[int], reading: "Reading") -> str | Exception:
        status = answer.status_code
        if status == 0:
            return getattr(answer, "error", None) or "no answer"
        if status == 404 and reading.of_others:
            self.crowd.tallies.counted["deleted by others meanwhile"] += 1
            return ""
        problem = reading.verdict(answer)
        if problem.startswith("stale"):
            self.crowd.tallies.accuse(problem)
        if problem or (status == 404 and reading.mark):
            return problem
        return "" if status in expected else f"HTTP {status} {_reason(answer)}".strip()

    def _count_cache(self, answer: ResponseContextManager) -> None:
        if cache := header(answer, "X-Cache"):
            self.crowd.tallies.metadata(time.time(), cache, header(answer, "X-Cache-Node"))


@dataclass(frozen=True)
class Reading:
    """What is read: a picture or nothing in particular, what was known of it before, how its title is found."""

    image: str
    mark: Mark | None
    title: Callable[[Any], str | None] | None
    owner: bool

    @property
    def of_others(self) -> bool:
        """Whether it is a picture of which only its owner knows what became of it."""
        return bool(self.image) and self.mark is None

    def verdict(self, answer: Any) -> str:
        """What is wrong with what the answer shows of the picture."""
        if self.mark is None or answer.status_code not in _JUDGED:
            return ""
        if answer.status_code == 404:
            return self.mark.verdict(404, owner=self.owner)
        return self.mark.verdict(200, self.title(answer) if self.title else None, owner=self.owner)


def header(answer: Any, name: str) -> str:
    """A header's value, empty without one or without an answer."""
    return str(answer.headers.get(name) or "") if answer.headers is not None else ""


def _reason(answer: Any) -> str:
    """The problem's sentence, without what differs from one to the next: equal failures are counted together."""
    try:
        return str(json.loads(answer.text)["detail"])
    except (ValueError, KeyError, TypeError):  # a page, or nothing
        return ""


def _asked_to_wait(answer: ResponseContextManager, name: str) -> float | None:
    """Seconds, where that is no failure: too many requests, or no place for one more."""
    by_design = answer.status_code == 429 or (answer.status_code == 503 and name in WITH_PLACES)
    said = header(answer, "Retry-After") if by_design else ""
    return float(said) if said.isdigit() else None
