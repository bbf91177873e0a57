"""An invalidation log in memory: for tests, examples, and a program that is its own only process."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from ring.ports import Commit, Entry, Head, Membership


@dataclass
class MemoryLog:
    """Keeps what the InvalidationLog port asks for, as long as the process lives; every method is one step.

    Not given: it knows nothing of other processes and forgets everything at exit, after which `log` is another.
    """

    membership: Membership = field(default_factory=Membership)
    log: str = "memory"

    def __post_init__(self) -> None:
        self._entries: list[Entry] = []
        self._head = 0
        self._fences: dict[str, int] = {}
        self._numbers = count(1)

    def append(self, keys: Iterable[str]) -> Commit:
        """Log changed keys; call it in the same step as the change itself."""
        changed = tuple(keys)
        first = self._head + 1
        self._entries += [Entry(first + i, key) for i, key in enumerate(changed)]
        self._head += len(changed)
        return Commit(first, changed, self.membership.version, dict(self._fences), self.log)

    def prune(self, through: int) -> None:
        """Forget entries up to an id."""
        self._entries = [entry for entry in self._entries if entry.id > through]

    async def head(self) -> Head:
        """See InvalidationLog."""
        return Head(self._head, self.membership.version, dict(self._fences), self.log)

    async def since(self, cursor: int, limit: int) -> Sequence[Entry]:
        """See InvalidationLog."""
        return [entry for entry in self._entries if entry.id > cursor][:limit]

    async def fence(self, names: Collection[str]) -> None:
        """See InvalidationLog."""
        for name in names:
            self._fences.setdefault(name, next(self._numbers))

    async def unfence(self, name: str, number: int) -> None:
        """See InvalidationLog."""
        if self._fences.get(name) == number:
            del self._fences[name]

    async def members(self) -> Membership:
        """See InvalidationLog."""
        return self.membership
