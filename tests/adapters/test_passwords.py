"""Passwords: slow on purpose, and a flood of them is refused."""

import asyncio

import pytest
from argon2 import PasswordHasher

from chitram.adapters.passwords import MOST_WAITING, Argon2Passwords
from chitram.domain.errors import ServiceUnavailable


@pytest.fixture
def passwords():
    """With cheap hashes."""
    made = Argon2Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    yield made
    made.close()


async def test_a_password_matches_its_hash_alone(passwords):
    """Whatever its script and length."""
    stored = await passwords.hash("చిత్రం" * 20)
    assert await passwords.matches("చిత్రం" * 20, stored)
    assert not await passwords.matches("చిత్రం" * 19, stored)
    assert not await passwords.matches("", stored)


@pytest.mark.parametrize("stored", [None, "", "not a hash"])
async def test_without_a_usable_hash_nothing_matches(passwords, stored):
    """The same work is done all the same."""
    assert not await passwords.matches("nobody's password", stored)


async def test_the_work_for_an_unknown_account_is_that_of_a_known_one(passwords, monkeypatch):
    """Counted in verifications, not in seconds."""
    verified: list[str] = []
    stored = await passwords.hash("right")
    verify = passwords._hasher.verify
    monkeypatch.setattr(passwords, "_hasher", Counting(passwords._hasher, verified, verify))
    await passwords.matches("wrong", stored)
    await passwords.matches("wrong", None)
    assert len(verified) == 2


class Counting:
    """A hasher that notes what it verifies."""

    def __init__(self, hasher, verified, verify) -> None:
        self.hash = hasher.hash
        self._verified = verified
        self._verify = verify

    def verify(self, stored: str, password: str) -> bool:
        """Note and go on."""
        self._verified.append(stored)
        return bool(self._verify(stored, password))


async def test_a_flood_is_refused_and_leaves_room_again(passwords):
    """A 503 for those beyond the queue, an answer for those in it."""
    stored = await passwords.hash("right")
    asked = (passwords.matches("right", stored) for _ in range(MOST_WAITING + 10))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers.count(True) == MOST_WAITING
    assert sum(isinstance(answer, ServiceUnavailable) for answer in answers) == 10
    assert await passwords.matches("right", stored)
