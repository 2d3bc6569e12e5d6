"""No search for payments reads the table, or sorts more than the payments of a shopper or a day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import islice, product
from typing import Any

import asyncpg
import pytest

from explained import Plan, Sent, explain
from fakes import NOW
from kasir.ids import PaymentId
from kasir.payments.status import Status
from kasir.store import payment_search
from kasir.store.database import Connection, Pool
from kasir.store.payment_search import PaymentFilter, Position, statements
from opened_kasir import a_database, kasir_on

PAYMENTS = 50_000
#: Payments of 5,000 shoppers, and a tenth of one; one in a thousand failed, and one in a hundred is
#: of a link. The amounts of the oldest tenth are those of no newer payment. 4,320 are of a day.
_FILL = """
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, link_id, captures_itself, model, consent, created_at,
                         close_at, status, told_status)
    SELECT 'pay_' || lpad(n::text, 8, '0'), 'ORDER-' || n, 'IDR',
           CASE WHEN n <= $2 / 10 THEN 500 + n % 400 ELSE 1000 + n % 3000 END, 'gopay_wallet',
           'https://shop.example',
           CASE WHEN n % 10 = 0 THEN 'guest' ELSE 'shopper-' || n % 5000 END,
           CASE WHEN n % 100 = 0 THEN 'PL_' || n % 1000 END, true, '', '',
           $1::timestamptz - ($2 - n) * interval '20 seconds', $1,
           CASE WHEN n % 1000 = 0 THEN 'failed' WHEN n % 12 = 0 THEN 'refused'
                ELSE 'authorised' END, 'authorised'
    FROM generate_series(1, $2::integer) AS n
"""
#: A shopper's own payments, and the payments of a day, may all be read from an index.
_MOST = PAYMENTS // 10
_DAY = timedelta(days=1)
_MIDDLE = NOW - timedelta(seconds=20 * PAYMENTS // 2)
#: The values of each filter: of many payments, of few, and of none.
_VALUES: dict[str, tuple[Any, ...]] = {
    "search": ("ORDER-7", "shopper-7", "guest", "pay_00000077", "nobody"),
    "reference": ("ORDER-7", "none"),
    "psp_reference": ("PSP",),
    "shopper_reference": ("shopper-7", "guest", "nobody"),
    "status": (Status.AUTHORISED, Status.REFUSED, Status.FAILED, Status.UNKNOWN),
    "method": ("gopay_wallet",),
    "link_id": ("PL_100", "PL_none"),
}
_AMOUNTS = ((None, None), (1007, 1007), (1000, None), (3999, None), (500, 899), (None, 1))
_TIMES = ((None, None), (_MIDDLE - _DAY, _MIDDLE), (None, _MIDDLE), (NOW + _DAY, None))
_POSITIONS = (None, Position(_MIDDLE, PaymentId("pay_00025000")))


def filters() -> list[PaymentFilter]:
    """Each filter alone and with each status, amount and time, and all pairs of texts."""
    alone: list[dict[str, Any]] = [
        {},
        *({name: value} for name, values in _VALUES.items() for value in values),
    ]
    pairs = [{**one, **other} for one, other in product(alone, alone)]
    wanted = {
        PaymentFilter(**texts, min_value=least, max_value=most)
        for texts in pairs
        for least, most in _AMOUNTS
    } | {
        PaymentFilter(
            **texts, min_value=least, max_value=most, created_after=since, created_before=until
        )
        for texts in alone
        for least, most in _AMOUNTS
        for since, until in _TIMES
    }
    return sorted(wanted, key=repr)


@pytest.fixture(scope="module")
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    """A database with many payments."""
    async with a_database(postgres_dsn) as database, kasir_on(database) as kasir:
        await kasir.pool.execute(_FILL, NOW, PAYMENTS)
        await kasir.pool.execute("VACUUM (ANALYZE) payment")
        yield kasir.pool


async def plans(
    connection: Connection, wanted: PaymentFilter, after: Position | None
) -> list[Plan]:
    """The plans of the statements that are sent for a page of 50."""
    found = []
    for text, values in statements(wanted, after, 51):
        found.append(await explain(connection, Sent("page", text, tuple(values))))
        if len(await connection.fetch(text, *values)) == 51:
            break
    return found


def faults(plan: Plan) -> list[str]:
    """What is wrong with the plan of a page."""
    wrong = [f"reads all of {table}" for table in plan.scanned]
    if plan.skipped_rows > _MOST or plan.sorted_rows > _MOST:
        wrong.append(f"skips {plan.skipped_rows} rows, sorts {plan.sorted_rows}")
    return wrong


def matches(row: asyncpg.Record, wanted: PaymentFilter, after: Position | None) -> bool:
    """Whether a payment is of the page; no payment has a pspReference."""
    equal = {
        "reference": wanted.reference,
        "shopper_reference": wanted.shopper_reference,
        "status": wanted.status,
        "method": wanted.method,
        "link_id": wanted.link_id,
    }
    at, value, found = row["created_at"], row["minor_units"], wanted.search
    return (
        all(text is None or row[name] == text for name, text in equal.items())
        and wanted.psp_reference is None
        and (found is None or found in {row["id"], row["reference"], row["shopper_reference"]})
        and (wanted.min_value or 0) <= value <= (wanted.max_value or value)
        and (wanted.created_after or at) <= at
        and (wanted.created_before is None or at < wanted.created_before)
        and (after is None or (at, row["id"]) < (after.created_at, after.id))
    )


async def test_a_page_has_the_newest_payments_that_match_all_filters(pool: Pool) -> None:
    rows = await pool.fetch("SELECT * FROM payment ORDER BY created_at DESC, id DESC")
    wrong = []
    for wanted in filters()[::89]:
        for after in _POSITIONS:
            found = await payment_search.page(pool, wanted, after, 51)
            expected = islice((row["id"] for row in rows if matches(row, wanted, after)), 51)
            if [one.intent.id for one in found] != [*expected]:
                wrong.append((wanted, after))

    assert wrong == []


async def test_no_combination_of_filters_reads_or_sorts_the_table(pool: Pool) -> None:
    async with pool.acquire() as connection:
        wrong = [
            (wanted, after, plan.text, fault)
            for wanted in filters()
            for after in _POSITIONS
            for plan in await plans(connection, wanted, after)
            for fault in faults(plan)
        ]

    assert wrong == []
