"""Accounts and revoked tokens in SQL."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from chitram.adapters.database import Database
from chitram.adapters.tables import revoked_tokens, users
from chitram.domain.account import User
from chitram.domain.errors import Conflict, EmailExists, NotFound


class SqlUsers:
    """The users port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: User, password_hash: str) -> None:
        """Store an account; the database decides which of two for one address comes first. Raises ``EmailExists``."""
        row = {
            "id": user.id,
            "email": user.email,
            "password_hash": password_hash,
            "is_active": user.is_active,
            "is_admin": user.is_admin,
            "created_at": user.created_at,
            "tokens_valid_from": user.created_at,
        }
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(users).values(row))
        except IntegrityError:
            raise EmailExists from None

    async def by_email(self, email: str) -> tuple[User, str] | None:
        """The account with its password hash."""
        if "\0" in email:  # which PostgreSQL refuses even in a comparison
            return None
        async with self._database.read() as connection:
            row = (await connection.execute(select(users).where(users.c.email == email))).one_or_none()
        return (_user(row), row.password_hash or "") if row else None

    async def by_token(self, user_id: str, token_id: str, issued_at: datetime) -> User | None:
        """The account, unless the token is revoked, alone or with all of its time."""
        query = select(users).where(
            users.c.id == user_id,
            users.c.tokens_valid_from <= issued_at,
            ~exists().where(revoked_tokens.c.token_id == token_id),
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return _user(row) if row else None

    async def password_hash(self, user_id: str) -> str | None:
        """The stored hash."""
        query = select(users.c.password_hash).where(users.c.id == user_id)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def set_password(
        self, user_id: str, password_hash: str, *, instead_of: str | None, revoke_before: datetime
    ) -> bool:
        """Compare and set: the hash and the time before which tokens are worthless, together."""
        change = update(users).where(users.c.id == user_id, users.c.password_hash == instead_of)
        values = {"password_hash": password_hash, "tokens_valid_from": revoke_before}
        async with self._database.write() as connection:
            return bool((await connection.execute(change.values(values))).rowcount)

    async def revoke(self, token_id: str, expires_at: datetime) -> None:
        """Remember the token until it would have expired."""
        revocation = insert(revoked_tokens).values(token_id=token_id, expires_at=expires_at)
        with suppress(IntegrityError):  # it is revoked already, perhaps at this very moment
            async with self._database.write() as connection:
                await connection.execute(revocation)

    async def everybody(self) -> Sequence[User]:
        """By address."""
        async with self._database.read() as connection:
            return [_user(row) for row in await connection.execute(select(users).order_by(users.c.email))]

    async def set_active(self, email: str, *, active: bool, now: datetime) -> User:
        """Disable or enable. Whoever is disabled loses every token. Raises ``NotFound`` and ``Conflict``."""
        values = {"is_active": True} if active else {"is_active": False, "tokens_valid_from": now}
        return await self._alter(email, values, leaves_admins=active)

    async def set_admin(self, email: str, *, admin: bool) -> User:
        """Promote or demote. Raises ``NotFound`` and ``Conflict``."""
        return await self._alter(email, {"is_admin": admin}, leaves_admins=admin)

    async def _alter(self, email: str, values: Mapping[str, Any], *, leaves_admins: bool) -> User:
        admins = select(users.c.email).where(users.c.is_admin, users.c.is_active).with_for_update()
        async with self._database.write() as connection:
            if not leaves_admins and list((await connection.execute(admins)).scalars()) == [email]:
                raise Conflict(
                    f"{email} is the last administrator who can sign in: `chitram user promote` another one first."
                )
            change = update(users).where(users.c.email == email).values(values).returning(users)
            row = (await connection.execute(change)).one_or_none()
        if row is None:
            raise NotFound(f"There is no account {email}: `chitram user list` shows them.")
        return _user(row)

    async def forget_expired_tokens(self, now: datetime) -> int:
        """Drop revocations that no longer matter; how many there were."""
        async with self._database.write() as connection:
            return (await connection.execute(delete(revoked_tokens).where(revoked_tokens.c.expires_at < now))).rowcount


def _user(row: Row[Any]) -> User:
    return User(id=row.id, email=row.email, is_active=row.is_active, is_admin=row.is_admin, created_at=row.created_at)
