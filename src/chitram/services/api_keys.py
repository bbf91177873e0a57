"""Make, list and revoke API keys, and who a key speaks for.

When a key was last used is noted beside the requests: none of them waits for it, and each key costs a write a minute
at most, however often and by how many processes it is used.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from chitram.domain.account import User
from chitram.domain.api_key import MAX_KEYS, ApiKey, KeyWish, fingerprint, new_secret
from chitram.domain.errors import NotFound, ServiceUnavailable, TokenExpired, Unauthorized, ValidationFailed
from chitram.services.account_ports import ApiKeyStore
from chitram.services.accounts import Session

NOTE_EVERY = timedelta(minutes=1)
PAUSE_SECONDS = 5.0
"""Between two writes of such notes; each is one transaction, of all keys that were used meanwhile."""


class ApiKeys:
    """The keys of all accounts. Who may ask for what, handlers decide: a key itself may do none of it."""

    def __init__(self, store: ApiKeyStore) -> None:
        self._store = store
        self._used: dict[str, datetime] = {}
        self._noted = asyncio.Event()

    async def create(self, owner: User, wish: KeyWish) -> tuple[ApiKey, str]:
        """A new key and its secret, which nobody can find out afterwards.

        Raises ``ValidationFailed``, ``KeyNameTaken``, ``TooManyKeys``.
        """
        if problems := wish.problems(owner):
            raise ValidationFailed(*problems)
        secret, now = new_secret(), datetime.now(UTC)
        key = ApiKey(
            id=str(uuid4()),
            user_id=owner.id,
            name=wish.name.strip(),
            scopes=wish.scopes,
            created_at=now,
            expires_at=None if wish.lifetime is None else now + wish.lifetime,
            last_used_at=None,
        )
        await self._store.add(key, fingerprint(secret), at_most=MAX_KEYS)
        return key, secret

    async def of(self, owner: User) -> Sequence[ApiKey]:
        """An account's keys, newest first, those that have expired included."""
        return await self._store.of(owner.id)

    async def revoke(self, owner: User, key_id: str) -> None:
        """Make one of an account's keys worthless at once, in every process. Raises ``NotFound``."""
        if not await self._store.remove(owner.id, key_id):
            raise NotFound("There is no such API key.")

    async def session(self, secret: str) -> Session:
        """Who *secret* speaks for, checked against the database. Raises ``Unauthorized`` or ``TokenExpired``."""
        found, now = await self._store.by_hash(fingerprint(secret)), datetime.now(UTC)
        if found is None or not found[1].is_active:
            raise Unauthorized("The API key is not valid: it may have been revoked. Create a new one.")
        key, user = found
        if key.has_expired(now):
            raise TokenExpired("This API key has expired. Create a new one.")
        if key.last_used_at is None or now - key.last_used_at >= NOTE_EVERY:
            self._used[key.id] = now
            self._noted.set()
        return Session(user, token="", key=key)  # the secret goes no further than this

    async def record_uses(self) -> None:
        """Write down, for ever, which keys were used. What a failure or the end loses, the next use makes up for."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            used, self._used = self._used, {}
            with suppress(ServiceUnavailable):
                await self._store.mark_used(used, unless_within=NOTE_EVERY)
            await asyncio.sleep(PAUSE_SECONDS)
