"""Accounts, and what proves that somebody is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chitram.domain.account import User
from chitram.domain.api_key import ApiKey


class Users(Protocol):
    """Accounts and the tokens that were revoked. Raises ``ServiceUnavailable`` when the database cannot be reached."""

    async def add(self, user: User, password_hash: str) -> None:
        """Store a new account. Raises ``EmailExists``."""
        ...

    async def by_email(self, email: str) -> tuple[User, str] | None:
        """The account with its password hash."""
        ...

    async def by_token(self, user_id: str, token_id: str, issued_at: datetime) -> User | None:
        """The account that a token speaks for, unless it is unknown or the token was revoked."""
        ...

    async def password_hash(self, user_id: str) -> str | None:
        """The stored hash."""
        ...

    async def set_password(
        self, user_id: str, password_hash: str, *, instead_of: str | None, revoke_before: datetime
    ) -> bool:
        """Store a new hash and revoke every token issued before *revoke_before*; ``False``, and nothing happens, when
        the stored hash is not *instead_of* any more.
        """
        ...

    async def revoke(self, token_id: str, expires_at: datetime) -> None:
        """Make one token worthless; it may be forgotten after *expires_at*."""
        ...


class Passwords(Protocol):
    """Slow hashes, computed off the event loop and a few at a time."""

    async def hash(self, password: str) -> str:
        """A salted hash that says how it was made."""
        ...

    async def matches(self, password: str, stored: str | None) -> bool:
        """Compare. ``stored=None`` (no such account) takes as long as a real comparison and is ``False``."""
        ...


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says."""

    user_id: str
    token_id: str
    issued_at: datetime
    expires_at: datetime


class Tokens(Protocol):
    """Signed bearer tokens."""

    def issue(self, user_id: str, *, at: datetime) -> str:
        """A new token, issued *at* that moment: a revocation of all tokens until later reaches it."""
        ...

    def read(self, token: str) -> Claims:
        """Check a token. Raises ``TokenExpired`` or ``Unauthorized``."""
        ...


class ApiKeyStore(Protocol):
    """API keys by the hash of their secret. Raises ``ServiceUnavailable`` when the database cannot be reached."""

    async def add(self, key: ApiKey, sha256: str, *, at_most: int) -> None:
        """Store a new key. Raises ``KeyNameTaken``, and ``TooManyKeys`` for an account that has *at_most*."""
        ...

    async def by_hash(self, sha256: str) -> tuple[ApiKey, User] | None:
        """The key with its account, active or not. Never cached."""
        ...

    async def of(self, user_id: str) -> Sequence[ApiKey]:
        """An account's keys, newest first."""
        ...

    async def remove(self, user_id: str, key_id: str) -> bool:
        """Forget one of an account's keys; ``False`` when there was none."""
        ...

    async def mark_used(self, used: Mapping[str, datetime], *, unless_within: timedelta) -> None:
        """Note when keys (by id) were used, unless there is a note that is hardly older."""
        ...
