"""One export of an account at a time, among all processes: a row in the database that lapses when nobody renews it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, insert, update
from sqlalchemy.exc import IntegrityError

from chitram.adapters.database import Database
from chitram.adapters.tables import user_exports
from chitram.domain.errors import ExportRunning, ServiceUnavailable

LAPSE = timedelta(seconds=60)
"""After a process died, its exports can be begun anew when this has passed."""
RENEW_SECONDS = 20.0
SETTLE_SECONDS = 0.5


class SqlExportTurns:
    """Who exports which account. No connection is held meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leaving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """Have the account's turn inside the block. Raises ``ExportRunning`` while somebody else has it."""
        holder = str(uuid4())
        await self._take(user_id, holder)
        renewing = asyncio.create_task(self._renew(holder))
        try:
            yield
        finally:
            renewing.cancel()
            # Whoever breaks a connection off may be cancelled for it right now; the turn is given back all the same.
            leaving = asyncio.create_task(self._give_back(holder))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            await asyncio.shield(leaving)

    async def settled(self) -> None:
        """Return when every turn that has ended is given back, or it takes too long."""
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=SETTLE_SECONDS)

    async def _take(self, user_id: str, holder: str) -> None:
        now = datetime.now(UTC)
        lapsed = (user_exports.c.user_id == user_id) & (user_exports.c.until < now)
        values = {"holder": holder, "until": now + LAPSE}
        try:
            async with self._database.write() as connection:
                if not (await connection.execute(update(user_exports).where(lapsed).values(values))).rowcount:
                    await connection.execute(insert(user_exports).values(user_id=user_id, **values))
        except IntegrityError:
            raise ExportRunning from None

    async def _renew(self, holder: str) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            longer = update(user_exports).where(user_exports.c.holder == holder)
            with suppress(ServiceUnavailable):  # the next time, perhaps
                async with self._database.write() as connection:
                    await connection.execute(longer.values(until=datetime.now(UTC) + LAPSE))

    async def _give_back(self, holder: str) -> None:
        with suppress(ServiceUnavailable):  # it lapses by itself
            async with self._database.write() as connection:
                await connection.execute(delete(user_exports).where(user_exports.c.holder == holder))
