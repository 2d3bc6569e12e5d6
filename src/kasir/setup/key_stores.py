"""Where `kasir setup` stores a new HMAC key, so that the servers of the account find it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from kasir.adyen.signing import key_from_hex
from kasir.errors import SettingError
from kasir.store import accounts, webhook_keys
from kasir.store.database import Connection
from kasir.store.vault import Vault

_SETTING: Final = "ADYEN_HMAC_KEY"


class KeyStore(Protocol):
    """Stores a new HMAC key."""

    async def keep(self, connection: Connection, key_id: int, key: str, now: datetime) -> None:
        """Store a key, in the caller's transaction. The key before it is still accepted.

        Args:
            connection: The connection of the transaction, with the account's tables.
            key_id: The id of the key's record in `webhook_key`.
            key: The key, in hexadecimal.
            now: The time.
        """
        ...


@dataclass(frozen=True, slots=True)
class EnvironmentKeyStore:
    """Stores the key of the environment's account in its tables, beside ADYEN_HMAC_KEY."""

    vault: Vault

    async def keep(self, connection: Connection, key_id: int, key: str, now: datetime) -> None:
        """Store a key."""
        sealed = self.vault.seal(key_from_hex(key))
        await webhook_keys.keep(connection, key_id, sealed, now)


@dataclass(frozen=True, slots=True)
class AccountKeyStore:
    """Stores the key of an account of the database in that account's settings."""

    vault: Vault
    name: str

    async def keep(self, connection: Connection, key_id: int, key: str, now: datetime) -> None:
        """Store a key as the account's ADYEN_HMAC_KEY: `new,old`.

        Raises:
            SettingError: The account is gone, or no key of KASIR_SECRET_KEY opens its settings.
        """
        known = {one.name: one for one in await accounts.accounts(connection, self.vault)}
        account = known.get(self.name)
        if account is None:
            raise SettingError("--account", f"there is no account {self.name!r} any more")
        variables = dict(account.opened())
        earlier = variables.get(_SETTING, "").partition(",")[0]
        variables[_SETTING] = ",".join(filter(None, (key, earlier)))
        is_enabled = account.is_enabled
        await accounts.change(
            connection, self.vault, self.name, variables, now, is_enabled=is_enabled
        )
        await webhook_keys.keep(connection, key_id, None, now)
