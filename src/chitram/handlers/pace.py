"""Clients that hold something scarce while they send or take bytes are kept to a pace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Protocol


class Pace(Protocol):
    """How long a client may keep us waiting."""

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """Wait for the client inside the block. Raises ``TimeoutError`` when it keeps us waiting for too long."""
        ...

    def passed(self, size: int) -> None:
        """Note that so many bytes went by."""
        ...


class SteadyPace:
    """At least *slowest* bytes a second, behind which a client may fall by *patience* seconds.

    Only the time that the client keeps us waiting counts. Fast bytes give their time back, but never more than the
    patience: a fast file must not pay for an endless wait after it.
    """

    def __init__(self, *, patience: float, slowest: float) -> None:
        self._patience = self._left = patience
        self._slowest = slowest

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """As the protocol says."""
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with asyncio.timeout(self._left):
                yield
        except TimeoutError:
            raise TimeoutError("The client is too slow.") from None
        finally:
            self._left -= clock() - started

    def passed(self, size: int) -> None:
        """As the protocol says."""
        self._left = min(self._patience, self._left + size / self._slowest)


class _AnyPace:
    """For whoever holds nothing that others wait for."""

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """As long as it takes."""
        return nullcontext()

    def passed(self, size: int) -> None:
        """Nobody counts."""


ANY_PACE: Pace = _AnyPace()
