"""A node in memory: the commands of the protocol with Redis' semantics, and a history that it can be set back in.

Runs the same suite as the real node (test_node.py); the switches exist so that the model can show what each is for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ring.scripts import APPLY, INIT, SWAP

_READS = (b"GET", b"MGET", b"HMGET")
_METHODS = {name: f"_{name.decode().lower()}" for name in (*_READS, b"SET", b"DEL", b"EVALSHA")}
_SCRIPTS = {SWAP.sha.encode(): "_swap", APPLY.sha.encode(): "_apply", INIT.sha.encode(): "_init"}


@dataclass
class Safety:
    """Parts of the protocol that live on the node. All on is the truth; the negative controls switch one off."""

    compare_on_fill: bool = True
    contiguous: bool = True
    atomic_apply: bool = True


@dataclass
class FakeNode:
    """Executes commands. Entries are (value, expiry); the ring record is a dictionary; neither is changed in place."""

    now: Callable[[], float]
    safety: Safety = field(default_factory=Safety)
    data: dict[bytes, Any] = field(default_factory=dict)
    history: list[dict[bytes, Any]] = field(default_factory=list)
    torn: list[bytes] = field(default_factory=list)

    def execute(self, *command):
        """Run one command, as one step, and return its reply."""
        name, *arguments = map(_bytes, command)
        reply = getattr(self, _METHODS[name])(*arguments)
        if name not in _READS:
            self.history.append(self.data.copy())
        return reply

    def roll_back(self, steps):
        """Become what this node was some changes ago, as after a restart from an older dump."""
        del self.history[max(0, len(self.history) - steps) :]
        self.data = dict(self.history[-1]) if self.history else {}
        self.torn.clear()

    def evict(self, key):
        """Lose one key."""
        self.data.pop(key, None)
        self.history.append(dict(self.data))

    def tear(self):
        """Finish what a torn APPLY left undone (negative control)."""
        for key in self.torn:
            self.data.pop(key, None)
        self.torn.clear()

    def _get(self, key):
        value, expiry = self.data.get(key, (None, None))
        if expiry is not None and self.now() >= expiry:
            del self.data[key]
            return None
        return value

    def _mget(self, *keys):
        return [self._get(key) for key in keys]

    def _set(self, key, value, *options):
        assert options[:3] == (b"NX", b"GET", b"PX")
        there = self._get(key)
        if there is None:
            self._put(key, value, options[3])
        return there

    def _hmget(self, key, *names):
        record = self._get(key) or {}
        return [record.get(name) for name in names]

    def _del(self, *keys):
        return sum(self.data.pop(key, None) is not None for key in keys)

    def _evalsha(self, sha, count, *rest):
        keys = int(count)
        return getattr(self, _SCRIPTS[sha])(rest[:keys], rest[keys:])

    def _swap(self, keys, arguments):
        seen, entry, milliseconds = arguments
        there = self._get(keys[0]) or b""
        if there[:25] != seen and self.safety.compare_on_fill:
            return 0
        self._put(keys[0], entry, milliseconds)
        return 1

    def _apply(self, keys, arguments):
        first, last, log = int(arguments[0]), int(arguments[1]), arguments[2]
        if self.safety.atomic_apply:
            self._del(*keys[1:])
        else:
            self.torn += keys[1:]
        record = self._get(keys[0])
        if record is None or record[b"log"] != log:
            return None
        cursor = int(record[b"cursor"])
        if (first - 1 <= cursor or not self.safety.contiguous) and cursor < last:
            cursor = last
            self.data[keys[0]] = ({**record, b"cursor": b"%d" % last}, None)
        return cursor

    def _init(self, keys, arguments):
        epoch, cursor, *new = arguments
        record = self._get(keys[0])
        if record is None or (record[b"epoch"], record[b"cursor"]) == (epoch, cursor):
            record = dict(zip((b"epoch", b"cursor", b"log"), new, strict=True))
            self.data[keys[0]] = (record, None)
        return [record[name] for name in (b"epoch", b"cursor", b"log")]

    def _put(self, key, value, milliseconds):
        self.data[key] = (value, self.now() + int(milliseconds) / 1000)


def _bytes(word):
    return word if isinstance(word, bytes) else str(word).encode()
