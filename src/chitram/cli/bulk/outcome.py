"""What became of each file, and the summary of a whole import. No terminal, no network."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Result(StrEnum):
    """The three ends that a file can have."""

    UPLOADED = "uploaded"
    THERE = "already there"
    REFUSED = "refused"


@dataclass(frozen=True)
class Outcome:
    """One file's end. A refusal has the problem's stable `code` and a sentence; an upload the image's `id`."""

    path: Path
    result: Result
    image_id: str | None = None
    code: str = ""
    detail: str = ""


def unreadable(path: Path, why: str) -> Outcome:
    """The end of a path that this machine does not give us."""
    return Outcome(path, Result.REFUSED, code="UNREADABLE", detail=why)


@dataclass
class Summary:
    """What an import did. `complete` says that no file was refused and none is left."""

    outcomes: list[Outcome] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    stopped: str = ""
    """Why the import ended before its last file, if it did."""
    journal: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether everything that was found is on the server now."""
        return not self.stopped and not self.of(Result.REFUSED)

    def of(self, result: Result) -> list[Outcome]:
        """The files that ended this way."""
        return [outcome for outcome in self.outcomes if outcome.result is result]

    def lines(self) -> list[str]:
        """For people."""
        counts = " · ".join(f"{result} {len(self.of(result))}" for result in Result)
        skipped = ", ".join(f"{number} {reason}" for reason, number in sorted(self.skipped.items()))
        lines = [counts, *([f"passed over: {skipped}"] if skipped else []), *self._refusals()]
        if not self.outcomes:
            lines.append("no pictures found")
        if self.of(Result.THERE):
            lines.append("what was already there keeps its visibility: change it on the picture's page")
        if self.journal and self.of(Result.UPLOADED):
            lines.append(f"the delete tokens are in {self.journal}")
        return [*lines, *([self.stopped] if self.stopped else [])]

    def as_json(self) -> dict[str, Any]:
        """For programs. Without delete tokens: those are in the journal."""
        refused = [{"path": str(o.path), "code": o.code, "detail": o.detail} for o in self.of(Result.REFUSED)]
        return {
            "uploaded": [{"path": str(o.path), "id": o.image_id} for o in self.of(Result.UPLOADED)],
            "already_there": [{"path": str(o.path), "id": o.image_id} for o in self.of(Result.THERE)],
            "refused": refused,
            "skipped": dict(self.skipped),
            "stopped": self.stopped or None,
            "journal": str(self.journal) if self.journal else None,
        }

    def _refusals(self) -> list[str]:
        by_code: defaultdict[str, list[Outcome]] = defaultdict(list)
        for outcome in self.of(Result.REFUSED):
            by_code[outcome.code].append(outcome)
        return [line for code in sorted(by_code) for line in _group(code, by_code[code])]


def _group(code: str, outcomes: list[Outcome]) -> list[str]:
    details = {outcome.detail for outcome in outcomes}
    if len(details) == 1:
        return [f"refused, {code}: {details.pop()}", *(f"  {outcome.path}" for outcome in outcomes)]
    return [f"refused, {code}:", *(f"  {outcome.path}: {outcome.detail}" for outcome in outcomes)]
