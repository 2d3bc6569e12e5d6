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
from kasir.cli.doctor import findings_of
from kasir.clock import OffsetClock
from kasir.demo.client import until
from kasir.gateway.account_checks import check_account
from kasir.gateway.clock_check import ClockCheck
from kasir.gateway.wire import Wire
from kasir.jobs.worker import work
from kasir.wiring import Parts, open_parts
from opened_kasir import NOWHERE, kasir_on, settings_on

LEAP: Final = timedelta(hours=2)


class Adyen:
    """A fake Adyen with a correct clock unless a test sets it; it records every cancel."""

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
async def a_kasir(database: str, url: str, machine: OffsetClock) -> AsyncIterator[Parts]:
    async with open_parts(settings_on(database, ADYEN_TWIN_URL=url), machine=machine) as kasir:
        yield kasir


async def an_attempt(kasir: Parts) -> None:
    """An unfinished payment that expires in half an hour."""
    now = datetime.now(UTC)
    question = a_question(opened_at=now, asked_at=now)
    await kasir.payments.open(
        an_intent(created_at=now, close_at=now + timedelta(minutes=30)), question, None
    )


@asynccontextmanager
async def a_worker(kasir: Parts) -> AsyncIterator[None]:
    stop = asyncio.Event()
    working = asyncio.create_task(work(kasir, stop))
    try:
        yield
    finally:
        stop.set()
        await working


async def until_logged(logs: list[Any], start: str) -> dict[str, Any]:
    async def look() -> list[dict[str, Any]]:
        return [one for one in logs if one["event"].startswith(start)]

    return (await until(look, bool, start))[0]


async def test_a_clock_that_leaps_two_hours_for_a_while_closes_nothing(
    fresh_database: str, adyen: Adyen
) -> None:
    machine = OffsetClock()
    async with a_kasir(fresh_database, adyen.fake_server.url, machine) as kasir:
        await an_attempt(kasir)
        with capture_logs() as logs:
            async with a_worker(kasir):
                machine.offset = LEAP
                warned = await until_logged(logs, "the clocks disagree")
                # An attempt due by now would be closed in this look or the next.
                await kasir.due.look(clocks_agree=await kasir.times.agree())
                machine.offset = timedelta()
                await until_logged(logs, "the clocks agree again")
        status = await kasir.pool.fetchval("SELECT status FROM payment")
        due_at = await kasir.pool.fetchval("SELECT close_due_at - close_at FROM payment")

    assert "+7200 s against the database" in warned["why"]
    assert adyen.cancels == 0
    assert (status, due_at) == ("created", timedelta())


async def test_a_clock_that_goes_right_closes_what_is_due(
    fresh_database: str, adyen: Adyen
) -> None:
    test_clock = OffsetClock()  # A test clock may leap: it is not a machine's clock.
    async with kasir_on(
        fresh_database, clock=test_clock, ADYEN_TWIN_URL=adyen.fake_server.url
    ) as kasir:
        await an_attempt(kasir)
        async with a_worker(kasir):
            test_clock.offset = LEAP

            async def look() -> int:
                return len(adyen.fake_server.asked)

            await until(look, bool, "Adyen is asked")

    assert adyen.fake_server.asked


@pytest.mark.parametrize("ahead", [LEAP, -LEAP, timedelta(seconds=70)])
async def test_a_clock_that_differs_much_from_adyens_is_not_trusted(
    fresh_database: str, adyen: Adyen, ahead: timedelta
) -> None:
    async with a_kasir(fresh_database, adyen.fake_server.url, OffsetClock()) as kasir:
        before = await kasir.times.agree()
        adyen.ahead = ahead
        await check_account(kasir.checkout.wire, kasir.settings.merchant_account)
        meanwhile = await kasir.times.agree()
        adyen.ahead = timedelta(seconds=20)
        await check_account(kasir.checkout.wire, kasir.settings.merchant_account)
        after = await kasir.times.agree()

    assert (before, meanwhile, after) == (True, False, True)


async def test_a_job_that_was_waiting_when_the_clock_leapt_is_left(
    fresh_database: str, adyen: Adyen
) -> None:
    machine = OffsetClock()
    async with a_kasir(fresh_database, adyen.fake_server.url, machine) as kasir:
        await an_attempt(kasir)
        await kasir.pool.execute("UPDATE payment SET close_due_at = now()")
        await kasir.due.look()
        machine.offset = LEAP
        async with a_worker(kasir):

            async def jobs() -> int:
                found: int = await kasir.pool.fetchval("SELECT count(*) FROM pgqueuer")
                return found

            await until(jobs, lambda count: count == 0, "every job was taken")

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
    found = []
    for ahead in (timedelta(), LEAP):
        adyen.ahead = ahead
        rows = await findings_of(environ)
        found += [(row.is_well, row.says) for row in rows if row.what == "the clocks agree"]
    async with in_process_app(fresh_database) as client:
        metrics = (await client.get("/metrics")).text

    (is_well, _), (is_well_then, says) = found
    assert (is_well, is_well_then) == (True, False)
    assert "against Adyen: nothing is closed or charged meanwhile" in says
    assert "kasir_clock_apart_seconds 0.0" in metrics


class Steady:
    """A machine with its own database, whose clock leaps with it."""

    def __init__(self) -> None:
        self.clock = OffsetClock()
        self.asked = 0
        self.adyen: datetime | None = None
        self.says: datetime | None = None
        self.looked = 0

    def times(self) -> ClockCheck:
        """Its clock, compared with the database's and Adyen's."""
        return ClockCheck(
            machine=self.clock,
            database_now=self.database_now,
            adyen=cast("Wire", self),
            apart_max=timedelta(seconds=60),
        )

    async def database_now(self) -> datetime:
        """The time of a database on this machine."""
        self.looked += 1
        return self.clock.now()

    def adyen_time(self) -> datetime | None:
        """The last time that Adyen reported."""
        return self.adyen

    async def ask_time(self) -> None:
        """Have Adyen report its time."""
        self.asked += 1
        self.adyen = self.says


@pytest.mark.parametrize(
    ("says", "is_well"),
    [
        pytest.param(None, False, id="Adyen does not answer"),
        pytest.param(timedelta(), False, id="Adyen's clock did not leap"),
        pytest.param(LEAP, True, id="the machine slept"),
    ],
)
async def test_where_the_database_leaps_with_the_machine_adyen_is_asked(
    says: timedelta | None, is_well: bool
) -> None:
    machine = Steady()
    times = machine.times()
    before = await times.agree()
    machine.clock.offset = LEAP
    machine.says = None if says is None else datetime.now(UTC) + says
    after = [await times.agree() for _ in range(3)]

    assert before
    assert after == [is_well] * 3
    assert machine.asked == 1  # Not at each look.


async def test_a_time_from_adyen_before_the_machine_slept_is_not_compared() -> None:
    # The monotonic clock, which extends its last answer, stopped meanwhile.
    machine = Steady()
    times = machine.times()
    machine.adyen = datetime.now(UTC)
    before = await times.agree()
    machine.clock.offset = LEAP
    machine.says = datetime.now(UTC) + LEAP
    after = [await times.agree() for _ in range(3)]

    assert before
    assert after == [True] * 3
    assert machine.asked == 1


async def test_many_jobs_of_one_moment_ask_the_database_once_and_a_leap_is_seen_at_once() -> None:
    machine = Steady()
    times = machine.times()
    before = [await times.still_agree() for _ in range(100)]
    looked = machine.looked
    machine.clock.offset = LEAP
    after = await times.still_agree()

    assert before == [True] * 100
    assert looked == 1
    assert not after


async def test_adyen_that_cannot_be_asked_for_the_time_is_a_line_in_the_log(
    fresh_database: str,
) -> None:
    async with a_kasir(fresh_database, NOWHERE, OffsetClock()) as kasir:
        with capture_logs() as logs:
            await kasir.times.adyen.ask_time()
        there = kasir.times.adyen.adyen_time()

    assert [one["event"] for one in logs] == ["Adyen did not return its time"]
    assert there is None


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 26 Nov 2026 04:08:19"])
async def test_an_invalid_date_is_ignored(fresh_database: str, adyen: Adyen, date: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(headers={"Date": date})

    adyen.fake_server.handler = answer
    async with a_kasir(fresh_database, adyen.fake_server.url, OffsetClock()) as kasir:
        await kasir.times.adyen.ask_time()
        there = kasir.times.adyen.adyen_time()

    assert there is None
