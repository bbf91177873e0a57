"""How each kind of fault strikes, and how it is mended."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.domain.errors import Conflict
from chitram.domain.node_set import Action, NodeChange
from chitram.embedded.node import NodeProcess, command
from tests.faults.links import Direction, address_of
from tests.faults.schedule import Fault
from tests.faults.stage import Stage
from tests.waiting import until

_SLOW = 0.06
"""Seconds each way: the answer comes after the deadline of 0.1 s."""


class Faults:
    """Lets a schedule happen to a stage. Every fault is mended before its lane goes on."""

    def __init__(self, stage: Stage) -> None:
        self.happened: Counter[str] = Counter()
        self._stage = stage
        self._sets = SqlNodeSets(stage.database)
        self._kinds: dict[str, Callable[[str, float], Awaitable[None]]] = {
            "node killed": self._kill_node,
            "node set back": self._set_back,
            "node frozen": self._freeze_node,
            "node emptied": lambda name, _: self._tell(name, b"FLUSHALL"),
            "ring record lost": lambda name, _: self._tell(name, b"DEL chitram:ring"),
            "link cut": self._cut,
            "link held": lambda link, seconds: self._hold(seconds, *self._ways(link)),
            "commands held": lambda link, seconds: self._hold(seconds, self._ways(link)[0]),
            "replies held": lambda link, seconds: self._hold(seconds, self._ways(link)[1]),
            "link slow": self._slow_down,
            "process killed": self._kill_process,
            "process frozen": self._freeze_process,
            "drained": self._drain,
            "weighed": self._weigh,
            "replaced": self._replace,
        }

    async def happen(self, lanes: dict[str, list[Fault]]) -> None:
        """Strike as scheduled; returns when the last fault is mended."""
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for faults in lanes.values():
                group.create_task(self._lane(faults, began))

    async def _lane(self, faults: list[Fault], began: float) -> None:
        for fault in faults:
            await asyncio.sleep(began + fault.at - asyncio.get_running_loop().time())
            await self._kinds[fault.kind](fault.target, fault.seconds)
            self.happened[fault.kind] += 1

    async def _kill_node(self, name: str, seconds: float) -> None:
        node = self._stage.nodes[name]
        node.kill()
        await asyncio.sleep(seconds)
        await _start(node)

    async def _set_back(self, name: str, seconds: float) -> None:
        """Killed, and back with what it had in memory some time before."""
        node = self._stage.nodes[name]
        await self._tell(name, b"SAVE")
        await asyncio.sleep(seconds / 2)
        node.kill()
        await asyncio.sleep(seconds / 2)
        await _start(node)
        (node.socket.parent / "dump.rdb").unlink()

    async def _freeze_node(self, name: str, seconds: float) -> None:
        self._stage.nodes[name].pause()
        await asyncio.sleep(seconds)
        self._stage.nodes[name].resume()

    async def _tell(self, name: str, line: bytes) -> None:
        answer = await asyncio.to_thread(command, self._stage.nodes[name].socket, line + b"\r\n")
        assert answer[:1] in b"+:", f"{line!r}: {answer!r}"

    async def _cut(self, link: str, seconds: float) -> None:
        await self._stage.links[link].cut()
        await asyncio.sleep(seconds)
        await self._stage.links[link].mend()

    def _ways(self, link: str) -> tuple[Direction, Direction]:
        return self._stage.links[link].commands, self._stage.links[link].replies

    async def _hold(self, seconds: float, *ways: Direction) -> None:
        for way in ways:
            way.free.clear()
        await asyncio.sleep(seconds)
        for way in ways:
            way.free.set()

    async def _slow_down(self, link: str, seconds: float) -> None:
        for way in self._ways(link):
            way.delay = _SLOW
        await asyncio.sleep(seconds)
        for way in self._ways(link):
            way.delay = 0.0

    async def _kill_process(self, number: str, seconds: float) -> None:
        process = self._stage.processes[int(number)]
        await process.kill()
        await asyncio.sleep(seconds)
        await process.start()

    async def _freeze_process(self, number: str, seconds: float) -> None:
        process = self._stage.processes[int(number)]
        process.freeze()
        await asyncio.sleep(seconds)
        process.thaw()

    async def _drain(self, name: str, seconds: float) -> None:
        await self._change(Action.DRAIN, name)
        await asyncio.sleep(seconds)
        await self._change(Action.READY, name)

    async def _weigh(self, name: str, seconds: float) -> None:
        await self._change(Action.WEIGHT, name, weight=0.3)
        await asyncio.sleep(seconds)
        await self._change(Action.WEIGHT, name)

    async def _replace(self, name: str, seconds: float) -> None:
        """Out of the node set, and in again with whatever it still holds."""
        await self._change(Action.DRAIN, name)
        await until(lambda: self._removed(name))
        await asyncio.sleep(seconds)
        await self._change(Action.ADD, name, address=address_of(name))
        await self._change(Action.READY, name)

    async def _removed(self, name: str) -> bool:
        try:
            await self._change(Action.REMOVE, name)
        except Conflict:
            return False  # still draining
        return True

    async def _change(self, action: Action, name: str, *, address: str = "", weight: float = 1.0) -> None:
        await self._sets.commit(NodeChange(action, name, address, weight), version=None)


async def _start(node: NodeProcess) -> None:
    node.spawn()
    await asyncio.to_thread(node.wait_until_ready)
