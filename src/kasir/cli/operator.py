"""The small commands: migrations, API keys, notifications, the relay, failed jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import msgspec

from kasir.cli.start import database_shown, print_status
from kasir.clock import SystemClock
from kasir.config import database_settings_from, secrets_from
from kasir.errors import SettingError
from kasir.jobs import engine, failed
from kasir.jobs.failed import FailedJob
from kasir.jobs.schema import bring_up_to_date
from kasir.limits import Limits
from kasir.store import accounts, api_keys, database, relay
from kasir.store.api_keys import ApiKey
from kasir.store.database import Pool
from kasir.store.inbox import NoticeState
from kasir.store.schemas import schema_pool
from kasir.store.vault import Vault
from kasir.webhooks import notices
from kasir.webhooks.notices import KeptNotice, Notices
from kasir.wiring import database_of

Row = TypeVar("Row")

#: Why a notice is not read again, by its state.
_NOT_REPLAYED: Final = {
    NoticeState.READ: "was read already, and is not changed",
    NoticeState.UNREAD: "will be read already, and is not changed",
}


async def migrate() -> None:
    """Apply new migrations and print their names."""
    async with opened() as (_, applied):
        print("\n".join(applied) if applied else "up to date")


async def create_key(name: str, account: str | None = None) -> None:
    """Create an API key of an account and print it.

    Raises:
        SettingError: There is a key of that name, or no such account.
    """
    if not name.strip():
        raise SettingError("NAME", "give the key a name")
    async with opened(account) as (pool, _):
        tag = accounts.tag_of(account) if account else ""
        print(await api_keys.create(pool, name, SystemClock().now(), tag))


async def list_keys(account: str | None, *, as_json: bool) -> None:
    """Print the names of the keys of an account."""
    async with opened(account) as (pool, _):
        rows = await api_keys.listed(pool)
    table(rows, _key_line, "keys", as_json=as_json)


def _key_line(key: ApiKey) -> str:
    return f"{key.created_at.isoformat(timespec='seconds')}  {key.name}"


async def withdraw_key(name: str, account: str | None = None) -> None:
    """Withdraw an API key.

    Raises:
        SettingError: There is no key of that name, or no such account.
    """
    async with opened(account) as (pool, _):
        await api_keys.withdraw(pool, name)
    print(f"{name} is withdrawn")


async def list_notices(state: str, most: int, account: str | None = None, *, as_json: bool) -> None:
    """Print the notices in a state, newest first."""
    vault = Vault(secrets_from())
    async with opened(account) as (pool, _):
        print_status(f"notices of {database_shown(database_settings_from())}")
        rows = await Notices(pool, vault).listed(NoticeState(state), most)
    table(rows, _line, state, as_json=as_json)


def table(rows: Sequence[Row], line: Callable[[Row], str], what: str, *, as_json: bool) -> None:
    """Print one line for each row, then the number of rows with `what`; or all rows as JSON."""
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        print(line(row))
    print(f"{len(rows)} {what}")


def _line(notice: KeptNotice) -> str:
    when = notice.received_at.isoformat(timespec="seconds")
    success = "" if notice.success is None else str(notice.success).lower()
    named = f"{notice.psp_reference:<16} {notice.merchant_reference}"
    details = " ".join(filter(None, (notice.payment_id, notice.why)))
    code = f"{notice.event_code:<24} {success:<5}"
    return f"{notice.id:>8}  {when}  {code} {named}  {details}".rstrip()


async def replay_notices(ids: Sequence[int], account: str | None = None) -> None:
    """Let the worker read notices again; print the ids of those that it will not read.

    Raises:
        SettingError: There is no notice with one of the ids; then no notice is read again.
    """
    async with opened(account) as (pool, _):
        states = await notices.states(pool, ids or await notices.held(pool))
        if unknown := [str(notice_id) for notice_id in ids if notice_id not in states]:
            cure = f"there is no notice {', '.join(unknown)}"
            raise SettingError("IDS", f"{cure}; `kasir notices --state` lists them by state")
        replayed = {*await notices.replay(pool, [*states], engine.enqueue_reading)}
    print(f"{len(replayed)} to be read again")
    for notice_id, state in states.items():
        if notice_id not in replayed:
            print(f"{notice_id} {_NOT_REPLAYED[state]}")


async def list_failed_jobs(most: int, account: str | None = None, *, as_json: bool) -> None:
    """Print the jobs that failed."""
    async with opened(account) as (pool, _):
        rows = await failed.failed(pool, most)
    table(rows, _job_line, "failed", as_json=as_json)


def _job_line(job: FailedJob) -> str:
    when, about = job.failed_at.isoformat(timespec="seconds"), f"{job.job:<12} {job.about}"
    return f"{job.id:>8}  {when}  {about}  tried {job.tries}  {job.error}".rstrip()


async def retry_jobs(ids: Sequence[int], account: str | None = None) -> None:
    """Let the worker run failed jobs again, and print how many.

    Raises:
        NotFound: One of `ids` is not a failed job; then no job is run again.
    """
    async with opened(account) as (pool, _):
        count = await failed.retry(pool, ids)
    print(f"{count} to be run again")


async def drop_relayed(
    ids: Sequence[int], account: str | None = None, *, all_waiting: bool
) -> None:
    """Remove notices from the relay's queue, and print how many.

    Raises:
        SettingError: Neither ids nor `all_waiting` was given, or both were, or there is no such
            account.
    """
    if bool(ids) is all_waiting:
        raise SettingError("IDS", "give the ids of notifications, or --all")
    async with opened(account) as (pool, _):
        now, batch_max = SystemClock().now(), Limits().clean_batch_max
        count = await relay.drop(pool, ids, now, batch_max=batch_max)
    print(f"{count} removed from the relay's queue")


@asynccontextmanager
async def opened(account: str | None = None) -> AsyncIterator[tuple[Pool, list[str]]]:
    """Open the database and migrate it.

    Args:
        account: The account whose tables are used; None for that of the environment.

    Yields:
        The pool, and the migrations that were applied.

    Raises:
        SettingError: There is no such account in the database.
    """
    limits = Limits()
    with database_of(database_settings_from()) as dsn:
        applied = await bring_up_to_date(dsn, limits)
        async with database.connected(dsn, 2, limits) as pool:
            if account is None:
                yield pool, applied
                return
            if account not in await accounts.tables(pool):
                cure = f"there is no account {account!r} in the database"
                raise SettingError("--account", f"{cure}; `kasir account list` lists them")
            yield schema_pool(pool, accounts.schema_of(account), 2), applied
