"""Old rows are removed in batches; facts of payments are never removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from fakes import NOW, FrozenClock
from integration.webhooks.test_attribution import Account
from kasir.clock import Clock, SystemClock
from kasir.payments.status import Status
from kasir.retention_settings import Retention
from kasir.store.cleaning import SQL, Cleaning
from kasir.store.inbox import NoticeState
from kasir.webhooks.notices import replay
from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on, until

DAY = timedelta(days=1)
RETENTION = Retention()
#: An age at which old rows are removed, and one at which they are kept.
OLD, YOUNG = 400 * DAY, DAY


@pytest.fixture
async def kasir(postgres_dsn: str) -> AsyncIterator[Parts]:
    async with a_database(postgres_dsn) as database, kasir_on(database) as opened:
        yield opened


def cleaning(kasir: Parts, clock: Clock | None = None, most: int = 1000) -> Cleaning:
    """A cleaning that removes at most `most` rows per batch, without pauses between batches."""
    return Cleaning(
        pool=kasir.pool, clock=clock or SystemClock(), kept=RETENTION, batch_max=most, pause_s=0
    )


async def clean(kasir: Parts, clock: Clock | None = None, most: int = 1000) -> dict[str, int]:
    """Clean once; return the number of removed rows by kind, without zeros."""
    return await cleaning(kasir, clock, most).clean(asyncio.Event())


async def age_rows(kasir: Parts, age: timedelta = OLD) -> None:
    """Set the times of all rows to `age` before now."""
    for table, columns in {
        "notice": ("received_at", "read_at"),
        "event": ("at", "delivered_at"),
        "pgqueuer": ("created", "updated"),
        "pgqueuer_log": ("created",),
        "pgqueuer_statistics": ("created",),
        "shop_request": ("at",),
        "fact": ("at", "heard_at"),
        "relay_try": ("at",),
    }.items():
        moved = ", ".join(f"{column} = now() - $1::interval" for column in columns)
        where = f"WHERE {columns[-1]} IS NOT NULL"
        await kasir.pool.execute(f"UPDATE {table} SET {moved} {where}", age)


async def insert_jobs(kasir: Parts, **statuses: int) -> None:
    """Insert jobs: this number of each status."""
    for status, count in statuses.items():
        await kasir.pool.execute(
            "INSERT INTO pgqueuer (priority, entrypoint, status)"
            " SELECT 0, 'x', $1::text::pgqueuer_status FROM generate_series(1, $2)",
            status,
            count,
        )


async def insert_log(kasir: Parts, count: int) -> None:
    """Insert rows of the job log, one per second before now."""
    await kasir.pool.execute(
        "INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, created)"
        " SELECT n, 'successful', 0, 'x', now() - n * interval '1 second'"
        " FROM generate_series(1, $1) AS n",
        count,
    )


async def insert_notices(kasir: Parts, count: int, state: str = "read") -> None:
    await kasir.pool.execute(
        "INSERT INTO notice (key, kind, item, received_at, read_at, state, event_code, names)"
        " SELECT sha256(($1 || n)::bytea), 'standard', 'words', now(), now(), $1, 'REFUND',"
        " ARRAY['ORIGINAL', 'OWN' || n] FROM generate_series(1, $2) AS n",
        state,
        count,
    )


async def insert_events(kasir: Parts, **counts: int) -> None:
    """Insert this number of `delivered` events, of `due` ones, and of `never` ones (neither)."""
    for kind, count in counts.items():
        await kasir.pool.execute(
            "INSERT INTO event (name, subject, type, at, payload, due_at, delivered_at)"
            " SELECT $1 || n, 'pay_1', 'x', now(), '', CASE WHEN $1 = 'due' THEN now() END,"
            " CASE WHEN $1 = 'delivered' THEN now() END FROM generate_series(1, $2) AS n",
            kind,
            count,
        )


async def insert_relay_tries(kasir: Parts, **states: int) -> None:
    """Insert this number of tries to relay one notice of each of these states."""
    for state, count in states.items():
        relay_id = await kasir.pool.fetchval(
            "WITH noticed AS (INSERT INTO notice (key, kind, item, received_at, state, event_code,"
            " names) VALUES ($1::text::bytea, 'standard', 'words', now(), 'held', 'REFUND', '{}')"
            " RETURNING id) INSERT INTO relay (notice_id, state) SELECT id, $1 FROM noticed"
            " RETURNING id",
            state,
        )
        await kasir.pool.execute(
            "INSERT INTO relay_try (relay_id, at, status)"
            " SELECT $1, now(), 503 FROM generate_series(1, $2)",
            relay_id,
            count,
        )


async def test_the_body_of_an_old_read_notice_is_removed_and_its_row_stays(
    kasir: Parts,
) -> None:
    account = Account(kasir)
    ours, psp = await account.open_payment(), account.psp()
    await account.receives(psp, echo=ours.id)
    before = await kasir.payments.payment(ours.id)
    await age_rows(kasir)
    removed = await clean(kasir)
    await account.receives(psp, echo=ours.id)  # Adyen repeats the notification.
    (shown,) = await kasir.notices.listed(None, 10)
    item = await kasir.pool.fetchval("SELECT item FROM notice")
    replayed = await replay(kasir.pool, [shown.id], _nothing)
    after = await kasir.payments.payment(ours.id)
    assert before is not None
    assert after is not None

    assert removed["notices"] == 1
    assert item == b""
    assert (shown.state, shown.body_deleted) == (NoticeState.READ, True)
    assert (shown.psp_reference, shown.payment_id) == (psp, ours.id)
    assert replayed == []
    assert after.status is Status.AUTHORISED
    assert {fact.key for fact in after.facts} == {fact.key for fact in before.facts}


async def _nothing(_: Any) -> None:
    """Enqueue nothing: no worker runs in this test."""


@pytest.mark.parametrize("state", [state for state in NoticeState if state != "read"])
async def test_a_notice_that_is_not_read_keeps_its_body(kasir: Parts, state: str) -> None:
    await insert_notices(kasir, 3, state)
    await age_rows(kasir)
    await clean(kasir)
    query = "SELECT count(*) FROM notice WHERE item = 'words'"

    assert await kasir.pool.fetchval(query) == 3


async def test_a_recurring_contract_notice_without_its_body_shows_no_psp_reference(
    kasir: Parts,
) -> None:
    await insert_notices(kasir, 1)
    await kasir.pool.execute("UPDATE notice SET item = '', event_code = 'RECURRING_CONTRACT'")
    (shown,) = await kasir.notices.listed(None, 10)

    assert shown.psp_reference == ""


async def test_events_that_the_shop_accepted_are_removed_and_others_stay(kasir: Parts) -> None:
    # Events that are neither due nor delivered were given up, or have no URL to be sent to.
    await insert_events(kasir, delivered=3, due=2, never=4)
    await age_rows(kasir)
    removed = await clean(kasir)
    left = await kasir.pool.fetch("SELECT name FROM event ORDER BY id")

    assert removed == {"events": 3}
    assert [row["name"] for row in left] == ["due1", "due2", "never1", "never2", "never3", "never4"]


async def test_tries_to_relay_are_removed_once_their_notice_waits_no_more(kasir: Parts) -> None:
    states = ("waiting", "accepted", "skipped", "dropped")
    await insert_relay_tries(kasir, **dict.fromkeys(states, 7))
    left = (
        "SELECT state, count(relay_try.id) FROM relay LEFT JOIN relay_try ON relay_id = relay.id"
        " GROUP BY state"
    )
    young = await clean(kasir)
    await age_rows(kasir)
    removed = await clean(kasir, most=2)  # More than one batch of each.
    rows = dict(await kasir.pool.fetch(left))
    await kasir.pool.execute("UPDATE relay SET state = 'accepted'")

    assert young == {}
    assert removed == {"relay_tries": 21}
    assert rows == {"waiting": 7, "accepted": 0, "skipped": 0, "dropped": 0}
    assert await clean(kasir) == {"relay_tries": 7}


async def test_the_log_and_failed_jobs_are_removed_and_open_jobs_stay(kasir: Parts) -> None:
    await insert_jobs(kasir, queued=2, picked=3, failed=4)
    await insert_log(kasir, 5)
    await kasir.pool.execute(
        "INSERT INTO pgqueuer_statistics (count, priority, status, entrypoint)"
        " VALUES (1, 0, 'successful', 'x')"
    )
    await age_rows(kasir)
    removed = await clean(kasir)
    left = await kasir.pool.fetch("SELECT status, count(*) FROM pgqueuer GROUP BY 1 ORDER BY 1")

    assert removed == {"log": 5, "statistics": 1, "failed_jobs": 4}
    assert [tuple(row) for row in left] == [("queued", 2), ("picked", 3)]


async def test_recent_rows_stay(kasir: Parts) -> None:
    await insert_jobs(kasir, failed=1)
    await insert_log(kasir, 1)
    await insert_notices(kasir, 1)
    await insert_events(kasir, delivered=1)
    await age_rows(kasir, YOUNG)

    assert await clean(kasir) == {}


async def test_keys_facts_and_payments_are_never_removed(kasir: Parts) -> None:
    account = Account(kasir)
    ours = await account.open_payment()
    await account.receives(account.psp(), echo=ours.id)
    await kasir.pool.execute("INSERT INTO shop_request VALUES ('key', '', 'question', now())")
    tables = ("payment", "fact", "psp_reference", "question", "shop_request", "notice")
    before = [await kasir.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
    await age_rows(kasir, timedelta(days=20_000))
    await clean(kasir)
    after = [await kasir.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables]

    assert min(before) >= 1
    assert after == before


async def test_many_old_rows_are_removed_in_batches_of_at_most_1000(
    kasir: Parts,
) -> None:
    await insert_log(kasir, 25_500)
    await insert_notices(kasir, 2_500)
    await age_rows(kasir)
    removed = await clean(kasir)
    # `xmin` is the transaction that wrote the row: one per batch.
    sizes = await kasir.pool.fetch("SELECT count(*) AS size FROM notice GROUP BY xmin::text")

    assert removed == {"log": 25_500, "notices": 2_500}
    assert sorted(row["size"] for row in sizes) == [500, 1000, 1000]


async def test_many_rows_of_the_same_time_are_all_removed(kasir: Parts) -> None:
    await insert_events(kasir, delivered=2_500)
    await age_rows(kasir)

    assert await clean(kasir, most=100) == {"events": 2_500}


async def test_locked_rows_are_skipped_without_waiting(kasir: Parts) -> None:
    await insert_events(kasir, delivered=5)
    await age_rows(kasir)
    async with kasir.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM event WHERE name = 'delivered1' FOR UPDATE")
        first = await clean(kasir)
    second = await clean(kasir)

    assert (first, second) == ({"events": 4}, {"events": 1})


async def test_several_workers_at_once_remove_each_row_once(kasir: Parts) -> None:
    await insert_log(kasir, 3_000)
    await age_rows(kasir)
    removed = await asyncio.gather(*(clean(kasir, most=100) for _ in range(4)))

    assert sum(counts.get("log", 0) for counts in removed) == 3_000
    assert await kasir.pool.fetchval("SELECT count(*) FROM pgqueuer_log") == 0


async def test_no_row_is_removed_while_the_clock_is_in_the_future(kasir: Parts) -> None:
    await insert_jobs(kasir, failed=1)
    await insert_log(kasir, 1)
    await insert_notices(kasir, 1)
    await insert_events(kasir, delivered=1)

    assert await clean(kasir, FrozenClock(datetime.now(UTC) + OLD)) == {}


async def test_no_row_is_removed_while_the_clock_is_in_the_past(kasir: Parts) -> None:
    await insert_events(kasir, delivered=1)
    await age_rows(kasir)

    assert await clean(kasir, FrozenClock(NOW - OLD)) == {}


async def test_rows_with_a_time_in_the_future_stay(kasir: Parts) -> None:
    await insert_notices(kasir, 1)
    await insert_events(kasir, delivered=1)
    await age_rows(kasir, -OLD)

    assert await clean(kasir) == {}


@pytest.mark.parametrize(
    ("broken", "rows"),
    [
        ("ALTER TABLE notice RENAME COLUMN read_at TO settled_at", "notices"),
        ("ALTER TABLE pgqueuer_log RENAME COLUMN created TO made", "log"),
    ],
)
async def test_rows_that_cannot_be_removed_are_logged_and_the_others_are_removed(
    kasir: Parts, broken: str, rows: str
) -> None:
    await insert_notices(kasir, 1)
    await insert_log(kasir, 1)
    await insert_events(kasir, delivered=1)
    await age_rows(kasir)
    await kasir.pool.execute(broken)
    with capture_logs() as logs:
        removed = await clean(kasir)

    assert removed == {name: 1 for name in ("log", "notices", "events") if name != rows}
    assert logs == [
        {"event": "old rows were not removed", "log_level": "warning"}
        | {"rows": rows, "error": "UndefinedColumnError"}
    ]


async def test_a_stop_takes_effect_between_two_batches(kasir: Parts) -> None:
    await insert_log(kasir, 300)
    await age_rows(kasir)
    stop = asyncio.Event()
    slow = replace(cleaning(kasir, most=100), pause_s=3600)
    working = asyncio.create_task(slow.clean(stop))
    await until(lambda: kasir.pool.fetchval("SELECT count(*) <= 200 FROM pgqueuer_log"))
    stop.set()

    assert await working == {"log": 100}
    assert await slow.clean(stop) == {}  # It stops before the first batch.


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("notices", "notice_to_empty"),
        ("events", "event_delivered"),
        ("log", "pgqueuer_log_created"),
        ("failed_jobs", "kasir_failed_jobs"),
        ("relay_tries", "relay_try_at"),
    ],
)
async def test_old_rows_are_found_by_an_index_and_not_by_a_full_scan(
    kasir: Parts, name: str, index: str
) -> None:
    await insert_notices(kasir, 20_000)
    await kasir.pool.execute(
        "INSERT INTO relay (notice_id, state) SELECT id, 'accepted' FROM notice"
    )
    await insert_relay_tries(kasir, accepted=20_000)
    await insert_events(kasir, delivered=20_000)
    await insert_log(kasir, 20_000)
    await insert_jobs(kasir, queued=20_000, failed=10)
    await kasir.pool.execute("ANALYZE")
    statement = getattr(SQL, name).sql
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    arguments = [epoch, datetime.now(UTC), OLD, 100]  # `since`, `now`, `kept`, `most`.
    rows = await kasir.pool.fetch(f"EXPLAIN {statement}", *arguments)
    plan = "\n".join(row[0] for row in rows)

    assert f"Index Scan using {index}" in plan
    assert "Seq Scan" not in plan
