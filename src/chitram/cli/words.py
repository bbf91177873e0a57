"""Tables, sizes and questions: how commands speak to people."""

import sys
from collections.abc import Iterable, Sequence

import click

from chitram.domain.sizes import byte_words


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Rows of equal length under each other, each column as wide as its longest cell."""
    table = [list(row) for row in rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )


def size(count: int) -> str:
    """Bytes for people, as the pages and the settings count them: `512 bytes`, `1.5 MB`."""
    return byte_words(count)


def counted(number: int, thing: str, things: str = "") -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number} {thing if number == 1 else things or thing + 's'}"


def agree(what: str, *, yes: bool) -> None:
    """Say on stderr what is about to change, and go on only if *yes* or the person at the terminal says so."""
    click.echo(what, err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask: add --yes to go on, nothing has been changed")
    click.confirm("Go on?", abort=True, err=True)
