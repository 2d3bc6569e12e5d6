"""Passwords are hashed with argon2, and compared also for a name that nobody has."""

from __future__ import annotations

from typing import Literal

from argon2 import PasswordHasher, extract_parameters

from kasir.people.passwords import Passwords, made

PASSWORDS = Passwords(2)


async def test_a_password_is_right_only_for_its_own_hash() -> None:
    hashed = await PASSWORDS.hashed("a right password")

    assert "a right password" not in hashed
    assert await PASSWORDS.is_right(hashed, "a right password")
    assert not await PASSWORDS.is_right(hashed, "a wrong password")
    assert not await PASSWORDS.is_right("no hash at all", "a right password")


async def test_a_hash_costs_what_the_library_recommends() -> None:
    hashed = await PASSWORDS.hashed("a right password")

    assert extract_parameters(hashed).memory_cost >= PasswordHasher().memory_cost


async def test_a_password_of_nobody_is_compared_with_a_hash_and_is_wrong() -> None:
    compared: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002  # argon2's.
            compared.append(str(hash))
            return super().verify(hash, password)

    passwords = Passwords(1, Watched(time_cost=1, memory_cost=8, parallelism=1))

    assert not await passwords.is_right(None, "anything")
    assert len(compared) == 1


def test_a_made_password_is_long_and_another_each_time() -> None:
    assert len(made()) >= 20
    assert made() != made()
