"""The command line: one file a command, and `main`, where they all begin."""

from chitram.cli.group import main

__all__ = ["main"]
