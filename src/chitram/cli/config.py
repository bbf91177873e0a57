"""`chitram config`: which settings are in force, and who said so."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from dotenv import dotenv_values
from pydantic import SecretStr

from chitram.cli.words import columns
from chitram.cli.workplace import Workplace, place_options, placed
from chitram.settings import Settings

_LOGIN = re.compile(r"(?<=://)([^/@:]*):.*@")
_QUERY = re.compile(r"(password=)[^&]*", re.IGNORECASE)
MASK = "***"


@click.group()
@place_options
def config() -> None:
    """Look at the settings.

    \b
    chitram config show             every setting, its value and where that comes from
    """


@config.command()
@placed
def show(it: Workplace) -> None:
    """Print every setting with its value and its source: flag, environment, .env or default.

    Secrets and passwords in addresses are masked. A flag is what `--data DIR` decides. Exit code 1 if the service
    would refuse to start with these.

    \b
    chitram config show
    chitram config show --json | jq '.settings.REDIS_NODES'
    APP_ENV=production chitram config show && systemctl restart chitram
    """
    sources = _sources(it.flags)
    shown = {name.upper(): shown_value(name, value) for name, value in it.settings}
    fields = {name: {"value": value, "source": sources.get(name, "default")} for name, value in shown.items()}
    rows = [(name, _spelled(field["value"]), field["source"]) for name, field in fields.items()]
    it.say({"settings": fields}, columns([("setting", "value", "from"), *rows]))


def shown_value(name: str, value: Any) -> Any:
    """A setting as it may be printed."""
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, frozenset | set | tuple | list):
        return ",".join(sorted(map(str, value)))
    if isinstance(value, str | Path):
        parts = str(value).split(",") if name == "redis_nodes" else [str(value)]
        return ",".join(_without_password(part) for part in parts)
    return value


def _spelled(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _without_password(address: str) -> str:
    # Up to the last @: too much rather than too little of a password that holds one itself.
    return _QUERY.sub(rf"\1{MASK}", _LOGIN.sub(rf"\1:{MASK}@", address))


def _sources(flags: Mapping[str, object], dotenv: Path = Path(".env")) -> dict[str, str]:
    """Later ones win, as in `Settings.load`."""
    written = dotenv_values(dotenv) if dotenv.is_file() else {}
    known = {name.upper() for name in Settings.model_fields}
    said = {name.upper(): ".env" for name, value in written.items() if value is not None}
    said |= {name.upper(): "environment" for name in os.environ}
    said |= {name.upper(): "flag" for name in flags}
    return {name: source for name, source in said.items() if name in known}
