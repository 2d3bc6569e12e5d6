"""A job whose handler raises is held, shown to the operator, and run again."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from command import TWIN, is_one_line
from command import kasir as command
from kasir.cli.operator import list_failed_jobs, retry_jobs
from kasir.doctor import checks
from kasir.errors import NotFound
from kasir.jobs import engine, failed
from kasir.jobs.kinds import JobKind
from kasir.jobs.worker import work
from kasir.limits import Limits
from kasir.web.app import create_app
from kasir.wiring import Parts
from opened_kasir import until


async def _run_worker_until(kasir: Parts, query: str) -> list[Any]:
    """Run a worker until a query returns true; return its log."""
    stop = asyncio.Event()
    with capture_logs() as logs:
        working = asyncio.create_task(work(kasir, stop))
        await until(lambda: kasir.pool.fetchval(query))
        stop.set()
        await working
    return logs


async def _run_failing_jobs(kasir: Parts, *payloads: bytes) -> None:
    """Run one job per payload with a handler that raises; return when all have failed."""
    async with kasir.pool.acquire() as connection:
        await engine.enqueue(connection, "breaks", payloads)
    stop = asyncio.Event()

    async def breaks(payload: bytes) -> None:
        raise RuntimeError(f"cannot do\n{payload.decode()}")

    working = asyncio.create_task(
        engine.work(kasir.pool, {"breaks": breaks}, stop, held_max=20, cut=asyncio.Event())
    )
    query = "SELECT count(*) = $1 FROM pgqueuer WHERE status = 'failed'"
    await until(lambda: kasir.pool.fetchval(query, len(payloads)))
    stop.set()
    await working


async def test_a_failed_job_is_listed_with_its_subject_and_error(
    kasir_of_jobs: Parts,
) -> None:
    await _run_failing_jobs(kasir_of_jobs, b"pay_1")
    (job,) = await failed.failed(kasir_of_jobs.pool, most=10)
    count, since = await failed.count_failed(kasir_of_jobs.pool, most=10)

    assert (job.job, job.about, job.tries) == ("breaks", "pay_1", 1)
    assert job.error == "RuntimeError: cannot do pay_1"
    assert (count, since) == (1, job.failed_at)


async def test_a_failed_job_whose_log_was_deleted_is_listed_without_an_error(
    kasir_of_jobs: Parts,
) -> None:
    await _run_failing_jobs(kasir_of_jobs, b"pay_1")
    await kasir_of_jobs.pool.execute("DELETE FROM pgqueuer_log")
    (job,) = await failed.failed(kasir_of_jobs.pool, most=10)

    assert (job.about, job.error) == ("pay_1", "")


async def test_the_commands_list_failed_jobs_and_run_them_again(
    kasir_of_jobs: Parts,
    fresh_database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {**TWIN, "KASIR_DATABASE_URL": fresh_database}.items():
        monkeypatch.setenv(name, value)
    await _run_failing_jobs(kasir_of_jobs, b"pay_1", b"pay_2")
    capsys.readouterr()  # Discards the engine's log.
    await list_failed_jobs(most=10, as_json=True)
    listed = json.loads(capsys.readouterr().out)
    await list_failed_jobs(most=10, as_json=False)
    shown = capsys.readouterr().out
    with pytest.raises(NotFound, match="no failed job '999999'"):
        await retry_jobs([listed[0]["id"], 999_999])
    failed_after_the_error = len(await failed.failed(kasir_of_jobs.pool, most=10))
    await retry_jobs([listed[0]["id"]])
    await retry_jobs([])  # All the others.
    output = capsys.readouterr().out
    queued = await kasir_of_jobs.pool.fetch("SELECT status, attempts FROM pgqueuer")

    assert {job["about"] for job in listed} == {"pay_1", "pay_2"}
    assert set(listed[0]) == {"id", "job", "about", "failedAt", "tries", "error"}
    assert datetime.fromisoformat(listed[0]["failedAt"]).tzinfo is not None
    assert "RuntimeError: cannot do pay_1" in shown
    assert shown.endswith("2 failed\n")
    assert failed_after_the_error == 2
    assert output == "1 to be run again\n1 to be run again\n"
    assert [tuple(row) for row in queued] == [("queued", 0)] * 2


def test_retrying_a_job_that_did_not_fail_exits_1_and_an_invalid_number_exits_2(
    fresh_database: str,
) -> None:
    environ = {**TWIN, "KASIR_DATABASE_URL": fresh_database}
    unknown = command("jobs", "retry", "17", **environ)
    invalid = command("jobs", "retry", "seventeen", **environ)
    listed = command("jobs", "failed", "--json", **environ)

    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert is_one_line(unknown.stderr)
    assert "no failed job '17'" in unknown.stderr
    assert (invalid.returncode, invalid.stdout) == (2, "")
    assert is_one_line(invalid.stderr)
    assert (listed.returncode, listed.stdout, listed.stderr) == (0, "[]\n", "")


async def test_failed_jobs_fail_the_doctor_and_are_counted_in_the_metrics(
    kasir_of_jobs: Parts,
) -> None:
    kasir = kasir_of_jobs
    before = await checks._jobs(kasir)  # noqa: SLF001  # The whole doctor needs a twin.
    await _run_failing_jobs(kasir, b"pay_1", b"pay_2")
    failing = await checks._jobs(kasir)  # noqa: SLF001
    app = create_app(kasir.settings)
    app.state.parts = kasir
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),  # type: ignore[arg-type]  # Litestar is an ASGI app.
        base_url="http://kasir",
    ) as http:
        metrics = (await http.get("/metrics")).text

    assert before.is_well
    assert not failing.is_well
    assert "2 failed" in failing.says
    assert "kasir jobs retry" in failing.says
    assert "\nkasir_jobs_failed 2.0\n" in metrics


async def test_a_job_that_failed_an_hour_ago_is_run_again_by_the_worker(
    kasir_of_jobs: Parts,
) -> None:
    async with kasir_of_jobs.pool.acquire() as connection:
        await engine.enqueue(connection, JobKind.READ_NOTICES, [b"x"])
    await kasir_of_jobs.pool.execute(
        "UPDATE pgqueuer SET status = 'failed', updated = now() - interval '1 hour'"
    )
    logs = await _run_worker_until(
        kasir_of_jobs,
        "SELECT NOT EXISTS (SELECT FROM pgqueuer)",
    )

    assert {"event": "cleaned up", "retried": 1, "removed": {}, "log_level": "info"} in logs


async def test_a_job_that_failed_at_every_retry_is_left_to_the_operator(
    kasir_of_jobs: Parts,
) -> None:
    await _run_failing_jobs(kasir_of_jobs, b"pay_1")
    retries = Limits().job_retries_max
    counts = []
    for _ in range(retries + 2):
        counts.append(
            await failed.retry_automatically(kasir_of_jobs.pool, retries, after_s=0, most=10)
        )
        await kasir_of_jobs.pool.execute("UPDATE pgqueuer SET status = 'failed'")

    assert counts == [1] * retries + [0, 0]
    assert [job.tries for job in await failed.failed(kasir_of_jobs.pool, most=10)] == [retries + 1]


async def test_restarted_workers_do_not_retry_a_job_that_failed_just_now(
    kasir_of_jobs: Parts,
) -> None:
    await kasir_of_jobs.pool.execute(
        "INSERT INTO pgqueuer (priority, entrypoint, status, updated) VALUES"
        " (0, 'just_now', 'failed', now() - interval '5 minutes'),"
        " (0, 'read_notices', 'failed', now() - interval '15 minutes')"
    )
    for _ in range(2):
        await _run_worker_until(
            kasir_of_jobs,
            "SELECT NOT EXISTS (SELECT FROM pgqueuer WHERE entrypoint = 'read_notices')",
        )
    (job,) = await failed.failed(kasir_of_jobs.pool, most=10)

    assert (job.job, job.tries) == ("just_now", 1)


async def test_a_clean_up_that_fails_is_logged_and_the_work_goes_on(kasir_of_jobs: Parts) -> None:
    # The clean-up begins with links that have this column.
    await kasir_of_jobs.pool.execute("ALTER TABLE payment_link RENAME COLUMN request TO asked")
    async with kasir_of_jobs.pool.acquire() as connection:
        await engine.enqueue(connection, JobKind.CLOSE, [b"pay_none"])
    logs = await _run_worker_until(kasir_of_jobs, "SELECT NOT EXISTS (SELECT FROM pgqueuer)")
    errors = [(log["event"], log.get("error")) for log in logs]

    assert ("cleaning failed", "UndefinedColumnError") in errors


async def test_all_of_2300_failed_jobs_are_run_again(kasir_of_jobs: Parts) -> None:
    await kasir_of_jobs.pool.execute(
        "INSERT INTO pgqueuer (priority, entrypoint, status)"
        " SELECT 0, 'x', 'failed' FROM generate_series(1, 2_300)"
    )

    assert await failed.retry(kasir_of_jobs.pool, []) == 2_300
    assert await failed.count_failed(kasir_of_jobs.pool, most=10) == (0, None)
