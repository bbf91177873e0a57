"""API keys in SQL: never a secret, only its hash, which one index finds."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from chitram.adapters.database import Database
from chitram.adapters.tables import api_keys, users
from chitram.domain.account import User
from chitram.domain.api_key import ApiKey, Scope, in_order
from chitram.domain.errors import KeyNameTaken, TooManyKeys

_OF_KEY = [column for column in api_keys.c if column is not api_keys.c.secret_sha256]


class SqlApiKeys:
    """The port for API keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey, sha256: str, *, at_most: int) -> None:
        """Store a key; of two at once for one account the second one waits, so that both are counted."""
        row = {
            "id": key.id,
            "user_id": key.user_id,
            "name": key.name,
            "scopes": " ".join(in_order(key.scopes)),
            "secret_sha256": sha256,
            "created_at": key.created_at,
            "expires_at": key.expires_at,
            "last_used_at": key.last_used_at,
        }
        # Weaker than FOR UPDATE: the account's uploads refer to its row meanwhile.
        turn = select(users.c.id).where(users.c.id == key.user_id).with_for_update(key_share=True)
        count = select(func.count()).where(api_keys.c.user_id == key.user_id)
        try:
            async with self._database.write() as connection:
                await connection.execute(turn)
                if (await connection.execute(count)).scalar_one() >= at_most:
                    raise TooManyKeys(at_most)
                await connection.execute(insert(api_keys).values(row))
        except IntegrityError:
            raise KeyNameTaken from None

    async def by_hash(self, sha256: str) -> tuple[ApiKey, User] | None:
        """The key with its account, in one query."""
        account = (users.c.email, users.c.is_active, users.c.is_admin, users.c.created_at.label("opened_at"))
        query = select(*_OF_KEY, *account).join(users, users.c.id == api_keys.c.user_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query.where(api_keys.c.secret_sha256 == sha256))).one_or_none()
        return (_key(row), _owner(row)) if row else None

    async def of(self, user_id: str) -> Sequence[ApiKey]:
        """By age."""
        query = select(*_OF_KEY).where(api_keys.c.user_id == user_id).order_by(api_keys.c.created_at.desc())
        async with self._database.read() as connection:
            return [_key(row) for row in await connection.execute(query)]

    async def everybodys(self) -> Sequence[tuple[ApiKey, str]]:
        """Each with its owner's address: by address, then by age."""
        query = select(*_OF_KEY, users.c.email).join(users, users.c.id == api_keys.c.user_id)
        order = (users.c.email, api_keys.c.created_at.desc())
        async with self._database.read() as connection:
            return [(_key(row), row.email) for row in await connection.execute(query.order_by(*order))]

    async def remove(self, user_id: str, key_id: str) -> bool:
        """Forget it."""
        if "\0" in key_id:  # which PostgreSQL refuses even in a comparison
            return False
        removal = delete(api_keys).where(api_keys.c.user_id == user_id, api_keys.c.id == key_id)
        async with self._database.write() as connection:
            return bool((await connection.execute(removal)).rowcount)

    async def mark_used(self, used: Mapping[str, datetime], *, unless_within: timedelta) -> None:
        """One transaction. By id: two processes that lock the same rows in another order would wait for each other."""
        before = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= bindparam("before"))
        change = update(api_keys).where(api_keys.c.id == bindparam("key"), before).values(last_used_at=bindparam("at"))
        rows = [{"key": key, "at": at, "before": at - unless_within} for key, at in sorted(used.items())]
        async with self._database.write() as connection:
            await connection.execute(change, rows)


def _key(row: Row[*tuple[Any, ...]]) -> ApiKey:
    return ApiKey(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def _owner(row: Row[*tuple[Any, ...]]) -> User:
    return User(
        id=row.user_id, email=row.email, is_active=row.is_active, is_admin=row.is_admin, created_at=row.opened_at
    )
