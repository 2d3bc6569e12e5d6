"""A job that loses its database does not count as failed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest
from structlog.testing import capture_logs

from kasir.jobs import engine
from kasir.jobs.engine import Handler
from kasir.store.database import Pool
from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on

READ_ONLY = asyncpg.ReadOnlySQLTransactionError("cannot execute UPDATE in a read-only transaction")


class Job:
    """A job that raises these errors, one per run, and then succeeds."""

    def __init__(self, errors: Sequence[Exception], stop: asyncio.Event) -> None:
        self.tries = 0
        self._errors = list(errors)
        self._stop = stop

    async def run(self, _: bytes) -> None:
        """Raise the next error, or succeed and stop the worker."""
        self.tries += 1
        if self._errors:
            raise self._errors.pop(0)
        self._stop.set()


@pytest.fixture(autouse=True)
def restart_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_RESTART_AFTER_S", 0.01)


async def enqueue_job(kasir: Parts) -> None:
    async with kasir.pool.acquire() as connection:
        await engine.enqueue(connection, "work", [b""])


async def job_statuses(pool: Pool) -> list[str]:
    rows = await pool.fetch("SELECT status::text FROM pgqueuer")
    return [row["status"] for row in rows]


async def work(kasir: Parts, handler: Handler, stop: asyncio.Event) -> None:
    await engine.work(kasir.pool, {"work": handler}, stop, held_max=20, cut=asyncio.Event())


async def test_a_job_is_retried_until_the_database_is_available(postgres_dsn: str) -> None:
    stop = asyncio.Event()
    job = Job([READ_ONLY, TimeoutError()], stop)
    async with a_database(postgres_dsn) as database, kasir_on(database) as kasir:
        await enqueue_job(kasir)
        with capture_logs() as logs:
            await work(kasir, job.run, stop)
        status = await job_statuses(kasir.pool)

    assert job.tries == 3
    assert status == []
    assert [log["error"] for log in logs] == ["ReadOnlySQLTransactionError", "TimeoutError"]
    assert {(log["event"], log["job"]) for log in logs} == {
        ("a job waits for the database", "work")
    }


async def statuses_after_stop(server: str, error: Exception) -> list[str]:
    """The statuses of all jobs after the only job raised this error while its worker stopped."""
    stop = asyncio.Event()

    async def run(_: bytes) -> None:
        stop.set()
        raise error

    async with a_database(server) as database, kasir_on(database) as kasir:
        await enqueue_job(kasir)
        await work(kasir, run, stop)
        return await job_statuses(kasir.pool)


async def test_a_worker_that_stops_without_its_database_leaves_the_job_queued(
    postgres_dsn: str,
) -> None:
    assert await statuses_after_stop(postgres_dsn, READ_ONLY) == ["queued"]


async def test_a_job_that_raises_another_error_is_failed(postgres_dsn: str) -> None:
    assert await statuses_after_stop(postgres_dsn, ZeroDivisionError()) == ["failed"]
