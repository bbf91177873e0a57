"""What this process knows of the log: the node set it goes by, the fences it has seen, whether the log answers."""

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import TypeVar

from ring.events import Guarded, LogUnreachable, MembersChanged
from ring.fencing import FenceSightings, Timing, left_in_haste
from ring.ports import Clock, Entry, Head, InvalidationLog, Membership

T = TypeVar("T")


class LogError(Exception):
    """The log did not answer in time, or with an error."""


class LogView:
    """Reads the log with a deadline of half of `d_read`, and carries over changes of the node set."""

    def __init__(
        self, log: InvalidationLog, membership: Membership, *, clock: Clock, timing: Timing, observer: Guarded
    ) -> None:
        self.membership = membership
        self.ring = membership.ring()
        self.changed_at = clock()
        self.unsettled_until = -math.inf
        self.sightings = FenceSightings()
        self.reachable = True
        self.on_change: Callable[[], None] = lambda: None
        self._log = log
        self._clock = clock
        self._deadline = timing.d_read / 2
        self._settling = timing.d_wait
        self._observer = observer
        self._reloading = asyncio.Lock()
        self._heard_at = -math.inf

    @property
    def version(self) -> int:
        """The version of the node set by which this process goes."""
        return self.membership.version

    def heard_within(self, seconds: float) -> bool:
        """Tell whether a head arrived in the last so many seconds."""
        return self._clock() - self._heard_at <= seconds

    async def head(self) -> Head:
        """Read the head. Raises LogError."""
        try:
            async with asyncio.timeout(self._deadline):
                head = await self._log.head()
        except Exception as error:
            self._reached(f"{type(error).__name__}: {error}"[:200])
            raise LogError from error
        self._reached("")
        self._heard_at = self._clock()
        self.sightings.note(head.fences, self._heard_at)
        return head

    async def since(self, cursor: int, limit: int) -> Sequence[Entry]:
        """Read log entries. Raises LogError."""
        try:
            async with asyncio.timeout(self._deadline):
                return await self._log.since(cursor, limit)
        except Exception as error:
            raise LogError from error

    async def unfence(self, name: str, number: int) -> None:
        """Clear a fence. Raises LogError."""
        try:
            async with asyncio.timeout(self._deadline):
                await self._log.unfence(name, number)
        except Exception as error:
            raise LogError from error

    async def fence(self, names: Collection[str]) -> None:
        """Fence nodes if the log can be reached; if not, the next write waits and fences again."""
        with suppress(Exception):
            async with asyncio.timeout(self._deadline):
                await self._log.fence(names)

    async def reload(self, other_than: int) -> None:
        """Take over the stored node set unless the version in use is another already. Raises LogError.

        One at a time: two reads of the node set that overtake each other must not bring back the older one.
        """
        try:
            async with self._reloading, asyncio.timeout(self._deadline):
                if self.version == other_than:
                    self._install(await self._log.members())
        except Exception as error:
            raise LogError from error

    def _install(self, membership: Membership) -> None:
        if membership.version == self.version:
            return
        now = self._clock()
        if left_in_haste(self.membership, membership):
            self.unsettled_until = now + self._settling
        self.ring = membership.ring()
        self.membership = membership
        self.changed_at = now
        self.on_change()
        names = tuple(node.name for node in membership.nodes)
        self._observer.event(MembersChanged(membership.version, self.ring.hash, names))

    def _reached(self, cause: str) -> None:
        reachable = not cause
        if reachable is not self.reachable:
            self.reachable = reachable
            self._observer.event(LogUnreachable(reachable, cause))
