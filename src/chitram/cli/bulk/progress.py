"""Showing an import while it runs: a bar on a terminal, plain lines elsewhere, nothing beside JSON."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chitram.cli.bulk.outcome import Outcome, Result

Report = Callable[[Outcome], None]


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[Report]:
    """A function that shows one file's end after the other."""
    if quiet:
        yield lambda _outcome: None
    elif sys.stderr.isatty():
        yield from _bar(total)
    else:
        yield lambda outcome: click.echo(_line(outcome))


def _bar(total: int) -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("importing", total=total)

        def show(outcome: Outcome) -> None:
            if outcome.result is Result.REFUSED:
                bar.console.print(_line(outcome), markup=False, highlight=False)
            bar.advance(task)

        yield show


def _line(outcome: Outcome) -> str:
    reason = f" ({outcome.code}: {outcome.detail})" if outcome.result is Result.REFUSED else ""
    return f"{outcome.result} {outcome.path}{reason}"
