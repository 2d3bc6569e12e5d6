"""The inbox: many requests share a commit, and no notice counts as stored before it."""

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


def some(count: int) -> list[Notice]:
    mark = secrets.token_hex(6)
    return [notice(f"{mark}-{number}") for number in range(count)]


async def rows_of(pool: Pool, notices: list[Notice]) -> list[asyncpg.Record]:
    """The notice rows, each with the transaction that wrote it."""
    return await pool.fetch(
        "SELECT key, xmin::text AS written_by FROM notice WHERE key = ANY ($1::bytea[])",
        [one.key for one in notices],
    )


async def test_what_is_kept_is_committed_when_keeping_returns(kasir: Parts) -> None:
    notices = some(3)
    await kasir.inbox.keep(notices)

    assert len(await rows_of(kasir.pool, notices)) == 3


async def test_concurrent_requests_share_few_commits(kasir: Parts) -> None:
    notices = some(1000)
    await asyncio.gather(*(kasir.inbox.keep([one]) for one in notices))
    rows = await rows_of(kasir.pool, notices)

    assert len(rows) == 1000
    assert len({row["written_by"] for row in rows}) <= 10


async def test_keeping_twice_is_keeping_once(kasir: Parts) -> None:
    (one,) = some(1)
    await asyncio.gather(*(kasir.inbox.keep([one, one]) for _ in range(20)))

    assert len(await rows_of(kasir.pool, [one])) == 1


async def test_keeping_nothing_is_no_trouble(kasir: Parts) -> None:
    await kasir.inbox.keep([])


async def test_a_request_that_gave_up_waiting_does_not_block_others(kasir: Parts) -> None:
    first, second = some(2)
    given_up = asyncio.create_task(kasir.inbox.keep([first]))
    await asyncio.sleep(0)
    given_up.cancel()
    await kasir.inbox.keep([second])

    assert len(await rows_of(kasir.pool, [second])) == 1


async def test_what_waits_when_kasir_closes_is_written_first(postgres_dsn: str) -> None:
    notices = some(50)
    async with a_database(postgres_dsn) as database:
        async with kasir_on(database) as kasir:
            waiting = [asyncio.create_task(kasir.inbox.keep([one])) for one in notices]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        connection = await asyncpg.connect(database)
        count = await connection.fetchval("SELECT count(*) FROM notice")
        await connection.close()

    assert count == 50


async def test_without_a_database_nothing_is_kept_and_with_it_again_everything_is(
    postgres_dsn: str,
) -> None:
    before, meanwhile, after = some(1), some(20), some(1)
    async with a_database(postgres_dsn) as database, kasir_on(database) as kasir:
        await kasir.inbox.keep(before)
        await shut(postgres_dsn, database)
        lost = await asyncio.gather(
            *(kasir.inbox.keep([one]) for one in meanwhile), return_exceptions=True
        )
        await reopen(postgres_dsn, database)
        await until_kept(kasir, after)
        kept = await rows_of(kasir.pool, [*before, *meanwhile, *after])

    assert {type(error) for error in lost} == {DatabaseUnavailable}
    assert sorted(row["key"] for row in kept) == sorted(one.key for one in before + after)


async def until_kept(kasir: Parts, notices: list[Notice]) -> None:
    """Store the notices; retry until it succeeds, as the sender does."""
    for _ in range(50):
        try:
            await kasir.inbox.keep(notices)
        except DatabaseUnavailable:
            continue
        return
    pytest.fail("the inbox did not recover")


async def shut(server: str, database: str) -> None:
    """Refuse connections to a database, and disconnect all sessions."""
    name = urlsplit(database).path.removeprefix("/")
    connection = await asyncpg.connect(server)
    await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
    )
    await connection.close()


async def reopen(server: str, database: str) -> None:
    name = urlsplit(database).path.removeprefix("/")
    connection = await asyncpg.connect(server)
    await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await connection.close()
