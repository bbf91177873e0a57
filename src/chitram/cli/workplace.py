"""What a command works on: the settings of `--data DIR` or of the environment, and the database that they name."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
import orjson
from sqlalchemy import URL, make_url

from chitram.adapters.database import Database
from chitram.adapters.schema import require_current
from chitram.cli.environment import environment
from chitram.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
_DATA, _JSON = "chitram.data", "chitram.json"


class Workplace:
    """One command's. *as_json* prints for programs."""

    def __init__(self, *, data: Path | None, as_json: bool) -> None:
        self.data = data
        self.as_json = as_json

    @classmethod
    def of(cls, context: click.Context) -> "Workplace":
        """As the options say, those of the command and those before it."""
        return cls(data=context.meta.get(_DATA), as_json=context.meta.get(_JSON, False))

    @cached_property
    def flags(self) -> dict[str, object]:
        """The settings that `--data DIR` decides."""
        if self.data is None:
            return {}
        if not (self.data / "chitram.db").is_file():
            raise click.UsageError(f"{self.data} is no data directory of `chitram up`: it has no chitram.db")
        return stack_flags(self.data)

    @cached_property
    def settings(self) -> Settings:
        """Raises SettingsError."""
        return Settings.load(environment(), self.flags, dotenv=None)

    def again(self, command: str) -> str:
        """How *command* is called on this workplace, for next steps."""
        return f"chitram {command} --data {self.data}" if self.data else f"chitram {command}"

    def require_file(self) -> None:
        """Refuse an SQLite database that is not there: connecting would make an empty one."""
        file = sqlite_file(self.settings)
        if file is not None and not file.is_file():
            raise click.UsageError(f"there is no database at {file}: name one by --data DIR or DATABASE_URL")

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """Connected, and of this version's schema."""
        self.require_file()
        opened = Database(self.settings.database_url)
        try:
            await require_current(opened)
            yield opened
        finally:
            await opened.close()

    def ask(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """Run *work* with a connected database."""

        async def run() -> T:
            async with self.database() as database:
                return await work(database)

        return asyncio.run(run())

    def say(self, fields: dict[str, Any], text: str) -> None:
        """Print for programs or for people."""
        click.echo(orjson.dumps(fields, option=orjson.OPT_INDENT_2).decode() if self.as_json else text)


def stack_flags(data: Path) -> dict[str, object]:
    """The settings under which `chitram up` runs on a data directory; its nodes are named in its database."""
    directory = data.expanduser().absolute()
    flags: dict[str, object] = {
        "database_url": URL.create("sqlite+aiosqlite", database=str(directory / "chitram.db")).render_as_string(),
        "storage_backend": "local",
        "local_storage_path": directory / "blobs",
        "redis_nodes": "",
        "redis_host": "",
        "jobs": "inline",
    }
    secret = directory / "jwt_secret"
    if not environment().get("JWT_SECRET_KEY"):
        # Before the first start there is none; then it gets one that nobody knows, as this one is.
        text = secret.read_text(encoding="ascii", errors="replace") if secret.is_file() else secrets.token_hex(32)
        flags["jwt_secret_key"] = text.strip()
    return flags


def sqlite_file(settings: Settings) -> Path | None:
    """The file of an SQLite database; ``None`` for one in memory and for PostgreSQL."""
    url = make_url(settings.database_url)
    named = url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}
    return Path(url.database or "") if named else None


def disk_path(settings: Settings) -> Path | None:
    """Where a storage on disk lies; ``None`` for one elsewhere."""
    return {"local": settings.local_storage_path}.get(settings.storage_backend)


def place_options(command: Callable[P, T]) -> Callable[P, T]:
    """`--data DIR` and `--json`, for a group or for a command: they may stand before a group's command or after it."""
    where = click.option(
        "--data",
        type=click.Path(path_type=Path),
        metavar="DIR",
        expose_value=False,
        callback=_remember(_DATA),
        help="Work on the stack of a `chitram up --data DIR`. Without it: on what the environment names.",
    )
    form = click.option(
        "--json", "as_json", is_flag=True, expose_value=False, callback=_remember(_JSON), help="Print JSON."
    )
    return where(form(command))


def placed(command: Callable[Concatenate[Workplace, P], T]) -> Callable[P, T]:
    """Give a command the options of :func:`place_options` and, as its first argument, the workplace."""

    @wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> T:
        return command(Workplace.of(click.get_current_context()), *arguments, **options)

    return place_options(run)


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def store(context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        if value:
            context.meta[name] = value
        return value

    return store
