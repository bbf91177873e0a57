"""How a command says what happens: on stderr, as the settings want it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from chitram.logs import Style, configure_logging
from chitram.settings import Settings


def start_logging(settings: Settings) -> None:
    """For people where somebody looks at a terminal, as JSON everywhere else; `LOG_FORMAT` decides otherwise."""
    terminal = sys.stderr.isatty()
    style: Style = "console" if terminal and settings.app_env != "production" else "json"
    if settings.log_format != "auto":
        style = settings.log_format
    configure_logging(level=settings.least_level, style=style, secrets=settings.secrets, colors=terminal)


@contextmanager
def only_errors() -> Iterator[None]:
    """For a command that says itself what became of each picture: the service's parts need not say it again."""
    logger = logging.getLogger("chitram")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
