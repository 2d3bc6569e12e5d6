"""Each filter of the list of payments is answered from an index, and a page sorts no table."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from fakes import NOW
from kasir.ids import PaymentId
from kasir.payments.status import Status
from kasir.store.database import Pool
from kasir.store.payment_search import PaymentFilter, Position, statement
from opened_kasir import a_database, kasir_on

#: Payments of 5,000 shoppers; one in a thousand failed, and one in a hundred is of a link.
_FILL = """
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, link_id, captures_itself, model, consent, created_at,
                         close_at, status, told_status)
    SELECT 'pay_' || lpad(n::text, 8, '0'), 'ORDER-' || n, 'IDR', 1000 + n % 3000, 'gopay_wallet',
           'https://shop.example', 'shopper-' || n % 5000,
           CASE WHEN n % 100 = 0 THEN 'PL_' || n % 1000 END, true, '', '',
           $1::timestamptz + n * interval '1 second', $1,
           CASE WHEN n % 1000 = 0 THEN 'failed' ELSE 'authorised' END, 'authorised'
    FROM generate_series(1, 20000) AS n
"""
_NEWEST = "payment_newest"


@pytest.fixture(scope="module")
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    """A database with 20,000 payments."""
    async with a_database(postgres_dsn) as database, kasir_on(database) as kasir:
        await kasir.pool.execute(_FILL, NOW)
        await kasir.pool.execute("VACUUM (ANALYZE) payment")
        yield kasir.pool


@pytest.mark.parametrize(
    ("wanted", "indexes"),
    [
        (PaymentFilter(), [_NEWEST]),
        (PaymentFilter(created_after=NOW, created_before=NOW + timedelta(hours=1)), [_NEWEST]),
        (PaymentFilter(status=Status.AUTHORISED), [_NEWEST]),
        (PaymentFilter(status=Status.FAILED), ["payment_of_status"]),
        (PaymentFilter(status=Status.FAILED, min_value=3000), ["payment_of_status"]),
        (PaymentFilter(reference="ORDER-7"), ["payment_reference"]),
        (PaymentFilter(psp_reference="PSP"), ["psp_reference_pkey", "payment_pkey"]),
        (PaymentFilter(shopper_reference="shopper-7"), ["payment_of_shopper"]),
        (PaymentFilter(min_value=1007, max_value=1007), ["payment_of_value"]),
        (PaymentFilter(min_value=1000, max_value=2000), [_NEWEST]),
        (PaymentFilter(min_value=3999), ["payment_of_value"]),
        (PaymentFilter(method="gopay_wallet"), [_NEWEST]),
        (PaymentFilter(link_id="PL_100"), ["payment_of_link"]),
        (
            PaymentFilter(search="shopper-7"),
            ["payment_reference", "payment_of_shopper", "psp_reference_pkey", "payment_pkey"],
        ),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
async def test_each_filter_is_answered_from_its_index(
    pool: Pool, wanted: PaymentFilter, indexes: list[str], *, is_first: bool
) -> None:
    after = None if is_first else Position(NOW + timedelta(hours=3), PaymentId("pay_00010800"))
    text, values = statement(wanted, after, 50)
    plan = "\n".join(row[0] for row in await pool.fetch(f"EXPLAIN {text}", *values))

    assert [index for index in indexes if index not in plan] == []
    assert "Seq Scan" not in plan
