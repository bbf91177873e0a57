"""`chitram doctor`: what is wrong with a set-up, and how to mend it."""

import asyncio
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from chitram.cli.doctor.examination import examine
from chitram.cli.doctor.finding import Finding, Level
from chitram.cli.doctor.settings_check import read_settings
from chitram.cli.doctor.storage_check import STUCK
from chitram.cli.environment import environment
from chitram.cli.words import counted
from chitram.cli.workplace import Workplace, placed
from chitram.embedded.data_dir import runs_on
from chitram.settings import Settings

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}


@click.command(short_help="Say what is wrong with a set-up, and the cure.")
@click.option("-q", "--quiet", is_flag=True, help="Print only what is not fine; nothing at all if everything is.")
@placed
def doctor(it: Workplace, *, quiet: bool) -> None:
    """Look at settings, database, storage and every node; say what is wrong and the cure. Changes nothing.

    The storage gets a test file (and its directory or bucket, where there is none), which is removed again. Nothing is
    waited for longer than a few seconds.

    \b
    chitram doctor                    what the environment (or .env) names
    chitram doctor --data data        the stack of a `chitram up --data data`
    chitram doctor -q                 from cron: silent while all is well

    Exit code: 0 if there is no problem (there may be warnings), 1 if there is one, 2 for a mistake in the call.
    """
    environ = environment()
    settings, found = read_settings(environ, it.flags)
    if settings is not None:
        found += asyncio.run(_examined(it, settings, environ, quiet=quiet))
    _report(it, found, quiet=quiet)
    if any(finding.level is Level.PROBLEM for finding in found):
        raise SystemExit(1)


async def _examined(it: Workplace, settings: Settings, environ: Mapping[str, str], *, quiet: bool) -> list[Finding]:
    stopped = it.data is not None and not runs_on(it.data)
    found = await examine(settings, environ, stopped=stopped)
    found = [replace(finding, cure=_placed(finding.cure, it.data)) for finding in found]
    if any(finding.says == STUCK for finding in found):
        # A thread that hangs in the disk cannot be ended, and would keep this process as long.
        _report(it, found, quiet=quiet)
        sys.stdout.flush()
        os._exit(1)
    return found


def _placed(cure: str, data: Path | None) -> str:
    """The commands in a cure, for this workplace."""
    named = r"chitram (ring|storage|config|migrate)\b"
    return re.sub(named, lambda found: f"{found[0]} --data {data}", cure) if data else cure


def _report(it: Workplace, found: Sequence[Finding], *, quiet: bool) -> None:
    shown = [finding for finding in found if not quiet or finding.level is not Level.OK]
    levels = Counter(finding.level for finding in found)
    if it.as_json:
        summary = {level.value: levels[level] for level in Level}
        it.say({"summary": summary, "findings": [asdict(finding) for finding in shown]}, "")
        return
    widest = max((len(finding.about) for finding in shown), default=0)
    for finding in shown:
        _line(finding, widest)
    if shown:
        click.echo(f"\n{_summary(levels)}" if not quiet else _summary(levels))


def _line(finding: Finding, widest: int) -> None:
    level = click.style(f"{finding.level.value:<7}", fg=_COLOURS[finding.level], bold=finding.level is Level.PROBLEM)
    click.echo(f"{level}  {finding.about:<{widest}}  {finding.says}")
    if finding.cure:
        click.echo(f"{'':<7}  {'':<{widest}}  cure: {finding.cure}")


def _summary(levels: Counter[Level]) -> str:
    if levels[Level.PROBLEM] or levels[Level.WARNING]:
        problems, warnings = counted(levels[Level.PROBLEM], "problem"), counted(levels[Level.WARNING], "warning")
        return f"{problems}, {warnings}, {levels[Level.OK]} fine"
    return f"all well: {levels[Level.OK]} checks"
