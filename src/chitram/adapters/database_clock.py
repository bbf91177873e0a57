"""The database's clock: by those of two machines, a claim would end too soon, or a node go while it is still read."""

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection


async def database_now(connection: AsyncConnection) -> datetime:
    """This moment."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)  # whoever has the file is on this machine
    return cast("datetime", (await connection.execute(select(func.clock_timestamp()))).scalar_one())


def within_statement(connection: AsyncConnection) -> datetime | ColumnElement[Any]:
    """The moment at which the transaction began, to be put into a statement: no question of its own."""
    return datetime.now(UTC) if connection.dialect.name == "sqlite" else func.now()
