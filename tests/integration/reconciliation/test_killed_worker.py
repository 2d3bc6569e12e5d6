"""A worker is killed while it fetches or reconciles a report; another one does it again, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import asyncpg
from aiohttp import web

from command import TWIN, running
from fake_server import FakeServer, Handler, plain, serving
from kasir.clock import OffsetClock
from kasir.store import reports
from kasir.store.reports import Announced, ReportState
from kasir.wiring import Parts, open_parts
from ledger_rows import add_paid, amount_of
from opened_kasir import settings_on, until
from report_files import csv_of, payout, settled

NAME: Final = "settlement_detail_report_batch_1.csv"
PATH: Final = f"/reports/download/MerchantAccount/TwinMerchant/{NAME}"
#: More than the rows of two transactions, and than one stored part of the content.
COUNT: Final = 2_500
#: The payment whose row is wrong, in the second transaction, and the key of its case.
WRONG: Final = 1_500
KEY_OF_CASE: Final = f"ledger:settlement_details:Settled:PSP-{WRONG}:PSP-{WRONG}"


def content() -> bytes:
    """The report, in which one amount is wrong."""
    rows = [settled(f"PSP-{n}", amount_of(n), amount_of(n) // 50) for n in range(1, COUNT + 1)]
    fee = amount_of(WRONG) // 50
    rows[WRONG - 1] |= {"Gross Credit (GC)": "1000", "Net Credit (NC)": str(1_000 - fee)}
    return csv_of([*rows, payout(rows)])


def a_part_of(whole: bytes, is_over: asyncio.Event) -> Handler:
    """An answer that has a part of the content, and nothing more until `is_over`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(whole))})
        await response.prepare(request)
        await response.write(whole[:-1_000])
        await is_over.wait()
        return response

    return answer


@asynccontextmanager
async def announced(database: str, adyen: FakeServer) -> AsyncIterator[tuple[Parts, OffsetClock]]:
    """A Kasir that does not work by itself, and to which the report was announced."""
    clock = OffsetClock()
    settings = settings_on(database, **settings_of(adyen))
    async with open_parts(settings, clock=clock) as kasir:
        await add_paid(kasir.pool, 1, COUNT)
        kind, url = "settlement_details", f"{adyen.url}{PATH}"
        report = Announced(NAME, url, kind, ReportState.ANNOUNCED)
        await reports.announce(kasir.pool, [report], clock.now())
        yield kasir, clock


def settings_of(adyen: FakeServer) -> dict[str, str]:
    """The settings of a Kasir that fetches reports."""
    user = {"KASIR_REPORT_USER": "report_1@Company.X", "KASIR_REPORT_PASSWORD": "sesame"}
    return {**TWIN, "ADYEN_TWIN_URL": adyen.url, **user}


async def kill_once(
    database: str, adyen: FakeServer, is_amid: Callable[[], Awaitable[Any]]
) -> None:
    """Run a worker in a process of its own, and kill it once it is amid its work."""
    with running("worker", **settings_of(adyen), KASIR_DATABASE_URL=database) as worker:
        await until(is_amid)
        worker.kill()
        worker.wait()


async def check_done_again(kasir: Parts, clock: OffsetClock) -> None:
    """Do what is due an hour later, and check that nothing is missing or doubled."""
    clock.offset = timedelta(hours=1)
    await kasir.due.look()
    await kasir.reports.take(1)
    counts = await kasir.pool.fetchrow(
        "SELECT count(*) AS rows, count(DISTINCT payment_id) AS payments,"
        " (SELECT sum(payments) FROM payout) AS paid,"
        " (SELECT count(*) FROM payout) AS payouts FROM report_row"
    )
    report = await kasir.pool.fetchrow("SELECT * FROM report")
    opened = await kasir.pool.fetch("SELECT key FROM reconciliation_case")

    assert report is not None
    assert (report["state"], report["own_rows"]) == ("reconciled", COUNT)
    assert report["size_bytes"] == len(content())
    assert counts is not None
    assert tuple(counts) == (COUNT, COUNT, COUNT, 1)
    assert [row["key"] for row in opened] == [KEY_OF_CASE]


async def test_a_report_whose_worker_is_killed_during_the_fetch_is_fetched_again(
    fresh_database: str,
) -> None:
    async with serving() as adyen, announced(fresh_database, adyen) as (kasir, clock):
        is_over = asyncio.Event()
        adyen.handler = a_part_of(content(), is_over)
        await kill_once(
            fresh_database,
            adyen,
            lambda: kasir.pool.fetchval("SELECT count(*) FROM report_part"),
        )
        is_over.set()
        adyen.handler = plain(200, content())
        await check_done_again(kasir, clock)

        assert len([line for line, _, _ in adyen.asked if PATH in line]) == 2


async def test_a_report_whose_worker_is_killed_during_the_comparison_is_compared_again(
    fresh_database: str,
) -> None:
    async with serving() as adyen, announced(fresh_database, adyen) as (kasir, clock):
        adyen.handler = plain(200, content())
        holder = await asyncpg.connect(fresh_database)
        # The worker waits for this row in its second transaction.
        await holder.execute("BEGIN")
        await holder.execute(
            "INSERT INTO reconciliation_case (key, kind, reason, psp_reference, batch, opened_at)"
            " VALUES ($1, 'amount', '', '', '', now())",
            KEY_OF_CASE,
        )
        await kill_once(
            fresh_database,
            adyen,
            lambda: kasir.pool.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ),
        )
        compared = await kasir.pool.fetchval("SELECT count(*) FROM report_row")
        await holder.close()
        await check_done_again(kasir, clock)

        assert compared == 1_000
        assert len([line for line, _, _ in adyen.asked if PATH in line]) == 1
