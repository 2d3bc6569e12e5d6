"""Adds people, changes their roles and passwords, disables them, and sets up second factors."""

from __future__ import annotations

import re
from typing import Final

from kasir.clock import Clock
from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.people import second_factor
from kasir.people.passwords import Passwords
from kasir.people.roles import Role
from kasir.store import people as store
from kasir.store.database import Pool, transaction
from kasir.store.people import ListedPerson, PersonRow
from kasir.store.vault import Vault

#: The fewest characters of a password, and the most that are hashed.
PASSWORD_LETTERS_MIN: Final = 12
_PASSWORD_LETTERS_MAX: Final = 200
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,79}", re.ASCII)


class Administration:
    """Administers people.

    Args:
        pool: The tables of the environment's account.
        vault: What seals the secrets of second factors.
        clock: The machine's clock.
        passwords: Hashes passwords.
    """

    def __init__(self, pool: Pool, vault: Vault, clock: Clock, passwords: Passwords) -> None:
        self._pool = pool
        self._vault = vault
        self._clock = clock
        self._passwords = passwords

    async def add(self, name: str, password: str, account: str, role: Role) -> None:
        """Add a person with a role in an account.

        Raises:
            InvalidRequest: The name is taken or malformed, or the password is too short.
        """
        name = checked_name(name)
        hashed = await self._hashed(password)
        async with transaction(self._pool) as connection:
            if not await store.add(connection, name, hashed, self._clock.now()):
                raise InvalidRequest([Fault("name", "is taken; choose another one.")])
            await store.set_role(connection, name, account, role)

    async def person(self, name: str) -> PersonRow:
        """Return a person.

        Raises:
            NotFound: There is no person of that name.
        """
        person = await store.person(self._pool, name.strip().lower())
        if person is None:
            raise NotFound("person", name)
        return person

    async def listed(self, account: str | None = None) -> list[ListedPerson]:
        """Return the people with a role in an account, or all people, by name."""
        return await store.listed(self._pool, account)

    async def set_role(self, name: str, account: str, role: Role) -> None:
        """Give a person a role in an account, instead of the one that they had in it."""
        await store.set_role(self._pool, name, account, role)

    async def remove_role(self, name: str, account: str) -> None:
        """Take away a person's role in an account."""
        await store.remove_role(self._pool, name, account)

    async def set_password(self, name: str, password: str, kept: bytes = b"") -> None:
        """Replace a person's password, and end their sessions.

        Args:
            name: The person's name.
            password: The new password.
            kept: The hash of the token of a session that does not end.

        Raises:
            InvalidRequest: The password is too short or too long.
        """
        hashed = await self._hashed(password)
        async with transaction(self._pool) as connection:
            await store.set_password(connection, name, hashed, kept)

    async def set_active(self, name: str, *, is_active: bool) -> None:
        """Let a person sign in, or refuse it and end their sessions."""
        async with transaction(self._pool) as connection:
            await store.set_active(connection, name, is_active=is_active)

    async def propose_second_factor(self, name: str) -> str:
        """Make a secret for a person's app; it is used after `confirm_second_factor`."""
        secret = second_factor.new_secret()
        await store.propose_totp(self._pool, name, self._vault.seal(secret.encode()))
        return secret

    async def confirm_second_factor(self, name: str, code: str) -> None:
        """Use the proposed secret from now on.

        Raises:
            InvalidRequest: The code is wrong.
        """
        person = await self.person(name)
        secret = self._vault.open(person.totp_pending).decode() if person.totp_pending else ""
        step = second_factor.step_of(secret, code, self._clock.now()) if secret else None
        if step is None or not await store.confirm_totp(self._pool, name, step):
            raise InvalidRequest([Fault("code", "is wrong; give the one that the app shows now.")])

    async def remove_second_factor(self, name: str) -> None:
        """Let a person sign in without a second factor."""
        await store.remove_totp(self._pool, name)

    async def _hashed(self, password: str) -> str:
        if not PASSWORD_LETTERS_MIN <= len(password) <= _PASSWORD_LETTERS_MAX:
            cure = f"give {PASSWORD_LETTERS_MIN} to {_PASSWORD_LETTERS_MAX} characters."
            raise InvalidRequest([Fault("password", cure)])
        return await self._passwords.hashed(password)


def checked_name(name: str) -> str:
    """Return a person's name in lower case.

    Raises:
        InvalidRequest: It is malformed.
    """
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        cure = "give letters, digits and . _ @ + - only, 80 characters at most."
        raise InvalidRequest([Fault("name", cure)])
    return name
