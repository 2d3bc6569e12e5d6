"""The HMAC keys of the standard webhook that `kasir setup` lets Adyen generate; encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kasir.errors import SettingError
from kasir.store.database import Connection, Pool, queries
from kasir.store.vault import Vault

SQL: Final = queries("webhook_keys")


@dataclass(frozen=True, slots=True)
class AskedKey:
    """The last key that Adyen was asked for.

    Attributes:
        webhook_id: The webhook that it signs.
        is_kept: Whether Adyen's answer came and was stored.
        check_value: The webhook's `hmacKeyCheckValue` with this key; None if it was not read.
    """

    webhook_id: str
    is_kept: bool
    check_value: str | None


async def last_asked(pool: Pool) -> AskedKey | None:
    """Return the last key that Adyen was asked for; None if it never was."""
    row = await SQL.last_asked(pool)
    return AskedKey(row["webhook_id"], row["is_kept"], row["check_value"]) if row else None


async def keys(pool: Pool, vault: Vault) -> tuple[bytes, ...]:
    """Return the last key and the one before it, but those that no secret decrypts."""
    found = []
    async for row in SQL.sealed_keys(pool):
        try:
            found.append(vault.open(row["key"]))
        except SettingError:
            continue  # Sealed with a secret that is no longer given.
    return tuple(found)


async def ask(pool: Pool, webhook_id: str, now: datetime) -> int:
    """Record that Adyen will be asked for a key; return the record's id."""
    return int(await SQL.ask(pool, webhook_id=webhook_id, now=now))


async def withdraw(pool: Pool, key_id: int) -> None:
    """Remove the record of a key that Adyen refused to generate."""
    await SQL.withdraw(pool, id=key_id)


async def keep(connection: Connection, key_id: int, sealed: bytes | None, now: datetime) -> None:
    """Store Adyen's answer, in the caller's transaction; `sealed` is None if the key is elsewhere.

    The key before it is still accepted; those before that are removed.
    """
    await SQL.keep(connection, id=key_id, key=sealed, now=now)
    await SQL.forget(connection)


async def note_check_value(pool: Pool, key_id: int, value: str) -> None:
    """Record the webhook's `hmacKeyCheckValue` with this key."""
    await SQL.note_check_value(pool, id=key_id, check_value=value)


async def last_notice_id(pool: Pool) -> int:
    """Return the id of the newest notice; 0 if there is none."""
    return int(await SQL.last_notice_id(pool))


async def is_stored(pool: Pool, psp_reference: str, event_date: datetime) -> bool:
    """Whether a standard notification with this pspReference and this date is stored."""
    return bool(await SQL.is_stored(pool, name=psp_reference, event_date=event_date))
