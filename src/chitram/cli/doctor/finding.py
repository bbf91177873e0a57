"""What a check found: fine, or what is wrong and how to mend it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """A *warning* will bite some day, a *problem* does now."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. *cure*, a command or a setting, belongs to everything that is not fine."""

    about: str
    level: Level
    says: str
    cure: str = ""


def ok(about: str, says: str) -> Finding:
    """Nothing to do."""
    return Finding(about, Level.OK, says)


def warning(about: str, says: str, cure: str) -> Finding:
    """To be mended when there is time."""
    return Finding(about, Level.WARNING, says, cure)


def problem(about: str, says: str, cure: str) -> Finding:
    """To be mended now."""
    return Finding(about, Level.PROBLEM, says, cure)
