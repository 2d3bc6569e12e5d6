"""The inbox: many requests share a commit, and each waits until its notices are committed."""

from __future__ import annotations

import asyncio
import secrets
from urllib.parse import urlsplit

import asyncpg
import pytest

from fakes import NOW
from kasir.errors import DatabaseUnavailable
from kasir.store.database import Pool
from kasir.store.inbox import Notice, NoticeKind
from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on


def notice(name: str) -> Notice:
    return Notice(
        key=name.encode(),
        kind=NoticeKind.STANDARD,
        item=f'{{"pspReference":"{name}"}}'.encode(),
        event_code="AUTHORISATION",
        names=(name,),
        received_at=NOW,
    )


def new_notices(count: int) -> list[Notice]:
    prefix = secrets.token_hex(6)
    return [notice(f"{prefix}-{number}") for number in range(count)]


async def rows_of(pool: Pool, notices: list[Notice]) -> list[asyncpg.Record]:
    """The notice rows, each with the transaction that wrote it."""
    return await pool.fetch(
        "SELECT key, xmin::text AS written_by FROM notice WHERE key = ANY ($1::bytea[])",
        [one.key for one in notices],
    )


async def test_notices_are_committed_when_keep_returns(kasir: Parts) -> None:
    notices = new_notices(3)
    await kasir.inbox.keep(notices)

    assert len(await rows_of(kasir.pool, notices)) == 3


async def test_concurrent_requests_share_few_commits(kasir: Parts) -> None:
    notices = new_notices(1000)
    await asyncio.gather(*(kasir.inbox.keep([one]) for one in notices))
    rows = await rows_of(kasir.pool, notices)

    assert len(rows) == 1000
    assert len({row["written_by"] for row in rows}) <= 10


async def test_a_notice_that_is_kept_many_times_has_one_row(kasir: Parts) -> None:
    (one,) = new_notices(1)
    await asyncio.gather(*(kasir.inbox.keep([one, one]) for _ in range(20)))

    assert len(await rows_of(kasir.pool, [one])) == 1


async def test_keeping_an_empty_list_raises_nothing(kasir: Parts) -> None:
    await kasir.inbox.keep([])


async def test_a_cancelled_request_does_not_block_others(kasir: Parts) -> None:
    first, second = new_notices(2)
    cancelled = asyncio.create_task(kasir.inbox.keep([first]))
    await asyncio.sleep(0)  # The task runs until it waits.
    cancelled.cancel()
    await kasir.inbox.keep([second])

    assert len(await rows_of(kasir.pool, [second])) == 1


async def test_waiting_notices_are_stored_before_kasir_closes(postgres_dsn: str) -> None:
    notices = new_notices(50)
    async with a_database(postgres_dsn) as database:
        async with kasir_on(database) as kasir:
            waiting = [asyncio.create_task(kasir.inbox.keep([one])) for one in notices]
            await asyncio.sleep(0)  # Each task runs until it waits.
        await asyncio.gather(*waiting)
        connection = await asyncpg.connect(database)
        count = await connection.fetchval("SELECT count(*) FROM notice")
        await connection.close()

    assert count == 50


async def test_while_the_database_is_unavailable_keep_raises_and_stores_nothing(
    postgres_dsn: str,
) -> None:
    before, meanwhile, after = new_notices(1), new_notices(20), new_notices(1)
    async with a_database(postgres_dsn) as database, kasir_on(database) as kasir:
        await kasir.inbox.keep(before)
        await refuse_connections(postgres_dsn, database)
        errors = await asyncio.gather(
            *(kasir.inbox.keep([one]) for one in meanwhile), return_exceptions=True
        )
        await allow_connections(postgres_dsn, database)
        await until_kept(kasir, after)
        rows = await rows_of(kasir.pool, [*before, *meanwhile, *after])

    assert {type(error) for error in errors} == {DatabaseUnavailable}
    assert sorted(row["key"] for row in rows) == sorted(one.key for one in before + after)


async def until_kept(kasir: Parts, notices: list[Notice]) -> None:
    """Store the notices; retry until it succeeds, as the sender does."""
    for _ in range(50):
        try:
            await kasir.inbox.keep(notices)
        except DatabaseUnavailable:
            continue
        return
    pytest.fail("the inbox did not recover")


async def refuse_connections(server: str, database: str) -> None:
    """Refuse connections to a database, and disconnect all sessions."""
    name = urlsplit(database).path.removeprefix("/")
    connection = await asyncpg.connect(server)
    await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
    )
    await connection.close()


async def allow_connections(server: str, database: str) -> None:
    name = urlsplit(database).path.removeprefix("/")
    connection = await asyncpg.connect(server)
    await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await connection.close()
