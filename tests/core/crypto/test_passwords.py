"""Passwords: slow to guess, bounded in what they cost, and silent about who has an account."""

import asyncio

import pytest
from argon2 import PasswordHasher

from fondaco_core import limits
from fondaco_core.crypto.hashing import (
    PasswordsBusy,
    PasswordTooLong,
    hash_password,
    needs_rehash,
    verify_password,
)
from fondaco_core.errors import Bug
from fondaco_core.secret import Secret


async def test_the_right_password_verifies_and_a_wrong_one_does_not() -> None:
    stored = await hash_password(Secret("correct horse battery staple"))

    assert stored.startswith(f"$argon2id$v=19$m={limits.PASSWORD_MEMORY_KIB},t=2,p=1$")
    assert await verify_password(stored, Secret("correct horse battery staple"))
    assert not await verify_password(stored, Secret("correct horse battery stapl"))
    assert not await verify_password(stored, Secret(""))


async def test_one_password_is_stored_differently_every_time() -> None:
    assert await hash_password(Secret("same")) != await hash_password(Secret("same"))


@pytest.mark.parametrize("password", ["", "guess", "A" * 43])
async def test_an_unknown_user_has_no_password(password: str) -> None:
    assert not await verify_password(None, Secret(password))


async def test_an_unknown_user_costs_the_same_work_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    verify = PasswordHasher.verify

    def watched(self: PasswordHasher, stored: str, password: bytes) -> bool:
        seen.append(stored)
        return verify(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    stored = await hash_password(Secret("known"))

    await verify_password(stored, Secret("wrong"))
    await verify_password(None, Secret("wrong"))

    known, unknown = (text.split("$")[1:4] + [str(len(part)) for part in text.split("$")[4:]] for text in seen)
    assert known == unknown


async def test_composed_and_decomposed_letters_are_one_password() -> None:
    stored = await hash_password(Secret("caf\u00e9"))

    assert await verify_password(stored, Secret("cafe\u0301"))


async def test_a_password_beyond_the_limit_is_refused_and_never_matches() -> None:
    longest = "x" * limits.PASSWORD_BYTES_MAX
    stored = await hash_password(Secret(longest))

    with pytest.raises(PasswordTooLong, match=str(limits.PASSWORD_BYTES_MAX)) as caught:
        await hash_password(Secret(longest + "x"))

    assert caught.value.code == "PASSWORD_TOO_LONG"
    assert await verify_password(stored, Secret(longest))
    assert not await verify_password(stored, Secret(longest + "x"))


async def test_a_weaker_hash_asks_to_be_renewed() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash("old")

    assert needs_rehash(weak)
    assert await verify_password(weak, Secret("old"))
    assert not needs_rehash(await hash_password(Secret("old")))


async def test_a_broken_stored_hash_is_a_bug_and_not_a_wrong_password() -> None:
    with pytest.raises(Bug) as caught:
        await verify_password("$argon2id$nonsense", Secret("hunter2hunter2"))

    assert "hunter2" not in str(caught.value)


async def test_a_flood_is_refused_and_leaves_room_for_the_next() -> None:
    places = limits.PASSWORDS_AT_ONCE + limits.PASSWORDS_WAITING_MAX
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("right")

    answers = await asyncio.gather(
        *(verify_password(cheap, Secret("right")) for _ in range(places * 8)), return_exceptions=True
    )

    refused = [answer for answer in answers if isinstance(answer, PasswordsBusy)]
    assert 0 < len(refused) <= places * 7
    assert answers.count(True) == len(answers) - len(refused)
    assert await verify_password(cheap, Secret("right"))
