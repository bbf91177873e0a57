"""How a command says what happens: on stderr, as the settings want it."""

import sys

from chitram.logs import Style, configure_logging
from chitram.settings import Settings


def start_logging(settings: Settings) -> None:
    """For people where somebody looks at a terminal, as JSON everywhere else; `LOG_FORMAT` decides otherwise."""
    terminal = sys.stderr.isatty()
    style: Style = "console" if terminal and settings.app_env != "production" else "json"
    if settings.log_format != "auto":
        style = settings.log_format
    configure_logging(level=settings.least_level, style=style, secrets=settings.secrets, colors=terminal)
