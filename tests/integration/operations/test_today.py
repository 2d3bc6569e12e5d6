"""The overview of a day counts payments by Jakarta's days, and shows what waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app_client import app_client
from fakes import FrozenClock
from integration.shop_events.account import PaidAccount
from integration.shop_events.test_dispute_events import (
    ANNOUNCED,
    CHARGED_BACK,
    DEADLINE,
    LOST,
)
from kasir.jobs.worker import clean_once
from kasir.limits import Limits
from kasir.operations.today import today
from kasir.store import cases
from kasir.store.database import Pool
from kasir.wiring import Parts
from ledger_rows import add_payout_and_case
from opened_kasir import kasir_on

#: A Thursday, 12.30 in Jakarta; its day began at 17.00 UTC of Wednesday.
NOW = datetime(2026, 11, 26, 5, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 25, 17, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
KEY = "the-key-of-the-tests"


async def insert(pool: Pool, rows: Sequence[tuple[str, datetime, int]]) -> None:
    """Add payments: a status, when it was created, and an amount."""
    await pool.execute(
        """
        INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
            shopper_reference, captures_itself, model, consent, created_at, close_at, status,
            told_status)
        SELECT 'pay_' || number, 'ORDER-' || number, 'IDR', value, 'gopay_wallet', '', '', true, '',
            '', created_at, created_at, status, status
        FROM unnest($1::text[], $2::timestamptz[], $3::bigint[])
             WITH ORDINALITY AS given (status, created_at, value, number)
        """,
        *[list(column) for column in zip(*rows, strict=True)],
    )


async def test_a_payment_belongs_to_the_day_and_hour_in_jakarta(fresh_database: str) -> None:
    hour = timedelta(hours=1)
    async with kasir_on(fresh_database) as kasir:
        await insert(
            kasir.pool,
            [
                ("authorised", MIDNIGHT, 1000),
                ("authorised", MIDNIGHT - timedelta(microseconds=1), 20),
                ("authorised", NOW, 300),
                ("authorised", MIDNIGHT - 13 * timedelta(days=1), 4000),
                ("authorised", MIDNIGHT - 13 * timedelta(days=1) - hour, 5),
                ("refused", NOW - hour, 7),
                ("unknown", NOW, 9),
            ],
        )
        found = await today(kasir.pool, NOW, Limits())

    assert found.since == MIDNIGHT
    assert (found.payments["authorised"].count, found.payments["authorised"].value) == (2, 1300)
    assert found.payments["refused"].value == 7
    assert found.payments["unknown"].count == 1
    assert [period.value for period in found.hours] == [1000, *[0] * 11, 300]
    assert [period.value for period in found.days] == [4000, *[0] * 11, 20, 1300]
    assert found.days[-1].start == MIDNIGHT


async def test_days_before_today_are_shown_as_the_worker_has_summed_them(
    fresh_database: str,
) -> None:
    yesterday = MIDNIGHT - timedelta(hours=1)
    async with kasir_on(fresh_database, clock=FrozenClock(NOW)) as kasir:
        await insert(kasir.pool, [("authorised", yesterday, 1000), ("pending", yesterday, 50)])
        await clean_once(kasir, asyncio.Event())
        await kasir.pool.execute("UPDATE payment SET status = 'authorised'")
        before = await today(kasir.pool, NOW, Limits())
        await clean_once(kasir, asyncio.Event())
        after = await today(kasir.pool, NOW, Limits())

    assert [(day.count, day.value) for day in before.days] == [*[(0, 0)] * 12, (1, 1000), (0, 0)]
    assert [(day.count, day.value) for day in after.days] == [*[(0, 0)] * 12, (2, 1050), (0, 0)]


async def test_the_rate_is_compared_with_the_same_part_of_the_same_weekday(
    fresh_database: str,
) -> None:
    async with kasir_on(fresh_database) as kasir:
        none = await today(kasir.pool, NOW, Limits())
        await insert(
            kasir.pool,
            [
                *[("authorised", MIDNIGHT, 1)] * 3,
                ("refused", MIDNIGHT, 1),
                *[("cancelled", MIDNIGHT, 1), ("expired", MIDNIGHT, 1), ("failed", MIDNIGHT, 1)],
                ("authorised", MIDNIGHT - WEEK, 1),
                ("refused", NOW - WEEK - timedelta(seconds=1), 1),
                ("refused", NOW - WEEK + timedelta(seconds=1), 1),
            ],
        )
        found = await today(kasir.pool, NOW, Limits())

    assert (none.authorisation_rate, none.authorisation_rate_last_week) == (None, None)
    assert (found.authorisation_rate, found.authorisation_rate_last_week) == (0.75, 0.5)


async def test_what_needs_a_person_is_named_and_nothing_else(fresh_database: str) -> None:
    async with kasir_on(fresh_database) as kasir:
        calm = await today(kasir.pool, NOW, Limits())
        await kasir.pool.execute(
            "INSERT INTO notice (key, kind, item, received_at, state, event_code, names)"
            " VALUES ('a', 'standard', '', $1, 'held', 'X', '{}'),"
            " ('b', 'standard', '', $1, 'unread', 'X', '{}')",
            NOW - timedelta(seconds=90),
        )
        await kasir.pool.execute(
            "INSERT INTO event (name, subject, type, at, payload, tries, due_at)"
            " VALUES ('evt_1', 's', 't', $1, '', 2, $1), ('evt_2', 's', 't', $1, '', 0, $1)",
            NOW,
        )
        found = await today(kasir.pool, NOW, Limits())

    assert calm.needs_person == []
    assert calm.waiting.last_notice_at is None
    assert [(need.what, need.count) for need in found.needs_person] == [("notices_held", 1)]
    assert (found.waiting.unread_notices, found.waiting.unread_notices_seconds) == (1, 90)
    assert (found.waiting.events, found.waiting.events_failing) == (2, 1)
    assert found.waiting.last_notice_at == NOW - timedelta(seconds=90)


async def test_disputes_and_cases_need_a_person_until_they_are_answered_or_closed(
    fresh_database: str,
) -> None:
    async with kasir_on(fresh_database) as kasir:
        account = PaidAccount(kasir)
        for kind in (ANNOUNCED, CHARGED_BACK, LOST):
            _, psp = await account.create_paid()
            await account.receives(account.psp(), originalReference=psp, **kind)
        case = await add_payout_and_case(kasir.pool, "batch-1", 25_000)
        deadline = datetime.fromisoformat(DEADLINE)
        moments = (
            deadline - timedelta(days=7, seconds=1),
            deadline - timedelta(days=7),
            deadline + timedelta(seconds=1),
            deadline + timedelta(days=90),
        )
        found = [
            {
                need.what: need.count
                for need in (await today(kasir.pool, moment, Limits())).needs_person
            }
            for moment in moments
        ]
        await cases.close(kasir.pool, case, "explained", "sari", NOW)
        calm = await today(kasir.pool, moments[-1], Limits())

    assert found == [
        {"disputes_open": 2, "cases_open": 1},  # One without a deadline, one with a later one.
        {"disputes_due": 1, "disputes_open": 1, "cases_open": 1},
        {"disputes_open": 1, "cases_open": 1},
        {"cases_open": 1},
    ]
    assert next(iter(found[1])) == "disputes_due"
    assert calm.needs_person == []


async def test_the_sums_are_read_from_the_index_alone(fresh_database: str) -> None:
    async with kasir_on(fresh_database) as kasir:
        rows = [
            ("authorised", MIDNIGHT - number * timedelta(minutes=5), 1) for number in range(5000)
        ]
        await insert(kasir.pool, rows)
        await kasir.pool.execute("VACUUM ANALYZE payment")
        plan = await kasir.pool.fetch(
            "EXPLAIN SELECT count(*), sum(minor_units) FROM payment WHERE status = 'authorised'"
            " AND created_at >= $1 AND created_at < $2",
            MIDNIGHT - timedelta(hours=1),
            MIDNIGHT,
        )

    assert any("Index Only Scan using payment_of_status" in row[0] for row in plan)


@pytest.fixture
def environ() -> dict[str, Any]:
    """The settings of a Kasir with a key of a shop."""
    return {"KASIR_API_KEY": KEY}


async def test_the_api_returns_the_overview(fresh_database: str, environ: dict[str, Any]) -> None:
    async with kasir_on(fresh_database, **environ) as kasir:
        body, refused, keyless = await _answers(kasir)

    assert body["payments"]["authorised"] == {"count": 0, "value": 0}
    assert body["authorisationRate"] is None
    assert len(body["days"]) == 14
    assert body["needsPerson"] == []
    assert refused == 422
    assert keyless == 401


async def _answers(kasir: Parts) -> tuple[dict[str, Any], int, int]:
    async with app_client(kasir, X_API_Key=KEY) as http:
        answer = await http.get("/api/today")
        refused = await http.get("/api/today?day=1")
    async with app_client(kasir) as http:
        keyless = await http.get("/api/today")
    return answer.json(), refused.status_code, keyless.status_code
