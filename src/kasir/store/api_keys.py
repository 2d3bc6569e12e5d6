"""The API keys with which shops call Kasir. Only the hash of an API key is stored."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from kasir.clock import Clock
from kasir.errors import SettingError
from kasir.store.database import Pool, queries

SQL: Final = queries("api_keys")


#: The prefix of an API key of a stored account; the account's tag and another period follow. Other
#: API keys that Kasir creates have no period.
_TAGGED: Final = "kasir."


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The name of an API key, and when the API key was created."""

    name: str
    created_at: datetime


def tag_of_key(key: str) -> str:
    """Return the tag of the stored account that an API key is for; empty if it has none."""
    tag, period, _ = key.removeprefix(_TAGGED).partition(".")
    return tag if period and key.startswith(_TAGGED) else ""


async def create(pool: Pool, name: str, now: datetime, tag: str = "") -> str:
    """Create an API key and return it; afterwards only its hash is known.

    Args:
        pool: The account's tables.
        name: The API key's name.
        now: The time.
        tag: The tag of a stored account, which becomes a part of the API key.

    Raises:
        SettingError: An API key with that name exists.
    """
    key = f"{f'{_TAGGED}{tag}.' if tag else 'kasir_'}{secrets.token_urlsafe(32)}"
    if not await SQL.add_api_key(pool, hash=_hash(key), name=name, now=now):
        raise SettingError("NAME", f"there is a key named {name!r} already; choose another name")
    return key


async def listed(pool: Pool) -> list[ApiKey]:
    """Return the API keys that were created, sorted by name."""
    return [ApiKey(row["name"], row["created_at"]) async for row in SQL.api_keys(pool)]


async def withdraw(pool: Pool, name: str) -> None:
    """Remove an API key, so that its name can be used again.

    Raises:
        SettingError: There is no API key with that name.
    """
    if not await SQL.remove_api_key(pool, name=name):
        raise SettingError("NAME", f"there is no key named {name!r}")


class ApiKeys:
    """Checks API keys: the API key in the settings, and API keys of `kasir apikey create`.

    A valid API key is accepted without another query for the time `remembered`. So a server may
    accept a removed API key for that long.
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
        """Whether the API key is valid. Hashes are compared, so the time reveals no API key."""
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
