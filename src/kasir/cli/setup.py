"""`kasir setup`: shows what Adyen's account lacks and what will be done, asks, and does it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from kasir.account_settings import settings_of
from kasir.adyen.environments import Environment
from kasir.clock import SystemClock
from kasir.config import Settings, settings_from
from kasir.errors import SettingError
from kasir.gateway.management import Management
from kasir.gateway.wire import Wire
from kasir.jobs.schema import bring_up_to_date
from kasir.setup.applying import Applying
from kasir.setup.key_stores import AccountKeyStore, EnvironmentKeyStore, KeyStore
from kasir.setup.looking import look, wanted_of
from kasir.setup.model import Line, Plan, State
from kasir.setup.plan import plan
from kasir.store import accounts, database
from kasir.store.database import Pool
from kasir.store.schemas import schema_pool
from kasir.store.vault import Vault
from kasir.wiring import database_of

#: The most connections to the database.
_CONNECTIONS_MAX: Final = 4
#: Stands for ADYEN_LIVE_PREFIX while it is not known; `kasir setup` finds it out.
_NO_PREFIX: Final = "unknown"


@dataclass(frozen=True, slots=True)
class _Opened:
    """An account: its settings, its tables, and where a new key is stored."""

    settings: Settings
    pool: Pool
    key_store: KeyStore


class _Report(msgspec.Struct):
    """What `--json` prints."""

    found: Sequence[Line]
    steps: Sequence[dict[str, str]]
    done: Sequence[Line]
    is_well: bool


async def setup(
    environ: Mapping[str, str],
    account: str | None,
    *,
    is_agreed: bool,
    is_shown_only: bool,
    as_json: bool,
) -> int:
    """Set up an account at Adyen; return the exit code, 1 if something remains wrong.

    Args:
        environ: The environment's settings.
        account: An account of the database; None for that of the environment.
        is_agreed: Whether to do it without asking.
        is_shown_only: Whether to do nothing, also if it is agreed.
        as_json: Whether to print JSON.

    Raises:
        SettingError: A setting is missing or malformed, or there is no such account.
    """
    async with _opened(environ, account) as opened, Wire.of(opened.settings) as wire:
        settings, clock = opened.settings, SystemClock()
        management = Management(wire, settings.merchant_account)
        wanted = await wanted_of(settings, opened.pool, clock.now())
        made = plan(await look(wire, management, settings), wanted)
        if not as_json:
            _show(made)
        done: list[Line] = []
        if made.steps and not is_shown_only and (is_agreed or await _is_agreed(as_json)):
            applying = Applying(
                management, opened.pool, opened.key_store, clock, settings.limits, wanted
            )
            async for line in applying.apply(made):
                done.append(line)
                if not as_json:
                    _print(line.state, f"{line.what}: {line.says}")
    is_well = _is_well(made, done)
    if as_json:
        steps = [{"kind": step.kind, "says": step.says} for step in made.steps]
        print(msgspec.json.encode(_Report(made.lines, steps, done, is_well)).decode())
    return 0 if is_well else 1


def _is_well(made: Plan, done: Sequence[Line]) -> bool:
    """Whether everything was done, and nothing is known to be wrong."""
    is_faulty = any(line.state is State.FAULT for line in (*made.lines, *done))
    return len(done) == len(made.steps) and not is_faulty


def _show(made: Plan) -> None:
    for line in made.lines:
        _print(line.state, f"{line.what}: {line.says}")
    for step in made.steps:
        _print(State.TO_DO, step.says)


def _print(state: State, text: str) -> None:
    print(f"{state:<4}  {text}", flush=True)


async def _is_agreed(as_json: bool) -> bool:
    """Whether a person agrees; nobody does where there is no terminal, or to JSON."""
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        # In a thread, so that connections which Adyen closes meanwhile are noticed.
        answer = await asyncio.to_thread(input, "Do this? [y/N] ")
    except EOFError:
        print(flush=True)
        return False
    return answer.strip().lower() in {"y", "yes"}


@asynccontextmanager
async def _opened(environ: Mapping[str, str], account: str | None) -> AsyncIterator[_Opened]:
    """Open the database and choose the account.

    Raises:
        SettingError: A setting is missing or malformed, or there is no such account.
    """
    common = _settings(environ)
    vault = Vault(common.secrets)
    with database_of(common) as dsn:
        await bring_up_to_date(dsn, common.limits)
        async with database.connected(dsn, _CONNECTIONS_MAX, common.limits) as pool:
            if account in (None, common.merchant_account):
                yield _Opened(common, pool, EnvironmentKeyStore(vault))
                return
            known = {one.name: one for one in await accounts.accounts(pool, vault)}
            if account not in known:
                cure = f"there is no account {account!r}; `kasir account list` lists them"
                raise SettingError("--account", cure)
            chosen = known[account]
            settings = settings_of(common, chosen.name, chosen.opened())
            own = schema_pool(pool, chosen.schema, _CONNECTIONS_MAX)
            yield _Opened(settings, own, AccountKeyStore(vault, chosen.name))


def _settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings. ADYEN_LIVE_PREFIX may be missing, because Adyen shows it.

    Raises:
        SettingError: A setting is missing or malformed.
    """
    if environ.get("ADYEN_ENVIRONMENT") != Environment.LIVE or environ.get("ADYEN_LIVE_PREFIX"):
        return settings_from(environ)
    settings = settings_from({**environ, "ADYEN_LIVE_PREFIX": _NO_PREFIX})
    return replace(settings, environ={**settings.environ, "ADYEN_LIVE_PREFIX": ""})
