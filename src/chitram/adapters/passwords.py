"""Argon2id (RFC 9106) in threads of its own: a sign-in costs tens of milliseconds that the event loop must not pay."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from chitram.adapters.threads import in_thread
from chitram.domain.errors import ServiceUnavailable

MOST_WAITING = 32
"""Sign-ins that wait for a thread; a flood of them must not keep everybody else waiting for a minute."""

T = TypeVar("T")


class Argon2Passwords:
    """The passwords port. *concurrency* bounds the memory (64 MiB each) and the cores that sign-ins can take.

    Both methods raise ``ServiceUnavailable`` when too many wait already.
    """

    def __init__(self, hasher: PasswordHasher | None = None, *, concurrency: int = 2) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="passwords")
        self._decoy: str | None = None
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """A salted hash in the PHC format."""
        return await self._in_thread(self._hasher.hash, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Compare; without a stored hash, or with an empty one, do the same work on a decoy and answer ``False``."""
        return await self._in_thread(self._matches, password, stored)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[..., T], *arguments: str | None) -> T:
        if self._waiting >= MOST_WAITING:
            raise ServiceUnavailable("Too many sign-ins at once. Try again in a moment.", retry_after=2)
        self._waiting += 1
        try:
            return await in_thread(self._threads, work, *arguments)
        finally:
            self._waiting -= 1

    def _matches(self, password: str, stored: str | None) -> bool:
        if self._decoy is None:
            self._decoy = self._hasher.hash("nobody's password")
        try:
            self._hasher.verify(stored or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return False
        return bool(stored)
