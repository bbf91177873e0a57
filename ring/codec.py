"""The bytes that stand under a cache key on a node. Nothing may be served whose first nine bytes were not expected.

    value     V epoch(8) fill(16) expires(8) cost(4) payload
    negative  N epoch(8) fill(16) expires(8) cost(4)
    lease     L epoch(8) fill(16)

All numbers are big-endian. `epoch` is the node's epoch as the filler had verified it, `fill` names the fill and is
never used twice, `expires` is the wall clock in seconds and `cost` what loading took; both only guide early refresh.
"""

import struct

EPOCH_BYTES = 8
FILL_BYTES = 16
VALUE, NEGATIVE, LEASE = b"V", b"N", b"L"
_V = VALUE[0]
_ANSWERS = VALUE + NEGATIVE

_HEADER = struct.Struct(">9s16sdf")
_TIMES = struct.Struct(">df")
HEADER_BYTES = _HEADER.size
IDENTITY_BYTES = 1 + EPOCH_BYTES + FILL_BYTES
"""Type byte, epoch and fill id: equal in two entries only if they are the same fill."""


def lease(epoch: bytes, fill: bytes) -> bytes:
    """Return what a filler puts under the key before it reads the database."""
    return LEASE + epoch + fill


def entry(held: bytes, payload: bytes | None, *, expires: float, cost: float) -> bytes:
    """Return the entry that takes the place of the lease `held`; a payload of None is the negative answer."""
    kind = NEGATIVE if payload is None else VALUE
    header = _HEADER.pack(kind + held[1:9], held[9:IDENTITY_BYTES], expires, cost)
    return header if payload is None else header + payload


def is_lease(raw: bytes, epoch: bytes) -> bool:
    """Tell whether these bytes are a lease of this epoch: someone is filling the key at this moment."""
    return raw[:9] == LEASE + epoch and len(raw) == IDENTITY_BYTES


def is_answer(raw: bytes, epoch: bytes) -> bool:
    """Tell whether these bytes are a value or a negative of this epoch: the only ones that may be served."""
    return raw[1:9] == epoch and raw[0] in _ANSWERS and len(raw) >= HEADER_BYTES


def payload(raw: bytes) -> bytes | None:
    """Return the payload of an answer, None for a negative."""
    return raw[HEADER_BYTES:] if raw[0] == _V else None


def times(raw: bytes) -> tuple[float, float]:
    """Return (expires, cost) of an answer, in seconds."""
    expires, cost = _TIMES.unpack_from(raw, IDENTITY_BYTES)
    return expires, cost
