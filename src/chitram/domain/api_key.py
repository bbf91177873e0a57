"""An API key: a secret that speaks for an account, as far as its scopes go. The secret itself is nowhere kept."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chitram.domain.account import User
from chitram.domain.errors import Problem
from chitram.domain.filename import has_invisible

PREFIX = "ctm_"
"""What a key begins with, so that logs (:mod:`chitram.redaction`) and scanners of leaked secrets know one."""
RANDOM_BYTES = 24
MAX_KEYS = 50
"""How many an account may have, those that have expired included."""
MAX_NAME_LENGTH = 100
SHORTEST_LIFE, LONGEST_LIFE = timedelta(minutes=1), timedelta(days=3650)


class Scope(StrEnum):
    """What a key may do. None implies another."""

    UPLOAD = "upload"
    READ = "read"
    DELETE = "delete"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as its owner sees it. *last_used_at* may lag behind by a minute."""

    id: str
    user_id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    """The key that somebody wants; without a *lifetime* it lives until it is revoked."""

    name: str
    scopes: frozenset[Scope]
    lifetime: timedelta | None = None

    def problems(self, owner: User) -> list[Problem]:
        """What is wrong with it."""
        found = [_name_problem(self.name.strip()), _scopes_problem(self.scopes, owner)]
        if self.lifetime is not None and not SHORTEST_LIFE <= self.lifetime <= LONGEST_LIFE:
            seconds = f"{SHORTEST_LIFE.total_seconds():.0f} to {LONGEST_LIFE.total_seconds():.0f}"
            found.append(Problem("/expires_in", f"Use {seconds} seconds, or leave it out: the key then stays."))
        return [problem for problem in found if problem]


def new_secret() -> str:
    """A fresh key: 192 random bits."""
    return PREFIX + secrets.token_hex(RANDOM_BYTES)


def is_api_key(token: str) -> bool:
    """Whether a bearer token claims to be a key."""
    return token.startswith(PREFIX)


def fingerprint(secret: str) -> str:
    """What is stored of a key, and what it is found by.

    A fast hash is right here. Passwords need a slow one because people choose them among few; nobody tries 2**192
    keys, however fast. And without a salt one indexed look-up finds the row, at every request.
    """
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def in_order(scopes: Iterable[Scope]) -> list[Scope]:
    """Always the same order: that of their definition."""
    given = frozenset(scopes)
    return [scope for scope in Scope if scope in given]


def _name_problem(name: str) -> Problem | None:
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        return Problem("/name", f"Use 1 to {MAX_NAME_LENGTH} characters, such as the program that will use it.")
    return Problem("/name", "Control characters are not allowed.") if has_invisible(name) else None


def _scopes_problem(scopes: frozenset[Scope], owner: User) -> Problem | None:
    if not scopes:
        return Problem("/scopes", f"Choose at least one of {', '.join(Scope)}.")
    if Scope.ADMIN in scopes and not owner.is_admin:
        return Problem("/scopes", "The scope admin is for administrators alone.")
    return None
