"""One load per key at a time in this process, and yet no caller gets an answer that is older than its question.

The usual single flight hands a result to everyone who arrives before it lands. That would undo the cache's promise: a
caller that arrives after a delete was acknowledged would be given what a load had read before the delete. So a flight
counts its steps, and says of its result through which step it covers those who arrived meanwhile; whoever came later
has to ask again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from ring.errors import CacheClosedError

T = TypeVar("T")


class Flight(Generic[T]):
    """One running load. The work calls `begins` before each question to the outside and sets `covers` accordingly."""

    def __init__(self, work: Callable[["Flight[T]"], Awaitable[T]]) -> None:
        self.step = 0
        self.covers = 0
        self.waiters = 0
        self.task: asyncio.Task[T] = asyncio.ensure_future(self._run(work))

    def begins(self) -> int:
        """Note that a question goes out now; callers who arrive from here on came after it. Returns the step."""
        self.step += 1
        return self.step

    async def _run(self, work: Callable[["Flight[T]"], Awaitable[T]]) -> T:
        return await work(self)


class SingleFlight(Generic[T]):
    """Flights by key. A caller that is cancelled leaves; the load is cancelled only when nobody waits any more."""

    def __init__(self) -> None:
        self._flights: dict[bytes, Flight[T]] = {}

    async def join(self, key: bytes, work: Callable[[Flight[T]], Awaitable[T]]) -> T | None:
        """Wait for the key's flight, starting one if there is none. None: the answer is too old for this caller.

        What the work raises, everybody who waits gets. Raises CacheClosedError if the flight was cancelled.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._start(key, work)
        arrived = flight.step
        flight.waiters += 1
        try:
            result = await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            self._left(key, flight)
            if not was_aborted(flight.task):
                raise
            raise CacheClosedError("the cache was closed while this read was loading") from None
        return result if arrived < flight.covers else None

    async def close(self) -> None:
        """Cancel all flights."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: bytes, work: Callable[[Flight[T]], Awaitable[T]]) -> Flight[T]:
        flight = self._flights[key] = Flight(work)
        flight.task.add_done_callback(lambda task: self._land(key, flight, task))
        return flight

    def _land(self, key: bytes, flight: Flight[T], task: "asyncio.Task[T]") -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not task.cancelled():
            task.exception()  # whoever waits gets it too; if nobody does, it is not an "exception never retrieved"

    def _left(self, key: bytes, flight: Flight[T]) -> None:
        flight.waiters -= 1
        if flight.waiters == 0 and not flight.task.done():
            flight.task.cancel()
            if self._flights.get(key) is flight:
                del self._flights[key]


def was_aborted(awaited: "asyncio.Task[Any]") -> bool:
    """Tell, on a CancelledError, whether it is the awaited task that was cancelled and not the one that waits."""
    waiting = asyncio.current_task()
    return awaited.cancelled() and not (waiting is not None and waiting.cancelling() > 0)
