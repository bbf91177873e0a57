"""Image ids. The short id and the UUID are two spellings of the same 70 random bits, so neither needs a look-up.

The UUID is of version 8 (RFC 9562, section 5.8): the first 70 custom bits are random, the other 52 are their BLAKE2b
checksum. An id that nobody issued is therefore recognised without asking a database or a cache. Not given: secrecy
against someone who can try 2**70 links; rate limits are for that.
"""

import re
import secrets
from functools import lru_cache
from hashlib import blake2b
from typing import NewType
from uuid import UUID

ImageId = NewType("ImageId", str)
"""A lower-case UUID of 36 characters that passed :func:`parse_image_id` or came from :func:`new_image_id`."""

RANDOM_BITS = 70
SHORT_LENGTH = 12
_LENGTHS = frozenset({SHORT_LENGTH, 36})
_CHECK_BITS = 122 - RANDOM_BITS
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {character: value for value, character in enumerate(_BASE58)}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_image_id() -> ImageId:
    """A fresh id that cannot be guessed."""
    return _spell(secrets.randbits(RANDOM_BITS))


def parse_image_id(text: str) -> ImageId | None:
    """The id in *text*, in either spelling, or ``None`` when no such id can have been issued."""
    return _parse(text) if len(text) in _LENGTHS else None  # nothing long is remembered


@lru_cache(maxsize=65_536)
def _parse(text: str) -> ImageId | None:
    if len(text) == SHORT_LENGTH:
        return _from_short(text)
    if not _UUID.fullmatch(text):
        return None
    spelled = _spell(_random_part(text))
    return spelled if spelled == text else None


def short_id(image_id: ImageId) -> str:
    """The same id in 12 base58 characters (no 0, O, I, l)."""
    number = _random_part(image_id)
    digits = []
    for _ in range(SHORT_LENGTH):
        number, digit = divmod(number, 58)
        digits.append(_BASE58[digit])
    return "".join(reversed(digits))


def _from_short(text: str) -> ImageId | None:
    number = 0
    for character in text:
        if character not in _DIGITS:
            return None
        number = number * 58 + _DIGITS[character]
    return _spell(number) if number < 1 << RANDOM_BITS else None


def _spell(number: int) -> ImageId:
    digest = blake2b(number.to_bytes(9, "big"), digest_size=8, person=b"chitram image id").digest()
    custom = (number << _CHECK_BITS) | (int.from_bytes(digest, "big") >> (64 - _CHECK_BITS))
    high, middle, low = custom >> 74, (custom >> 62) & 0xFFF, custom & ((1 << 62) - 1)
    return ImageId(str(UUID(int=(high << 80) | (8 << 76) | (middle << 64) | (2 << 62) | low)))


def _random_part(image_id: str) -> int:
    whole = UUID(image_id).int
    custom = ((whole >> 80) << 74) | (((whole >> 64) & 0xFFF) << 62) | (whole & ((1 << 62) - 1))
    return custom >> _CHECK_BITS
