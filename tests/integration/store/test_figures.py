"""Figures for monitoring: open rows are counted up to a limit, and an index finds them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from fakes import NOW, a_question, an_intent
from kasir.gateway.meanings import unanswered
from kasir.ids import PaymentId
from kasir.store import doctor, inbox
from kasir.store.figures import SQL, Figures, figures
from kasir.store.inbox import NoticeState
from kasir.wiring import Parts
from opened_kasir import kasir_on

MINUTE = timedelta(minutes=1)


async def insert_notices(kasir: Parts, state: str, count: int, at: datetime = NOW) -> None:
    await kasir.pool.execute(
        "INSERT INTO notice (key, kind, item, received_at, state, event_code, names)"
        " SELECT sha256(($1 || n)::bytea), 'standard', '', $3, $1, 'X', '{}'"
        " FROM generate_series(1, $2) AS n",
        state,
        count,
        at,
    )


async def insert_events(kasir: Parts, count: int, *, is_due: bool) -> None:
    """Insert events, one per minute up to NOW; with `is_due`, all are due NOW."""
    await kasir.pool.execute(
        "INSERT INTO event (name, subject, type, at, payload, due_at)"
        " SELECT 'evt_' || $2::bool || n, 'pay_1', 'x', $3::timestamptz - (n - 1) * $4::interval,"
        " '', CASE WHEN $2::bool THEN $3::timestamptz END FROM generate_series(1, $1) AS n",
        count,
        is_due,
        NOW,
        MINUTE,
    )


async def insert_given_up_event(kasir: Parts, at: datetime) -> None:
    """Insert an event that was created and given up at a time."""
    await kasir.pool.execute(
        "INSERT INTO event (name, subject, type, at, payload, tries, given_up_at)"
        " VALUES ('evt_' || $1::timestamptz, 'pay_1', 'x', $1, '', 11, $1)",
        at,
    )


@pytest.fixture
async def busy(fresh_database: str) -> Any:
    """A Kasir with open rows of every kind."""
    async with kasir_on(fresh_database) as kasir:
        for state, count in {"read": 5, "foreign": 4, "unheard_of": 3, "held": 2}.items():
            await insert_notices(kasir, state, count)
        await insert_notices(kasir, NoticeState.WAITING, 1)
        await insert_notices(kasir, NoticeState.UNREAD, 3, at=NOW - 2 * MINUTE)
        await insert_events(kasir, 4, is_due=True)
        await insert_events(kasir, 4, is_due=False)
        for days in (1, 6, 8):  # An event given up 8 days ago is not counted.
            await insert_given_up_event(kasir, NOW - timedelta(days=days))
        for name in ("pay_1", "pay_2", "pay_3"):
            intent, question = an_intent(name), a_question(name)
            await kasir.payments.open(intent, question, shop_key=None)
            if name != "pay_3":  # The call of the third payment is still running.
                await kasir.payments.record(question, unanswered(question, NOW, "HTTP 502"), NOW)
        # One attempt expired two minutes ago and has been checked; the other has not expired.
        await _attempt(kasir, "pay_4", NOW - 2 * MINUTE)
        await kasir.closing.attempts.postpone(PaymentId("pay_4"), NOW + MINUTE)
        await _attempt(kasir, "pay_5", NOW + MINUTE)
        yield kasir


async def _attempt(kasir: Parts, name: str, close_at: datetime) -> None:
    intent = an_intent(name, close_at=close_at)
    await kasir.payments.open(intent, a_question(name), shop_key=None)


async def test_open_rows_are_counted_and_finished_rows_are_not(busy: Parts) -> None:
    assert await figures(busy.pool, NOW, most=100) == Figures(
        notices={
            NoticeState.UNREAD: 3,
            NoticeState.WAITING: 1,
            NoticeState.HELD: 2,
            NoticeState.UNHEARD_OF: 3,
        },
        unread_s=120.0,
        unknown=2,
        unconfirmed=1,
        unconfirmed_s=120.0,
        events=4,
        events_s=180.0,
        given_up=2,
        due=0,
        failed_jobs=0,
    )


async def test_due_subscriptions_are_counted_unless_a_worker_has_taken_them(busy: Parts) -> None:
    await busy.pool.execute(
        "INSERT INTO plan VALUES ('pln', 'r', 'IDR', 1, 'month', 1, 'Asia/Jakarta', 0, 1, NULL,"
        " 'cancel', 3, $1)",
        NOW,
    )
    subscriptions = {
        "past": (NOW - MINUTE, None),
        "ahead": (NOW + MINUTE, None),
        "never": (None, None),
        "taken by a worker": (NOW - MINUTE, NOW + MINUTE),
        "taken by a worker that died": (NOW - MINUTE, NOW),
    }
    for name, (due_at, taken_until) in subscriptions.items():
        await busy.pool.execute(
            "INSERT INTO subscription (id, plan_id, reference, shopper_reference, return_url,"
            " created_at, state, minor_units, settled_period, due_at,"
            " taken_until) VALUES ($1, 'pln', 'r', 's', 'u', $2, 'active', 1, 0, $3, $4)",
            name,
            NOW,
            due_at,
            taken_until,
        )

    assert (await figures(busy.pool, NOW, most=100)).due == 2


async def test_no_figure_is_counted_above_its_limit(busy: Parts) -> None:
    shown = await figures(busy.pool, NOW, most=1)

    assert set(shown.notices.values()) == {1}
    assert (shown.unknown, shown.events, shown.given_up) == (1, 1, 1)


async def test_all_figures_of_an_empty_database_are_zero(fresh_database: str) -> None:
    async with kasir_on(fresh_database) as kasir:
        shown = await figures(kasir.pool, NOW, most=100)

    assert (shown.unread_s, shown.events_s, shown.unknown, shown.due) == (0.0, 0.0, 0, 0)
    assert (shown.unconfirmed, shown.unconfirmed_s) == (0, 0.0)


async def test_the_query_of_the_figures_does_not_scan_finished_notices(busy: Parts) -> None:
    await insert_notices(busy, "ignored", 20_000)
    await busy.pool.execute("ANALYZE")
    arguments = 10_000, NOW, NOW  # `most`, `now`, `since` (of given-up events).
    plan = "\n".join(
        row[0] for row in await busy.pool.fetch(f"EXPLAIN {SQL.figures.sql}", *arguments)
    )

    assert "Seq Scan on notice" not in plan
    assert "notice_pkey" not in plan


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [
        (doctor.SQL.last_notice.sql, ["tokens"]),
        (inbox.SQL.notices_in_state.sql, ["foreign", 10**9, 100]),
        (inbox.SQL.notices_in_state.sql, ["ignored", 10**9, 100]),
    ],
)
async def test_an_operators_queries_of_notices_use_an_index(
    busy: Parts, statement: str, arguments: list[Any]
) -> None:
    await busy.pool.execute("DELETE FROM notice")
    await insert_notices(busy, "read", 20_000)
    await busy.pool.execute("ANALYZE")
    plan = "\n".join(row[0] for row in await busy.pool.fetch(f"EXPLAIN {statement}", *arguments))

    assert "Seq Scan" not in plan
    assert "notice_pkey" not in plan
