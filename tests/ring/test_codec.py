"""Only what this epoch's fillers wrote may be served."""

from hypothesis import given
from hypothesis import strategies as st

from ring import codec

epochs, fills = st.binary(min_size=8, max_size=8), st.binary(min_size=16, max_size=16)


@given(epochs, fills, st.none() | st.binary(max_size=200), st.floats(0, 1e10), st.floats(0, 1e3, width=32))
def test_an_entry_gives_back_what_was_put_in(epoch, fill, payload, expires, cost):
    """Values of any bytes, the empty one included, and negatives survive the round trip."""
    raw = codec.entry(codec.lease(epoch, fill), payload, expires=expires, cost=cost)
    assert codec.is_answer(raw, epoch)
    assert not codec.is_lease(raw, epoch)
    assert codec.payload(raw) == payload
    assert codec.times(raw) == (expires, cost)


@given(epochs, epochs, fills)
def test_another_epoch_is_never_an_answer(mine, other, fill):
    """What was filled before the node was initialised anew is not served."""
    raw = codec.entry(codec.lease(other, fill), b"x", expires=0, cost=0)
    assert codec.is_answer(raw, mine) == (mine == other)


@given(st.binary(max_size=80), epochs)
def test_foreign_bytes_are_never_an_answer(raw, epoch):
    """Somebody else's key under our name is a miss, not a crash."""
    assert not codec.is_answer(raw, epoch) or raw[1:9] == epoch


@given(epochs, fills)
def test_a_lease_is_not_an_answer(epoch, fill):
    """Nobody is served a promise."""
    raw = codec.lease(epoch, fill)
    assert codec.is_lease(raw, epoch)
    assert not codec.is_answer(raw, epoch)
    assert not codec.is_lease(raw, bytes(8)) or epoch == bytes(8)
