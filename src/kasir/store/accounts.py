"""Stored accounts: merchant accounts whose settings are in the database.

Each stored account has its tables in a separate schema. The merchant account of the environment is
not stored: its tables are in the schema of the session's search path (`public`). The control table
`kasir_accounts.account` lists the stored accounts. Its schema is created with the first stored
account, so a shop with one merchant account needs no right to create schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from typing import Final

import msgspec

from kasir.errors import SettingError
from kasir.store.database import Connection, Pool, queries, transaction
from kasir.store.vault import Vault

SQL: Final = queries("accounts")

#: The number of an advisory lock that no other program uses: "kasir" in ASCII, then 2.
_LOCK: Final = 0x6B61_7369_7202
#: The hexadecimal digits of a tag.
_TAG_DIGITS: Final = 8
_FOLDER: Final = files("kasir.store") / "account_migrations"


@dataclass(frozen=True, slots=True)
class Account:
    """A stored account.

    Attributes:
        name: The merchant account's code at Adyen.
        tag: The short name: a part of the ids of links, of API keys and of the schema's name.
        variables: The settings, as environment variables. Some are secret. None if no key in
            KASIR_SECRET_KEY decrypts them.
        is_enabled: Whether Kasir serves the account. Notifications of other accounts are stored
            too.
        tables: The version of the account's tables; empty before they exist.
        created_at: When the account was added.
    """

    name: str
    tag: str
    variables: Mapping[str, str] | None = field(repr=False)
    is_enabled: bool
    tables: str
    created_at: datetime

    @property
    def schema(self) -> str:
        """The name of the schema of the account's tables."""
        return schema_of(self.name)

    def opened(self) -> Mapping[str, str]:
        """Return the account's settings.

        Raises:
            SettingError: The settings cannot be decrypted.
        """
        if self.variables is None:
            cure = "cannot decrypt the account's settings; give the earlier key as the second one"
            raise SettingError("KASIR_SECRET_KEY", cure)
        return self.variables


def tag_of(name: str) -> str:
    """Return the tag of an account, which depends only on the name."""
    return sha256(name.encode()).hexdigest()[:_TAG_DIGITS]


def schema_of(name: str) -> str:
    """Return the name of an account's schema, which is also the channel of its new jobs."""
    return f"kasir_{tag_of(name)}"


async def state(pool: Pool) -> str:
    """Return a text that is different after every change of a stored account; empty without any."""
    return str(await SQL.state(pool)) if await SQL.is_made(pool) else ""


async def accounts(pool: Pool | Connection, vault: Vault) -> list[Account]:
    """Return all stored accounts, sorted by name; `vault` decrypts their settings."""
    if not await SQL.is_made(pool):
        return []
    return [
        Account(
            name=row["name"],
            tag=row["tag"],
            variables=_opened(vault, row["settings"]),
            is_enabled=row["is_enabled"],
            tables=row["tables"],
            created_at=row["created_at"],
        )
        async for row in SQL.accounts(pool)
    ]


async def add(
    pool: Pool, vault: Vault, name: str, variables: Mapping[str, str], now: datetime
) -> None:
    """Add a stored account, with an empty schema.

    Raises:
        SettingError: There is an account of that name.
    """
    async with transaction(pool) as connection:
        await _make_control_table(connection)
        tag, sealed = tag_of(name), _sealed(vault, variables)
        if not await SQL.add(connection, name=name, tag=tag, settings=sealed, now=now):
            raise SettingError("NAME", f"there is an account {name!r} already; change it instead")
        await connection.execute(f"CREATE SCHEMA {schema_of(name)}")


async def change(
    pool: Pool | Connection,
    vault: Vault,
    name: str,
    variables: Mapping[str, str],
    now: datetime,
    *,
    is_enabled: bool,
) -> None:
    """Replace the settings of an account.

    Raises:
        SettingError: There is no account of that name.
    """
    sealed = _sealed(vault, variables)
    changed = await SQL.is_made(pool) and await SQL.change(
        pool, name=name, settings=sealed, is_enabled=is_enabled, now=now
    )
    if not changed:
        raise _no_account(name)


async def disable(pool: Pool, name: str, now: datetime) -> None:
    """Disable an account, also one whose settings cannot be decrypted.

    Raises:
        SettingError: There is no account of that name.
    """
    if not (await SQL.is_made(pool) and await SQL.disable(pool, name=name, now=now)):
        raise _no_account(name)


def _no_account(name: str) -> SettingError:
    return SettingError("NAME", f"there is no account {name!r}; `kasir account list` lists them")


async def tables(pool: Pool) -> dict[str, str]:
    """Return the version of the tables of each stored account, by the account's name."""
    if not await SQL.is_made(pool):
        return {}
    return {row["name"]: row["tables"] async for row in SQL.accounts(pool)}


async def set_tables(pool: Pool, name: str, tables: str) -> None:
    """Record the version of an account's tables."""
    await SQL.set_tables(pool, name=name, tables=tables)


async def migrate_control_table(pool: Pool) -> None:
    """Upgrade the control table, if there is one."""
    if await SQL.is_made(pool):
        async with transaction(pool) as connection:
            await _make_control_table(connection)


def _opened(vault: Vault, sealed: bytes) -> dict[str, str] | None:
    try:
        return msgspec.json.decode(vault.open(sealed), type=dict[str, str])
    except SettingError:
        return None


def _sealed(vault: Vault, variables: Mapping[str, str]) -> bytes:
    return vault.seal(msgspec.json.encode(dict(variables)))


async def _make_control_table(connection: Connection) -> None:
    """Create or upgrade the control table, in the caller's transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    await connection.execute("CREATE SCHEMA IF NOT EXISTS kasir_accounts")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS kasir_accounts.migration"
        " (name text PRIMARY KEY, at timestamptz NOT NULL)"
    )
    rows = await connection.fetch("SELECT name FROM kasir_accounts.migration")
    done = {row["name"] for row in rows}
    for name in sorted(entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(".sql")):
        if name not in done:
            await connection.execute((_FOLDER / name).read_text("utf-8"))
            await connection.execute(
                "INSERT INTO kasir_accounts.migration VALUES ($1, now())", name
            )
