"""Commands on the database and the nodes of a service that runs in the test itself."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from click.testing import CliRunner, Result

from chitram.cli import main
from tests.cli.doctor import SECRET


class Commands:
    """Run `chitram …` where *environ* says; it has an event loop of its own."""

    def __init__(self, environ: Mapping[str, object]) -> None:
        self.environ = {"JWT_SECRET_KEY": SECRET} | {name.upper(): str(value) for name, value in environ.items()}

    async def __call__(self, *arguments: str) -> Result:
        """What it printed, and its exit code. A traceback fails the test."""
        result = await asyncio.to_thread(CliRunner().invoke, main, arguments, env=self.environ)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    async def json(self, *arguments: str) -> dict[str, Any]:
        """What it printed for programs."""
        result = await self(*arguments, "--json")
        fields: dict[str, Any] = json.loads(result.stdout)
        return fields
