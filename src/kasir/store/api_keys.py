"""The keys shops call Kasir with. Only a hash of each is kept."""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final

from kasir.errors import SettingError
from kasir.store.database import Pool, queries

SQL: Final = queries("api_keys")


async def create(pool: Pool, name: str, now: datetime) -> str:
    """Make a key and give it, this once; afterwards only its hash is known.

    Raises:
        SettingError: A key of that name exists.
    """
    key = f"kasir_{secrets.token_urlsafe(32)}"
    if not await SQL.add_api_key(pool, hash=_hash(key), name=name, now=now):
        raise SettingError("NAME", f"there is a key named {name!r} already; choose another name")
    return key


class ApiKeys:
    """Who may call: the key of the settings, and those made with `kasir apikey create`."""

    def __init__(self, pool: Pool, own_key: str | None) -> None:
        self._pool = pool
        self._known = {_hash(own_key)} if own_key else set()

    async def admits(self, key: str) -> bool:
        """Whether the key is one of ours. Hashes are compared, so timing tells nothing of it."""
        hashed = _hash(key)
        if hashed in self._known:
            return True
        if await SQL.api_key_name(self._pool, hash=hashed) is None:
            return False
        self._known.add(hashed)
        return True


def _hash(key: str) -> bytes:
    return sha256(key.encode(errors="replace")).digest()
