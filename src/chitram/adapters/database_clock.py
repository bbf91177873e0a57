"""The database's clock: by those of two machines, a claim would end too soon, or a node go while it is still read."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, func, literal, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from chitram.adapters.tables import UtcDateTime

_AT_ONCE = timedelta()


async def database_now(connection: AsyncConnection) -> datetime:
    """This moment."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)  # whoever has the file is on this machine
    return cast("datetime", (await connection.execute(select(func.clock_timestamp()))).scalar_one())


def within_statement(connection: AsyncConnection, after: timedelta = _AT_ONCE) -> ColumnElement[Any]:
    """The moment at which the transaction began, or one *after* it, to be put into a statement."""
    if connection.dialect.name == "sqlite":
        return literal(datetime.now(UTC) + after, UtcDateTime())
    return type_coerce(func.now() + after if after else func.now(), UtcDateTime())
