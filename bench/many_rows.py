"""Fills a database with rows of every list of the API and the desk.

The rows are written by SQL, because only their number and the distribution of what is searched for
matter: most payments are paid, few failed, one is pending; one shopper has a tenth of the payments;
some amounts are rare, and one is that of old payments only. 30,000 payments are made in a day, and
the newest is from now.
"""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg

#: The seconds from one payment to the next.
SPACING_S: Final = 86_400 / 30_000
_FILL_S: Final = 1200
#: The places of $1 rows, and the time of each.
_EACH: Final = f"""
    generate_series(1, $1::integer) AS n,
    LATERAL (SELECT now() - ($1::integer - n) * interval '{SPACING_S} seconds' AS at) AS moment
"""
_PAYMENTS: Final = f"""
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, link_id, captures_itself, model, consent, created_at,
                         close_at, status, told_status, psp_reference, captured, refunded, disputed)
    SELECT 'pay_' || lpad(n::text, 26, '0'), 'ORDER-' || n, 'IDR', paid.amount,
           'gopay_wallet', 'https://shop.example/return',
           CASE WHEN n % 10 = 0 THEN 'guest' ELSE 'shopper-' || n % 90000 END,
           CASE WHEN n % 50 = 0 THEN 'PL_' || n % 1000000 END, true, '', '', at, at, status, status,
           'PSP' || lpad(n::text, 13, '0'),
           CASE status WHEN 'authorised' THEN paid.amount ELSE 0 END,
           CASE WHEN status = 'authorised' AND n % 70 = 1 THEN paid.amount ELSE 0 END,
           n % 2003 = 0
    FROM {_EACH}, LATERAL (
        SELECT CASE WHEN n = $1::integer / 2 THEN 'pending' WHEN n % 1009 = 0 THEN 'failed'
                    WHEN n % 12 = 0 THEN 'refused' WHEN n % 31 = 0 THEN 'expired'
                    ELSE 'authorised' END AS status
    ) AS outcome, LATERAL (
        SELECT CASE WHEN n = $1::integer / 3 THEN 1234567 WHEN n % 997 = 0 THEN 7777777
                    WHEN n < $1::integer / 10 THEN 98000 + n % 997
                    ELSE 10000 + (n % 40) * 2500 END AS amount
    ) AS paid
"""
_NAMES: Final = "INSERT INTO psp_reference SELECT psp_reference, id FROM payment"
_FACTS: Final = """
    INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, modification, words)
    SELECT id, 'notification:AUTHORISATION', status, 'notification', created_at, '', psp_reference,
           '', 'AUTHORISATION'
    FROM payment
"""
_NOTICES: Final = f"""
    INSERT INTO notice (key, kind, item, received_at, state, event_code, names, payment_id, read_at)
    SELECT sha256(n::text::bytea), 'standard', '', at,
           CASE WHEN n % 49999 = 0 THEN 'held' WHEN n % 49999 = 1 THEN 'unheard_of'
                WHEN n % 49999 = 2 THEN 'waiting' WHEN n % 49999 = 3 THEN 'unread'
                WHEN n % 50 = 4 THEN 'foreign' WHEN n % 100 = 5 THEN 'ignored' ELSE 'read' END,
           CASE WHEN n % 100 = 5 THEN 'REPORT_AVAILABLE' ELSE 'AUTHORISATION' END,
           ARRAY['PSP' || lpad(n::text, 13, '0')], 'pay_' || lpad(n::text, 26, '0'), at
    FROM {_EACH}
"""
_RELAYED: Final = """
    INSERT INTO relay (notice_id, state, settled_at)
    SELECT id, CASE WHEN id % 49999 = 7 THEN 'dropped' WHEN id % 100 = 8 THEN 'skipped'
                    WHEN id % 49999 = 9 THEN 'waiting' ELSE 'accepted' END,
           CASE WHEN id % 49999 <> 9 THEN received_at END
    FROM notice ORDER BY id
"""
_EVENTS: Final = f"""
    INSERT INTO event (name, subject, type, at, payload, tries, due_at, delivered_at, given_up_at)
    SELECT 'evt_' || n, 'pay_' || lpad(n::text, 26, '0'),
           CASE WHEN n % 99991 = 0 THEN 'dispute.opened' ELSE 'payment.authorised' END, at, '', 1,
           CASE WHEN n % 49999 = 0 THEN at END,
           CASE WHEN n % 49999 NOT IN (0, 1) THEN at END, CASE WHEN n % 49999 = 1 THEN at END
    FROM {_EACH}
"""
_TRIES: Final = "INSERT INTO event_try (event_id, at, status) SELECT id, at, 200 FROM event"
_PLANS: Final = """
    INSERT INTO plan (id, reference, currency, minor_units, unit, count, time_zone, trial_days,
                      trial_minor_units, when_unpaid, notice_days, created_at)
    SELECT 'plan_' || n, 'gold', 'IDR', 50000, 'month', 1, 'Asia/Jakarta', 0, 50000, 'cancel', 3,
           now()
    FROM generate_series(1, 2) AS n WHERE $1::integer > 0
"""
#: All but a few are of the first plan.
_SUBSCRIPTIONS: Final = f"""
    INSERT INTO subscription (id, plan_id, reference, shopper_reference, return_url, created_at,
                              state, minor_units, settled_period)
    SELECT 'sub_' || lpad(n::text, 26, '0'),
           CASE WHEN n % 99991 = 0 THEN 'plan_2' ELSE 'plan_1' END, 'SUB-' || n,
           'shopper-' || n % 90000, 'https://shop.example/return', at,
           CASE WHEN n % 49999 = 0 THEN 'past_due' WHEN n % 3 = 0 THEN 'cancelled'
                ELSE 'active' END, 50000, 1
    FROM {_EACH}
"""
_CHANGES: Final = """
    INSERT INTO subscription_change (subscription_id, at, was, now_is, move, monthly_was,
                                     monthly_now)
    SELECT id, created_at, 'incomplete', 'active', 'begin', 0, 50000 FROM subscription
    UNION ALL
    SELECT id, created_at + interval '1 day', 'active', 'cancelled', 'cancel', 50000, 0
    FROM subscription WHERE state = 'cancelled'
"""
_TOKENS: Final = f"""
    INSERT INTO token (id, merchant_account, shopper_reference, stored_hash, sealed_id, method,
                       created_at)
    SELECT 'tok_' || lpad(n::text, 26, '0'), 'TwinMerchant', 'shopper-' || n,
           sha256(n::text::bytea), '', 'gopay', at
    FROM {_EACH} WHERE n % 10 = 1
"""
_LINKS: Final = f"""
    INSERT INTO payment_link (id, request, created_at, expires_at)
    SELECT 'PL_' || n, '{{"reference": "L", "amount": {{"currency": "IDR", "value": 1}}}}', at, at
    FROM {_EACH} WHERE n % 50 = 0
"""
_CASES: Final = f"""
    INSERT INTO reconciliation_case (key, kind, state, reason, psp_reference, batch, opened_at)
    SELECT n::text, CASE WHEN n % 49999 = 0 THEN 'fee' ELSE 'amount' END,
           CASE WHEN n % 9973 = 0 THEN 'open' ELSE 'closed' END, 'a reason', '', '1', at
    FROM {_EACH} WHERE n % 10 = 0
"""
_OF_SIZE: Final = (
    _PAYMENTS,
    _NOTICES,
    _EVENTS,
    _PLANS,
    _SUBSCRIPTIONS,
    _TOKENS,
    _LINKS,
    _CASES,
)
_DERIVED: Final = (_NAMES, _FACTS, _RELAYED, _TRIES, _CHANGES)


def fill(dsn: str, size: int) -> None:
    """Write `size` payments, notices, events and subscriptions, and what belongs to them."""
    asyncio.run(write(dsn, size))


async def write(dsn: str, size: int) -> None:
    """As `fill`."""
    connection = await asyncpg.connect(dsn)
    try:
        # The rows refer to each other rightly, so the checks of the foreign keys are skipped.
        await connection.execute("SET session_replication_role = replica")
        for statement in _OF_SIZE:
            await connection.execute(statement, size, timeout=_FILL_S)
        for statement in _DERIVED:
            await connection.execute(statement, timeout=_FILL_S)
        await connection.execute("VACUUM (ANALYZE)", timeout=_FILL_S)
        await connection.execute("CHECKPOINT", timeout=_FILL_S)
    finally:
        await connection.close()
