"""`chitram doctor` as the tests call it: the findings of one run, with what is said and the cure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from click.testing import CliRunner

from chitram.cli import main

SECRET = "a secret of more than thirty-two bytes for these tests"


@dataclass(frozen=True)
class Diagnosis:
    """One run."""

    exit_code: int
    findings: tuple[dict[str, str], ...]
    output: str

    def of(self, about: str) -> dict[str, str]:
        """The one finding about something that is not fine."""
        found = [f for f in self.findings if f["about"] == about and f["level"] != "ok"]
        assert len(found) == 1, self.output
        return found[0]


def diagnose(environ: Mapping[str, object], *arguments: str) -> Diagnosis:
    """Run it on what *environ* names."""
    settings = {name: str(value) for name, value in {"JWT_SECRET_KEY": SECRET, **environ}.items()}
    result = CliRunner().invoke(main, ["doctor", "--json", *arguments], env=settings)
    assert "Traceback" not in result.output, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    report = json.loads(result.stdout)
    assert sum(report["summary"].values()) == len(report["findings"])
    assert all(f["cure"] for f in report["findings"] if f["level"] != "ok"), result.output
    assert (result.exit_code == 1) == any(f["level"] == "problem" for f in report["findings"])
    return Diagnosis(result.exit_code, tuple(report["findings"]), result.output)
