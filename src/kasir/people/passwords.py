"""Passwords: made, hashed with argon2, and compared in the same time for every name."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: The length of a password that Kasir makes, in random bytes.
_MADE_BYTES: Final = 15


class Passwords:
    """Hashes and verifies passwords, a few at a time: each takes 64 MB and much of a processor.

    Args:
        at_once_max: How many at a time.
    """

    def __init__(self, at_once_max: int) -> None:
        self._hasher = PasswordHasher()
        self._slots = asyncio.Semaphore(at_once_max)
        self._nobodys = ""

    async def hashed(self, password: str) -> str:
        """Return the hash of a password, for the database."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def is_right(self, hashed: str | None, password: str) -> bool:
        """Whether a password has this hash. With None, for an unknown name, it takes as long."""
        if not self._nobodys:
            self._nobodys = await self.hashed(made())
        async with self._slots:
            is_same = await asyncio.to_thread(self._verify, hashed or self._nobodys, password)
        return is_same and hashed is not None

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


def made() -> str:
    """Make a password."""
    return secrets.token_urlsafe(_MADE_BYTES)
