"""`kasir account`: adds, lists, changes and disables merchant accounts in the database.

Their settings are secret, so they come from the environment or from standard input, and never from
the command line, which other users of the machine can read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from kasir.account_settings import check_names, settings_of
from kasir.cli.operator import table
from kasir.clock import SystemClock
from kasir.config import Settings, settings_from
from kasir.errors import SettingError
from kasir.jobs.schema import TABLES, bring_up_to_date
from kasir.store import accounts, database
from kasir.store.accounts import Account
from kasir.store.database import Pool
from kasir.store.vault import Vault
from kasir.wiring import database_of

#: The longest code of a merchant account that is accepted.
_NAME_LETTERS_MAX: Final = 80


class ShownAccount(msgspec.Struct, rename="camel", kw_only=True):
    """An account as the operator sees it: the names of its settings, never their values."""

    name: str
    state: str
    schema: str
    settings: list[str]


async def add_account(name: str, variables: Sequence[str], *, is_from_stdin: bool) -> None:
    """Add an account, with its tables.

    Raises:
        SettingError: A setting is missing or malformed, or there is such an account already.
    """
    given = _given(variables, is_from_stdin=is_from_stdin)
    async with _opened() as (settings, pool, vault, dsn):
        _check(settings, name, given, await accounts.accounts(pool, vault))
        await accounts.add(pool, vault, name, given, SystemClock().now())
        await bring_up_to_date(dsn, settings.limits)
    print(f"{name} is added; its tables are in the schema {accounts.schema_of(name)}")


async def change_account(
    name: str,
    variables: Sequence[str],
    *,
    is_from_stdin: bool,
    unset: Sequence[str],
    is_enabled: bool | None,
) -> None:
    """Change settings of an account; those not given stay as they are.

    All are encrypted with the current KASIR_SECRET_KEY, also if none changes.

    Raises:
        SettingError: A setting is malformed, or there is no such account, or its settings cannot be
            decrypted.
    """
    given = _given(variables, is_from_stdin=is_from_stdin)
    async with _opened() as (settings, pool, vault, _):
        known = {account.name: account for account in await accounts.accounts(pool, vault)}
        before = known.get(name)
        changed = {**(before.opened() if before else {}), **given}
        changed = {key: text for key, text in changed.items() if key not in unset}
        if before:
            others = [account for account in known.values() if account.name != name]
            _check(settings, name, changed, others)
        enabled = before.is_enabled if before and is_enabled is None else bool(is_enabled)
        now = SystemClock().now()
        await accounts.change(pool, vault, name, changed, now, is_enabled=enabled)
    print(f"{name} is changed; servers and workers use the change within seconds")


async def disable_account(name: str) -> None:
    """Stop serving an account; its notifications are still kept.

    Its settings are not read, because they may be the reason.

    Raises:
        SettingError: There is no such account.
    """
    async with _opened() as (_, pool, _, _):
        await accounts.disable(pool, name, SystemClock().now())
    print(f"{name} is disabled; servers and workers use the change within seconds")


async def list_accounts(*, as_json: bool) -> None:
    """Print all accounts, with the names of their settings."""
    async with _opened() as (settings, pool, vault, _):
        rows = [_default(settings), *map(_shown, await accounts.accounts(pool, vault))]
    table(rows, _line, "accounts", as_json=as_json)


def _default(settings: Settings) -> ShownAccount:
    name = settings.merchant_account
    return ShownAccount(name=name, state="environment", schema="", settings=[])


def _shown(account: Account) -> ShownAccount:
    state = "enabled" if account.is_enabled else "disabled"
    if account.tables != TABLES:
        state += ", run `kasir migrate`"
    if account.variables is None:
        state += ", no KASIR_SECRET_KEY opens its settings"
    return ShownAccount(
        name=account.name,
        state=state,
        schema=account.schema,
        settings=sorted(account.variables or ()),
    )


def _line(account: ShownAccount) -> str:
    settings = " ".join(account.settings)
    return f"{account.name:<32} {account.state:<12} {account.schema:<16} {settings}".rstrip()


def _given(variables: Sequence[str], *, is_from_stdin: bool) -> dict[str, str]:
    """The settings that the operator gives: variables of the environment, and lines of stdin.

    Raises:
        SettingError: A variable is not set, a line is malformed, or a name is no setting.
    """
    check_names(dict.fromkeys(variables, ""))
    given = {}
    for name in variables:
        if not (text := os.environ.get(name, "").strip()):
            raise SettingError(name, "is not set in the environment")
        given[name] = text
    if is_from_stdin:
        given |= dict(_pair(line) for line in sys.stdin if line.strip())
    check_names(given)
    return given


def _pair(line: str) -> tuple[str, str]:
    name, equals, text = line.strip().partition("=")
    if not equals or not text.strip():
        raise SettingError("--from-stdin", "each line must be NAME=VALUE")
    return name.strip(), text.strip()


def _check(
    common: Settings, name: str, variables: Mapping[str, str], others: Sequence[Account]
) -> None:
    """Refuse settings of an account that cannot be used, or that another account has.

    Raises:
        SettingError: The name or a setting is refused.
    """
    if not name.strip() or name != name.strip() or len(name) > _NAME_LETTERS_MAX:
        raise SettingError("NAME", "give the merchant account's code")
    if name == common.merchant_account:
        raise SettingError("NAME", f"{name!r} is the account of the environment already")
    settings_of(common, name, variables)
    key = variables.get("KASIR_API_KEY")
    known = [other.variables or {} for other in others]
    taken = {common.api_key, *(each.get("KASIR_API_KEY") for each in known)}
    if key and key in taken:
        raise SettingError("KASIR_API_KEY", "is the key of another account; each needs its own")


@asynccontextmanager
async def _opened() -> AsyncIterator[tuple[Settings, Pool, Vault, str]]:
    """Open the database: the environment's settings, the pool, what seals, and the DSN."""
    settings = settings_from()
    with database_of(settings) as dsn:
        await bring_up_to_date(dsn, settings.limits)
        async with database.connected(dsn, 2, settings.limits) as pool:
            yield settings, pool, Vault(settings.secrets), dsn
