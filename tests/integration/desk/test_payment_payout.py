"""The page of a payment shows when it was paid out, for how much after fees, and in which batch."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from desk_client import OpenDesk, open_desk, text_of
from fakes import NOW, FrozenClock
from integration.reconciliation.reconciliation_setup import Reconciler
from ledger_rows import add_paid, add_refund, amount_of, id_of
from opened_kasir import a_database
from report_files import refunded, settled


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    """A desk with a payment that was paid out and refunded, one in no payout, one in no report."""
    async with a_database(postgres_dsn) as database, open_desk(database) as opened:
        await add_paid(opened.parts.pool, 1, 3)
        await add_refund(opened.parts.pool, 1, "REF-1", 5_000)
        reconciler = Reconciler(opened.parts, FrozenClock(NOW))
        await reconciler.give_batch(
            [settled("PSP-1", amount_of(1), 520), refunded("PSP-1", "REF-1")], 12
        )
        await reconciler.give_batch([settled("PSP-2", amount_of(2), 540)], 13, is_paid_out=False)
        yield opened


async def test_a_paid_out_payment_shows_its_rows_and_its_batch(desk: OpenDesk) -> None:
    async with desk.signed_in("paid-out") as person:
        page = await person.see(f"/desk/payments/{id_of(1)}")
        batch = await person.see("/desk/payouts/12")
    text = text_of(page)

    assert "After fees Rp20.480 Fees Rp520 Paid out on 24 Nov 2026 00:00:00 WIB Batch 12" in text
    assert "Settled 24 Nov 2026 00:00:00 WIB Rp26.000 Rp520 Rp25.480 12" in text
    assert "Refunded 24 Nov 2026 00:00:00 WIB -Rp5.000 Rp0 -Rp5.000 12" in text
    assert "settlement_detail_report_batch_12.csv" in text
    assert page.text.count('href="/desk/payouts/12"') == 3
    assert "ORDER-PSP-1" in text_of(batch)


async def test_a_payment_that_is_not_paid_out_yet_says_so(desk: OpenDesk) -> None:
    async with desk.signed_in("not-yet") as person:
        settled_only = text_of(await person.see(f"/desk/payments/{id_of(2)}"))
        unsettled = text_of(await person.see(f"/desk/payments/{id_of(3)}"))

    assert "not said by the reports yet" in settled_only
    assert "No report of Adyen's has settled this payment yet." in unsettled
