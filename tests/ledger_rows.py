"""Rows that tests write at once: many payments with their facts; a payout and a case."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from fakes import NOW
from kasir.store.database import Connection, Pool

#: Opens payments from `first` to `last`; payment 7 has the pspReference PSP-7 and was paid in the
#: seventh second after `at`.
_PAID: Final = """
WITH opened AS (
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, captures_itself, model, consent, created_at, close_at,
                         status, psp_reference, captured, told_status, heard)
    SELECT 'pay_' || lpad(n::text, 9, '0'), 'ORDER-PSP-' || n, 'IDR', amount, 'gopay_wallet', '',
           '', true, '', '', at, at + interval '1 hour', 'authorised', 'PSP-' || n, amount,
           'authorised', 1
    FROM (SELECT n, $3::timestamptz + n * interval '1 second' AS at,
                 25000 + (n % 40) * 1000 AS amount
          FROM generate_series($1::bigint, $2::bigint) AS n) AS made
    RETURNING id, minor_units, created_at, psp_reference
), named AS (
    INSERT INTO psp_reference (name, payment_id) SELECT psp_reference, id FROM opened
)
INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, modification, currency,
                  minor_units, words)
SELECT id, 'notification', 'authorised', 'notification', created_at, '', psp_reference, '', 'IDR',
       minor_units, ''
FROM opened
"""
_REFUND: Final = """
WITH changed AS (
    UPDATE payment SET refunded = refunded + $3 WHERE id = $1 RETURNING *
), named AS (
    INSERT INTO psp_reference (name, payment_id) SELECT $2, id FROM changed
)
INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, modification, currency,
                  minor_units, words)
SELECT id, 'refund ' || $2, $4, 'notification', created_at, '', psp_reference, $2, 'IDR', $3, ''
FROM changed
"""
#: Writes a report with a payout and an open case; returns the id of the case.
_PAYOUT_AND_CASE: Final = """
WITH given AS (
    INSERT INTO report (name, state, received_at) VALUES ($1::text || '.csv', 'reconciled', now())
    RETURNING id
), paid AS (
    INSERT INTO payout (batch, currency, report_id, paid_out, is_balanced, payments, own_net)
    SELECT $1::text, 'IDR', id, $2::numeric, true, 1, $2::numeric FROM given
)
INSERT INTO reconciliation_case (key, kind, reason, psp_reference, batch, report_id,
                                 last_report_id, opened_at)
SELECT $1::text, 'amount', 'a test', 'PSP', $1::text, id, id, now() FROM given
RETURNING id
"""


def amount_of(number: int) -> int:
    """The amount of payment `number` in rupiah."""
    return 25_000 + number % 40 * 1_000


def id_of(number: int) -> str:
    """Kasir's id of payment `number`."""
    return f"pay_{number:09}"


async def add_paid(pool: Pool, first: int, last: int, at: datetime = NOW) -> None:
    """Write paid payments, `first` to `last`, one a second since `at`."""
    step = 20_000
    for start in range(first, last + 1, step):
        await pool.execute(_PAID, start, min(start + step - 1, last), at)


async def add_refund(
    pool: Pool, number: int, name: str, amount: int, says: str = "refund_confirmed"
) -> None:
    """Write a refund of payment `number`; the pspReference of the refund is `name`."""
    await pool.execute(_REFUND, id_of(number), name, amount, says)


async def add_payout_and_case(connection: Connection | Pool, batch: str, amount: int) -> int:
    """Write the payout of a batch, in rupiah, and an open case; return the id of the case."""
    return int(await connection.fetchval(_PAYOUT_AND_CASE, batch, amount))


def since(number: int, at: datetime = NOW) -> datetime:
    """When payment `number` was paid."""
    return at + timedelta(seconds=number)
