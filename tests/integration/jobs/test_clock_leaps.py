"""When the machine's clock leaps, nothing is closed or charged, and the error is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final, cast

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from fake_server import FakeServer, serving
from fakes import KEY, a_question, an_intent
from in_process_app import in_process_app
from kasir.clock import OffsetClock
from kasir.demo.client import until
from kasir.doctor.findings import findings_of
from kasir.gateway.account_checks import check_account
from kasir.gateway.clock_check import ClockCheck
from kasir.gateway.wire import Wire
from kasir.jobs.worker import work
from kasir.wiring import Parts, open_parts
from opened_kasir import NOWHERE, kasir_on, settings_on

LEAP: Final = timedelta(hours=2)


class Adyen:
    """A fake Adyen that counts cancels; its clock is correct unless a test sets `ahead`."""

    def __init__(self, fake_server: FakeServer) -> None:
        self.fake_server = fake_server
        self.ahead = timedelta()
        fake_server.handler = self._answer

    async def _answer(self, _: web.Request) -> web.Response:
        date = format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)
        return web.json_response({"status": "received"}, status=201, headers={"Date": date})

    @property
    def cancels(self) -> int:
        """The number of calls to cancel by reference."""
        return sum(what.endswith("/cancels") for what, _, _ in self.fake_server.asked)


@pytest.fixture
async def adyen() -> AsyncIterator[Adyen]:
    async with serving() as fake_server:
        yield Adyen(fake_server)


@asynccontextmanager
async def kasir_with_clock(
    database: str, url: str, machine_clock: OffsetClock
) -> AsyncIterator[Parts]:
    async with open_parts(
        settings_on(database, ADYEN_TWIN_URL=url), machine=machine_clock
    ) as kasir:
        yield kasir


async def open_attempt(kasir: Parts) -> None:
    """Store an unfinished payment that expires in half an hour."""
    now = datetime.now(UTC)
    question = a_question(opened_at=now, asked_at=now)
    await kasir.payments.open(
        an_intent(created_at=now, close_at=now + timedelta(minutes=30)), question, None
    )


@asynccontextmanager
async def running_worker(kasir: Parts) -> AsyncIterator[None]:
    stop = asyncio.Event()
    working = asyncio.create_task(work(kasir, stop))
    try:
        yield
    finally:
        stop.set()
        await working


async def until_logged(logs: list[Any], start: str) -> dict[str, Any]:
    """Wait for a log record whose event starts with this text; returns the record."""

    async def matching() -> list[dict[str, Any]]:
        return [log for log in logs if log["event"].startswith(start)]

    return (await until(matching, bool, start))[0]


async def test_nothing_is_closed_while_the_machines_clock_is_two_hours_ahead(
    fresh_database: str, adyen: Adyen
) -> None:
    machine_clock = OffsetClock()
    async with kasir_with_clock(fresh_database, adyen.fake_server.url, machine_clock) as kasir:
        await open_attempt(kasir)
        with capture_logs() as logs:
            async with running_worker(kasir):
                machine_clock.offset = LEAP
                warned = await until_logged(logs, "the clocks disagree")
                # If an attempt were due, this check or the next would close it.
                await kasir.due.look(clocks_agree=await kasir.times.agree())
                machine_clock.offset = timedelta()
                await until_logged(logs, "the clocks agree again")
        status = await kasir.pool.fetchval("SELECT status FROM payment")
        postponed_by = await kasir.pool.fetchval("SELECT close_due_at - close_at FROM payment")

    assert "+7200 s against the database" in warned["why"]
    assert adyen.cancels == 0
    assert (status, postponed_by) == ("created", timedelta())


async def test_a_due_attempt_is_closed_while_the_machines_clock_is_correct(
    fresh_database: str, adyen: Adyen
) -> None:
    test_clock = OffsetClock()  # Kasir does not check a test clock, so it may leap.
    async with kasir_on(
        fresh_database, clock=test_clock, ADYEN_TWIN_URL=adyen.fake_server.url
    ) as kasir:
        await open_attempt(kasir)
        async with running_worker(kasir):
            test_clock.offset = LEAP

            async def calls() -> int:
                return len(adyen.fake_server.asked)

            await until(calls, bool, "a call to Adyen")

    assert adyen.fake_server.asked


@pytest.mark.parametrize("ahead", [LEAP, -LEAP, timedelta(seconds=70)])
async def test_a_clock_that_differs_much_from_adyens_is_not_trusted(
    fresh_database: str, adyen: Adyen, ahead: timedelta
) -> None:
    async with kasir_with_clock(fresh_database, adyen.fake_server.url, OffsetClock()) as kasir:
        before = await kasir.times.agree()
        adyen.ahead = ahead
        await check_account(kasir.checkout.wire, kasir.settings.merchant_account)
        meanwhile = await kasir.times.agree()
        adyen.ahead = timedelta(seconds=20)
        await check_account(kasir.checkout.wire, kasir.settings.merchant_account)
        after = await kasir.times.agree()

    assert (before, meanwhile, after) == (True, False, True)


async def test_a_job_queued_before_the_clock_leapt_does_not_call_adyen(
    fresh_database: str, adyen: Adyen
) -> None:
    machine_clock = OffsetClock()
    async with kasir_with_clock(fresh_database, adyen.fake_server.url, machine_clock) as kasir:
        await open_attempt(kasir)
        await kasir.pool.execute("UPDATE payment SET close_due_at = now()")
        await kasir.due.look()
        machine_clock.offset = LEAP
        async with running_worker(kasir):

            async def jobs() -> int:
                found: int = await kasir.pool.fetchval("SELECT count(*) FROM pgqueuer")
                return found

            await until(jobs, lambda count: count == 0, "no job in the queue")

    assert adyen.fake_server.asked == []


async def test_the_doctor_and_the_metrics_show_the_error_of_the_clock(
    fresh_database: str, adyen: Adyen
) -> None:
    environ = {
        "ADYEN_ENVIRONMENT": "twin",
        "ADYEN_TWIN_URL": adyen.fake_server.url,
        "ADYEN_HMAC_KEY": KEY,
        "KASIR_DATABASE_URL": fresh_database,
    }
    clock_checks = []
    for ahead in (timedelta(), LEAP):
        adyen.ahead = ahead
        rows = await findings_of(environ)
        clock_checks += [(row.is_well, row.says) for row in rows if row.what == "the clocks agree"]
    async with in_process_app(fresh_database) as client:
        metrics = (await client.get("/metrics")).text

    (is_well_before, _), (is_well_after, says) = clock_checks
    assert (is_well_before, is_well_after) == (True, False)
    assert "against Adyen: nothing is closed or charged meanwhile" in says
    assert "kasir_clock_apart_seconds 0.0" in metrics


class MachineWithDatabase:
    """A machine with its own database; one clock, which may leap, serves both.

    It also replaces the connection to Adyen, which reports Adyen's time.

    Attributes:
        reported: The time that Adyen last reported, if any.
        adyen_now: What Adyen reports next; None is no answer.
        adyen_calls: How often Adyen was asked.
    """

    def __init__(self) -> None:
        self.clock = OffsetClock()
        self.adyen_calls = 0
        self.reported: datetime | None = None
        self.adyen_now: datetime | None = None
        self.database_reads = 0

    def times(self) -> ClockCheck:
        """The check of this machine's clock against those of the database and Adyen."""
        return ClockCheck(
            machine=self.clock,
            database_now=self.database_now,
            adyen=cast("Wire", self),
            apart_max=timedelta(seconds=60),
        )

    async def database_now(self) -> datetime:
        """The time of a database on this machine."""
        self.database_reads += 1
        return self.clock.now()

    def adyen_time(self) -> datetime | None:
        """The time that Adyen last reported, if any."""
        return self.reported

    async def ask_time(self) -> None:
        """Receive Adyen's time, or none if Adyen does not answer."""
        self.adyen_calls += 1
        self.reported = self.adyen_now


@pytest.mark.parametrize(
    # How far Adyen's clock is ahead of the correct time; None is no answer.
    ("adyen_ahead", "is_well"),
    [
        pytest.param(None, False, id="Adyen does not answer"),
        pytest.param(timedelta(), False, id="Adyen's clock did not leap"),
        pytest.param(LEAP, True, id="the machine slept"),
    ],
)
async def test_adyen_is_asked_once_if_the_database_leaps_with_the_machine(
    adyen_ahead: timedelta | None, is_well: bool
) -> None:
    machine = MachineWithDatabase()
    times = machine.times()
    before = await times.agree()
    machine.clock.offset = LEAP
    machine.adyen_now = None if adyen_ahead is None else datetime.now(UTC) + adyen_ahead
    after = [await times.agree() for _ in range(3)]

    assert before
    assert after == [is_well] * 3
    assert machine.adyen_calls == 1  # Not at each check.


async def test_a_time_from_adyen_before_the_machine_slept_is_not_compared() -> None:
    # Kasir adds the monotonic clock's time since then, but that clock stops during sleep.
    machine = MachineWithDatabase()
    times = machine.times()
    machine.reported = datetime.now(UTC)
    before = await times.agree()
    machine.clock.offset = LEAP
    machine.adyen_now = datetime.now(UTC) + LEAP
    after = [await times.agree() for _ in range(3)]

    assert before
    assert after == [True] * 3
    assert machine.adyen_calls == 1


async def test_many_simultaneous_jobs_read_the_databases_clock_once_and_detect_a_leap() -> None:
    machine = MachineWithDatabase()
    times = machine.times()
    before = [await times.still_agree() for _ in range(100)]
    reads = machine.database_reads
    machine.clock.offset = LEAP
    after = await times.still_agree()

    assert before == [True] * 100
    assert reads == 1
    assert not after


async def test_a_failed_request_for_adyens_time_is_logged(
    fresh_database: str,
) -> None:
    async with kasir_with_clock(fresh_database, NOWHERE, OffsetClock()) as kasir:
        with capture_logs() as logs:
            await kasir.times.adyen.ask_time()
        adyen_time = kasir.times.adyen.adyen_time()

    assert [log["event"] for log in logs] == ["Adyen did not return its time"]
    assert adyen_time is None


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 26 Nov 2026 04:08:19"])
async def test_an_invalid_date_header_of_adyen_is_ignored(
    fresh_database: str, adyen: Adyen, date: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(headers={"Date": date})

    adyen.fake_server.handler = answer
    async with kasir_with_clock(fresh_database, adyen.fake_server.url, OffsetClock()) as kasir:
        await kasir.times.adyen.ask_time()
        adyen_time = kasir.times.adyen.adyen_time()

    assert adyen_time is None
