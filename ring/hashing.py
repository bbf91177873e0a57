"""Where names and keys lie: the wire contract of placement, pinned by golden vectors.

Every process of every release must compute the same numbers, or two of them would look for one key on different
nodes. Nothing but arithmetic may enter here; Python's own `hash()` differs between processes and never may.
"""

import mmh3

SLOTS = 1 << 16
"""Keys fall into this many slots; a slot, not a key, is what belongs to a node."""

LAST_SLOT = SLOTS - 1
hash_32 = mmh3.hash
"""MurmurHash3 x86 32-bit, seed 0; signed, which the mask below makes irrelevant. Of bytes, or of ASCII strings only:
mmh3 5.3 takes the whole process down on a string that has no UTF-8.
"""


def slot(key: bytes) -> int:
    """Return the slot of a key: the low 16 bits of its hash."""
    return hash_32(key) & LAST_SLOT


def points(name: str, count: int, salt: int) -> list[int]:
    """Return the positions (64 bits) of a node's virtual nodes: the first half of MurmurHash3 x64 128-bit."""
    digest = mmh3.hash64
    return [digest(f"{name}#{i}", salt, True, signed=False)[0] for i in range(count)]


def fingerprint(text: str) -> str:
    """Return eight hexadecimal digits by which two rings can be told apart (not a defence against forgery)."""
    return f"{mmh3.hash(text, signed=False):08x}"
