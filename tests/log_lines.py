"""What a service logs in the test's own process, as its JSON lines are written."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from chitram.logs import formatter


class Lines(logging.Handler):
    """Every line, formatted when and where it is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.setFormatter(formatter(style="json"))

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(self.format(record))

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        """The lines of one event, or all."""
        lines: list[dict[str, Any]] = [json.loads(line) for line in self.text]
        return [line for line in lines if event is None or line["event"] == event]


@pytest.fixture
def logged() -> Iterator[Lines]:
    """Everything from debug on."""
    lines, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(lines)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(lines)
    root.setLevel(level)
