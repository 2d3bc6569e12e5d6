"""The API keys of Kasir. Only a hash of each is kept."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from kasir.clock import Clock
from kasir.errors import SettingError
from kasir.store.database import Pool, queries

SQL: Final = queries("api_keys")


async def create(pool: Pool, name: str, now: datetime) -> str:
    """Create a key and return it; afterwards only its hash is known.

    Raises:
        SettingError: A key of that name exists.
    """
    key = f"kasir_{secrets.token_urlsafe(32)}"
    if not await SQL.add_api_key(pool, hash=_hash(key), name=name, now=now):
        raise SettingError("NAME", f"there is a key named {name!r} already; choose another name")
    return key


async def withdraw(pool: Pool, name: str) -> None:
    """Remove a key, so that its name can be used again.

    Raises:
        SettingError: There is no key of that name.
    """
    if not await SQL.remove_api_key(pool, name=name):
        raise SettingError("NAME", f"there is no key named {name!r}")


class ApiKeys:
    """Which keys are valid: the key of the settings, and those made with `kasir apikey create`.

    A key that was valid is accepted without a query for the time `remembered`, so a server may
    accept a removed key for that long.
    """

    def __init__(
        self, pool: Pool, own_key: str | None, clock: Clock, remembered: timedelta
    ) -> None:
        self._pool = pool
        self._own = _hash(own_key) if own_key else b""
        self._clock = clock
        self._remembered = remembered
        self._known: dict[bytes, datetime] = {}

    async def admits(self, key: str) -> bool:
        """Whether the key is valid. Hashes are compared, so the timing does not reveal a key."""
        hashed = _hash(key)
        if hashed == self._own:
            return True
        now, seen = self._clock.now(), self._known.get(hashed)
        # When a test clock is set back, `seen` is in the future.
        if seen and seen <= now < seen + self._remembered:
            return True
        if await SQL.api_key_name(self._pool, hash=hashed) is None:
            self._known.pop(hashed, None)
            return False
        self._known[hashed] = now
        return True


def _hash(key: str) -> bytes:
    return sha256(key.encode(errors="replace")).digest()
