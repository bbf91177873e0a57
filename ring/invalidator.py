"""Brings a committed write to the nodes and says when it may be acknowledged."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from ring.errors import CacheClosedError, NodeError, NodeGoneError
from ring.events import AckWaited, Guarded, Invalidated
from ring.fencing import acknowledge_at, spans, write_targets
from ring.health import Health
from ring.logview import LogError, LogView
from ring.options import Options
from ring.ports import Clock, Commit
from ring.redis_node import RedisNode
from ring.session import Session
from ring.singleflight import was_aborted

_APPLIED, _NO_RECORD, _ERROR = "applied", "norecord", "error"

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Invalidator:
    """The writer's side of the protocol. `spawn` runs a coroutine that outlives its caller."""

    def __init__(
        self,
        view: LogView,
        nodes: Mapping[str, RedisNode],
        *,
        options: Options,
        clock: Clock,
        observer: Guarded,
        spawn: Spawn,
    ) -> None:
        self._view = view
        self._nodes = nodes
        self._options = options
        self._clock = clock
        self._observer = observer
        self._spawn = spawn

    async def acknowledge(self, commit: Commit) -> None:
        """Return once no read that starts from now on can see what the commit replaced (G2); at most `d_wait` late.

        Never raises for a node; raises CacheClosedError if the cache is closed meanwhile. A caller that is cancelled
        must not tell anybody that the write is done; the nodes are told all the same.
        """
        if commit.keys:
            task = self._spawn(self._acknowledge(commit, self._clock()))
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                if not was_aborted(task):
                    raise
                raise CacheClosedError("the cache was closed before this write could be acknowledged") from None

    async def _acknowledge(self, commit: Commit, committed: float) -> None:
        timing = self._options.timing
        known = await self._know_version(commit.version)
        targets = self._targets(commit)
        results = await asyncio.gather(*(self._apply(name, commit, indices) for name, indices in targets.items()))
        missed = {name: result for name, result in zip(targets, results, strict=True) if result != _APPLIED}
        self._fence(commit, missed)
        until = max(
            (acknowledge_at(name, commit, committed, self._view.sightings, timing) for name in missed),
            default=committed,
        )
        if not known:
            until = committed + timing.d_wait
        await self._wait(max(until, self._view.unsettled_until), tuple(missed))

    async def _know_version(self, version: int) -> bool:
        """Go by the node set that the write saw, or by a later one; False if it cannot be had."""
        if self._view.version < version:
            with suppress(LogError):
                await self._view.reload(other_than=self._view.version)
        return self._view.version >= version

    def _targets(self, commit: Commit) -> dict[str, list[int]]:
        everyone = self._clock() < self._view.changed_at + self._options.timing.d_wait
        view = self._view
        return write_targets(view.membership, view.ring, commit.keys, self._options.reach, everyone=everyone)

    async def _apply(self, name: str, commit: Commit, indices: list[int]) -> str:
        result = _ERROR
        node = self._nodes.get(name)
        try:
            result = await self._apply_all(node, commit, indices)
        except NodeError as error:
            if node is not None:
                node.failed(error)
        self._observer.event(Invalidated(name, result, len(indices)))
        return result

    async def _apply_all(self, node: RedisNode | None, commit: Commit, indices: list[int]) -> str:
        session = None if node is None else await self._session(node)
        if session is None:
            raise NodeGoneError
        result = _APPLIED
        for first, keys in spans(commit, indices, self._options.apply_batch):
            if await session.apply(first, keys, commit.log) is None:
                result = _NO_RECORD
        return result

    async def _session(self, node: RedisNode) -> Session | None:
        """Return the node's session; a healthy node that is just being connected to gets the time of one command."""
        if node.session is None and node.breaker.state is Health.UP:
            with suppress(TimeoutError):
                await asyncio.wait_for(node.linked.wait(), self._options.op_timeout)
        return node.session

    def _fence(self, commit: Commit, missed: Mapping[str, str]) -> None:
        names = [name for name, result in missed.items() if result == _ERROR and name not in commit.fences]
        if names:
            self._spawn(self._view.fence(names))

    async def _wait(self, until: float, names: tuple[str, ...]) -> None:
        late = until - self._clock()
        if late > 0:
            self._observer.event(AckWaited(names, late))
            await asyncio.sleep(late)
