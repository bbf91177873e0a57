"""What a read may show of the pictures that this load writes, decided by what was acknowledged when the read began.

Every write of a picture has a number, which its title ends with. Somebody who begins to read after a write was
acknowledged must see that one or a newer one; what was deleted or hidden is missing from then on. One write at a time
is under way for a picture. Only what this process writes is known here: the pictures of others are not judged.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

State = Literal["shown", "hidden", "gone"]
_NUMBER = re.compile(r" · (\d+)$")


@dataclass
class Story:
    """One picture's versions: the first one is there when the story begins."""

    image_id: str
    name: str
    first: int = 0
    states: list[State] = field(default_factory=lambda: ["shown"])
    acknowledged: int = 0
    busy: bool = False

    def attempt(self, state: State) -> str:
        """The title of a version that is about to be written; from now on it may be seen."""
        self.states.append(state)
        return self.title

    def acknowledge(self) -> None:
        """The last attempt was answered: from now on nothing older may be seen."""
        self.acknowledged = len(self.states) - 1

    @property
    def title(self) -> str:
        """What the newest version is called."""
        return titled(self.name, self.first + len(self.states) - 1)

    @property
    def live(self) -> bool:
        """Whether strangers can see it for sure."""
        return set(self.states[self.acknowledged :]) == {"shown"}

    @property
    def gone(self) -> bool:
        """Whether it was deleted, or may have been."""
        return self.states[-1] == "gone"


@dataclass(frozen=True)
class Mark:
    """A read has begun."""

    story: Story
    floor: int

    def verdict(self, status: int, title: str | None = None, *, owner: bool = False) -> str:
        """What is wrong with the answer; nothing if nothing is. *owner* sees hidden pictures too."""
        allowed = dict(enumerate(self.story.states[self.floor :], self.floor))
        visible = {"shown", "hidden"} if owner else {"shown"}
        if status == 404:
            return "" if set(allowed.values()) - visible else f"{self.story.image_id} is missing"
        seen = {number for number, state in allowed.items() if state in visible}
        if not seen:
            return f"stale: {self.story.image_id} is shown after it was {self.story.states[self.floor]}"
        if title is None or (number := _number(title) - self.story.first) in seen:
            return ""
        return f"stale: {self.story.image_id} shows version {number}, version {self.floor} was acknowledged"


class Truth:
    """Every picture whose story this process knows, under both of its ids."""

    def __init__(self) -> None:
        self._stories: dict[str, Story] = {}
        self.fresh: list[Story] = []

    def add(self, story: Story, short_id: str) -> Story:
        """Begin to judge what is shown of a picture."""
        self._stories[story.image_id] = self._stories[short_id] = story
        return story

    def mark(self, image_id: str) -> Mark | None:
        """To be called before a read is sent; None for a picture that is not known."""
        story = self._stories.get(image_id)
        return Mark(story, story.acknowledged) if story else None


def titled(name: str, number: int) -> str:
    """A title that tells its version."""
    return f"{name} · {number}"


def number_of(title: str) -> int | None:
    """The version in a title."""
    found = _NUMBER.search(title)
    return int(found[1]) if found else None


def _number(title: str) -> int:
    found = number_of(title)
    return -1 if found is None else found
