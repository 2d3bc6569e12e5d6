"""Each migration is applied once, although several processes start at the same time."""

from __future__ import annotations

import asyncio
import re

import asyncpg
import pytest

from kasir.errors import DatabaseUnavailable
from kasir.jobs import engine
from kasir.store import database
from kasir.store.doctor import DoctorCounts
from opened_kasir import until

#: The longest wait for a database in these tests.
PATIENCE_S = 200.0
#: A migration that waits until the test releases this advisory lock.
WAITING_MIGRATION = "SELECT pg_advisory_xact_lock(4711)"


def test_migrations_are_numbered_without_gaps() -> None:
    names = database.migrations()

    assert [name[:5] for name in names] == [f"{n:04}_" for n in range(1, len(names) + 1)]
    assert [name for name in names if not re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", name)] == []


async def test_pending_migrations_are_applied_once(empty_database: str) -> None:
    async with database.connected(empty_database, connections_max=2) as pool:
        before = await database.pending(pool, PATIENCE_S)
        first = await database.migrate(pool)
        after = await database.pending(pool, PATIENCE_S)
        second = await database.migrate(pool)

    assert before == first == database.migrations()
    assert (after, second) == ([], [])


async def test_one_of_five_concurrent_processes_applies_the_migrations(empty_database: str) -> None:
    async def migrate_once() -> list[str]:
        async with database.connected(empty_database, connections_max=2) as pool:
            done = await database.migrate(pool)
            await engine.install(pool)
            return done

    done = await asyncio.gather(*(migrate_once() for _ in range(5)))

    assert sorted(done) == [[], [], [], [], database.migrations()]


async def test_a_failed_migration_is_rolled_back_and_earlier_ones_stay_applied(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_halfway = "CREATE TABLE half_done (id int); SELECT 1 / 0"
    async with (
        database.connected(empty_database, connections_max=1) as pool,
        database.connected(empty_database, connections_max=1) as other,
    ):
        with monkeypatch.context() as failing:
            _add_migration(failing, fails_halfway)
            with pytest.raises(asyncpg.DivisionByZeroError):
                await database.migrate(pool)
        still_pending = await database.pending(pool, PATIENCE_S)
        is_half_done = await pool.fetchval("SELECT to_regclass('half_done') IS NOT NULL")
        _add_migration(monkeypatch, "CREATE TABLE whole (id int)")
        applied = await asyncio.wait_for(database.migrate(other), PATIENCE_S)

    assert still_pending == []
    assert not is_half_done
    assert applied == ["9999_more.sql"]


def _add_migration(patch: pytest.MonkeyPatch, sql: str) -> None:
    """Add the migration 9999_more.sql with this SQL."""
    names, read = database.migrations(), database._migration  # noqa: SLF001
    patch.setattr(database, "migrations", lambda: [*names, "9999_more.sql"])
    patch.setattr(database, "_migration", lambda name: sql if "9999" in name else read(name))


async def test_a_long_migration_does_not_keep_the_tables_of_earlier_ones_locked(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add_migration(monkeypatch, WAITING_MIGRATION)
    connection = await asyncpg.connect(empty_database)
    try:
        await connection.execute("SELECT pg_advisory_lock(4711)")
        async with database.connected(empty_database, connections_max=1) as pool:
            migrating = asyncio.create_task(database.migrate(pool))
            waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
            await until(lambda: connection.fetchval(waits))
            locked = await connection.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'relation'"
                " AND mode = 'AccessExclusiveLock' AND granted"
            )
            await connection.execute("SELECT pg_advisory_unlock(4711)")
            await migrating
    finally:
        await connection.close()

    assert locked == 0


async def test_an_interrupted_migration_is_applied_by_the_next_process(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add_migration(monkeypatch, WAITING_MIGRATION)
    connection = await asyncpg.connect(empty_database)
    try:
        await connection.execute("SELECT pg_advisory_lock(4711)")
        async with (
            database.connected(empty_database, connections_max=1) as pool,
            database.connected(empty_database, connections_max=1) as other,
        ):
            migrating = asyncio.create_task(database.migrate(pool))
            waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
            await until(lambda: connection.fetchval(waits))
            migrating.cancel()
            with pytest.raises(asyncio.CancelledError):
                await migrating
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"
            )
            await connection.execute("SELECT pg_advisory_unlock(4711)")
            done = await asyncio.wait_for(database.migrate(other), PATIENCE_S)
    finally:
        await connection.close()

    assert done == ["9999_more.sql"]


_OLD_PAYMENT = """
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, captures_itself, model, consent, created_at, close_at,
                         status, told_status)
    VALUES ($1, 'ORDER-1', 'IDR', 25000, 'gopay_wallet', '', '', true, '', '', now(), now(),
            'authorised', 'authorised')
"""
_OLD_FACT = """
    INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, modification, words,
                      heard_at)
    VALUES ($1, $2, 'noted', 'notification', now(), '', $3, $4, '', now() + $5 * interval '1 s')
"""


async def test_migrating_gives_each_psp_reference_one_owner_and_lists_conflicts(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = database.migrations()
    owners_added_by = "0012_psp_references.sql"
    async with database.connected(empty_database, connections_max=2) as pool:
        with monkeypatch.context() as before:
            before.setattr(database, "migrations", lambda: names[: names.index(owners_added_by)])
            await database.migrate(pool)
        for payment in ("pay_1", "pay_2", "pay_3"):
            await pool.execute(_OLD_PAYMENT, payment)
        # The payment, key, PSP reference, PSP reference of the change, and second of each fact.
        facts = [
            ("pay_2", "a", "PSP-A", "", 1),
            ("pay_1", "a", "PSP-A", "", 2),  # The same fact, recorded later.
            ("pay_1", "b", "PSP-B", "REFUND-B", 3),
            ("pay_1", "c", "PSP-B", "REFUND-B", 4),
            ("pay_3", "d", "", "REFUND-B", 0),  # A change that is also recorded at `pay_1`.
            ("pay_3", "e", "", "", 5),
        ]
        for fact in facts:
            await pool.execute(_OLD_FACT, *fact)
        await database.migrate(pool)
        owned = await pool.fetch("SELECT name, payment_id FROM psp_reference ORDER BY name")
        conflicts = await DoctorCounts(pool).conflicts(10)

    assert [tuple(row) for row in owned] == [
        ("PSP-A", "pay_2"),
        ("PSP-B", "pay_1"),
        ("REFUND-B", "pay_3"),
    ]
    assert conflicts == [("PSP-A", "pay_2", "pay_1"), ("REFUND-B", "pay_3", "pay_1")]


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://127.0.0.1:1/nobody",
        "postgresql://127.0.0.1:port/nobody",
        "postgresql://nobody.invalid/nobody",
        "postgresql:///nobody?host=/nowhere/at/all",
    ],
)
async def test_a_server_that_cannot_be_reached_is_reported_in_one_line(dsn: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="KASIR_DATABASE_URL: ") as caught:
        async with database.connected(dsn, connections_max=1):
            pass

    assert "\n" not in str(caught.value)


async def test_a_missing_database_is_reported(postgres_dsn: str) -> None:
    missing = postgres_dsn.replace("/kasir?", "/nobody?")
    with pytest.raises(DatabaseUnavailable, match="nobody"):
        async with database.connected(missing, connections_max=1):
            pass
