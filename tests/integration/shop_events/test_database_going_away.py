"""Events are delivered although the database is briefly unavailable."""

from __future__ import annotations

import pytest

from fake_server import plain, serving
from integration.shop_events.event_setup import kasir_with_shop, until, working, write_events
from kasir.wiring import Parts


async def _close_other_connections(kasir: Parts) -> None:
    await kasir.pool.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def _is_listening(kasir: Parts) -> bool:
    return bool(
        await kasir.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND query ILIKE '%listen%'"
        )
    )


async def test_a_worker_that_loses_its_connections_restarts_and_delivers(
    fresh_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        serving() as shop,
        kasir_with_shop(fresh_database, shop.url) as kasir,
        kasir_with_shop(fresh_database, shop.url) as other,
        working(kasir),
    ):
        shop.handler = plain(204, b"")
        await until(lambda: _is_listening(other))
        await _close_other_connections(other)
        await until(lambda: "worker starts over" in capsys.readouterr().out)
        event_ids = await write_events(other, "pay_1")
        await until(lambda: shop.asked)

    assert [headers["webhook-id"] for _, headers, _ in shop.asked] == event_ids


async def test_a_query_for_due_work_that_fails_is_logged_and_repeated(
    fresh_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        serving() as shop,
        kasir_with_shop(fresh_database, shop.url) as kasir,
        working(kasir),
    ):
        shop.handler = plain(204, b"")
        await kasir.pool.execute("ALTER TABLE event RENAME TO event_elsewhere")
        await until(lambda: "search for due work failed" in capsys.readouterr().out)
        await kasir.pool.execute("ALTER TABLE event_elsewhere RENAME TO event")
        event_ids = await write_events(kasir, "pay_1")
        await until(lambda: shop.asked)

    assert [headers["webhook-id"] for _, headers, _ in shop.asked] == event_ids


async def test_events_are_not_listed_while_an_earlier_transaction_is_open(
    fresh_database: str,
) -> None:
    async with kasir_with_shop(fresh_database, "") as kasir:
        event_ids = await write_events(kasir, "pay_1")
        async with kasir.pool.acquire() as writer, writer.transaction():
            # Each transaction that writes events takes this lock (queries/events.sql).
            await writer.execute("SELECT pg_advisory_xact_lock_shared(7597993)")
            meanwhile = await kasir.events.after(None, limit=10)
        afterwards = await kasir.events.after(None, limit=10)

    assert meanwhile == []
    assert [event.name for event in afterwards] == event_ids
