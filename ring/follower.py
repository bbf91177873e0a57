"""Follows the log on behalf of one node: connect, catch up, verify. It is the health check too.

The order of the steps carries the promise: first the connection, then the head, then the node's record on that same
connection. Turned around, a node that lost its memory in between would be believed.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import suppress

from ring.errors import NodeError
from ring.events import Guarded, Initialised, Replayed
from ring.fencing import Record, Step, is_contiguous, may_verify, next_step
from ring.health import Health, Signal, is_slow, may_open_for_slowness
from ring.logview import LogError, LogView
from ring.options import Options
from ring.ports import Clock, Head
from ring.redis_node import RedisNode
from ring.session import Session

_AT_ONCE = 3
_BATCHES_A_PASS = 1000
_EPOCH = 8


class Follower:
    """The task that follows the log for one node. `others` lists all nodes of this process, for comparison."""

    def __init__(
        self,
        node: RedisNode,
        view: LogView,
        *,
        options: Options,
        clock: Clock,
        rng: random.Random,
        observer: Guarded,
        others: Callable[[], Iterable[RedisNode]],
    ) -> None:
        self._node = node
        self._view = view
        self._options = options
        self._clock = clock
        self._rng = rng
        self._observer = observer
        self._others = others
        self._failures = 0

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await _pause(await self._turn(), self._node.wake)

    async def _turn(self) -> float:
        """Make passes until there is nothing to be done at once; return how long to pause, in seconds."""
        try:
            for _ in range(_AT_ONCE):
                if await self.follow():
                    break
        except NodeError as error:
            await self._node.give_up(error)
            return self._backoff()
        except LogError:
            if self._clock() > self._node.trust.until:
                self._node.distrust("the log cannot be read")
        self._failures = 0
        return self._options.follow_interval * self._rng.uniform(0.8, 1.2)

    def _backoff(self) -> float:
        options = self._options
        most = min(options.backoff_most, options.backoff_least * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return max(0.01, self._rng.uniform(0, most))

    async def follow(self) -> bool:
        """Make one pass; False if another one should follow at once. Raises NodeError or LogError."""
        session = await self._node.connected()
        asked = self._clock()
        version = self._view.version
        head = await self._view.head()
        if head.version != version:
            await self._view.reload(other_than=version)
            return False
        fence = head.fences.get(self._node.name)
        if fence is not None:
            self._node.distrust("fenced")
        record = await self._caught_up(session, head)
        if record is None:
            return False
        if fence is not None:
            await self._view.unfence(self._node.name, fence)
            return False
        if may_verify(self._node.name, head, self._view.version):
            self._node.verified(session, asked, record.epoch)
            self._judge_speed()
        return self._node.breaker.state is not Health.RECOVERING

    async def _caught_up(self, session: Session, head: Head) -> Record | None:
        """Bring the node to the head; its record then, or None if it must be asked again from the start."""
        record = await self._measured_record(session)
        for _ in range(_BATCHES_A_PASS):
            self._node.cursor, self._node.head = record.cursor if record else 0, head.id
            step, cause = next_step(head, record)
            if step is Step.ASK_AGAIN and record is not None:
                again = await self._view.head()
                set_back = again.log == head.log and again.id < record.cursor
                head, step = again, Step.INITIALISE if set_back else Step.DONE
            if step is Step.DONE:
                return record
            if step is Step.REPLAY and record is not None:
                record, cause = await self._replay(session, head, record)
            if step is Step.INITIALISE or cause:
                record = await self._initialise(session, head, record, cause)
        return None

    async def _measured_record(self, session: Session) -> Record | None:
        began = self._clock()
        record = await session.record()
        if self._node.breaker.state is not Health.UP and is_slow(self._clock() - began, self._medians()):
            raise NodeError("still slow", cause="slow")
        return record

    async def _replay(self, session: Session, head: Head, record: Record) -> tuple[Record, str]:
        entries = await self._view.since(record.cursor, self._options.replay_batch)
        if not is_contiguous(record.cursor, entries):
            return record, "pruned"
        cursor = await session.apply(entries[0].id, [entry.key for entry in entries], head.log)
        if cursor is None or cursor < entries[-1].id:
            # The record was lost or set back while we replayed; the next pass sees what is there.
            raise NodeError("the ring record changed during a replay", cause="record lost")
        self._observer.event(Replayed(self._node.name, len(entries)))
        return record._replace(cursor=cursor), ""

    async def _initialise(self, session: Session, head: Head, record: Record | None, cause: str) -> Record:
        mine = self._rng.randbytes(_EPOCH)
        holds = await session.initialise(record, mine, head.id, head.log)
        if holds.epoch == mine:
            self._observer.event(Initialised(self._node.name, cause))
        return holds

    def _medians(self) -> list[float]:
        known = [other.latencies.median() for other in self._others() if other is not self._node]
        return [value for value in known if value is not None]

    def _judge_speed(self) -> None:
        mine = self._node.latencies.median()
        if mine is None or not is_slow(mine, self._medians()):
            return
        nodes = list(self._others())
        if may_open_for_slowness(len(nodes), sum(node.breaker.state is not Health.UP for node in nodes)):
            self._node.feed(Signal.SLOW, f"slow: median {mine * 1000:.0f} ms")


async def watch_log(view: LogView, interval: float) -> None:
    """Read the head while no follower does, for want of a node that answers.

    Otherwise nobody would notice a new node set, nor learn how long the fences have stood that spare writes the wait.
    """
    while True:
        await asyncio.sleep(interval)
        if not view.heard_within(interval):
            with suppress(LogError):
                if (await view.head()).version != view.version:
                    await view.reload(other_than=view.version)


async def _pause(seconds: float, wake: asyncio.Event) -> None:
    alarm = asyncio.get_running_loop().call_later(seconds, wake.set)
    try:
        await wake.wait()
    finally:
        alarm.cancel()
        wake.clear()
