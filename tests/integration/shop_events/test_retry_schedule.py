"""The retry schedule of events: each wait, the last try, and the order of a payment's events."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Final

import pytest
from aiohttp import web

from fake_server import FakeServer, plain, serving
from fakes import FrozenClock
from integration.shop_events.bad_shops import hangs, misbehaving
from integration.shop_events.event_setup import (
    SECRET,
    kasir_with_shop,
    until,
    working,
    write_events,
)
from kasir.clock import OffsetClock, SystemClock
from kasir.shop_events.sender import EventSender
from kasir.store.deliveries import DeliveryState, deliveries, resend
from kasir.wiring import Parts

SECOND: Final = timedelta(seconds=1)
#: The waits in docs/api.md: 5 seconds; 1, 5 and 30 minutes; 2, 5, 10, 10, 14 and 24 hours.
WAITS: Final = [
    *(5 * SECOND, 60 * SECOND, 300 * SECOND, 1800 * SECOND),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 10, 14, 24)),
]


async def try_once(kasir: Parts, shop: FakeServer, name: str) -> None:
    """Try to deliver an event once, as its job does."""
    event_id = await kasir.pool.fetchval("SELECT id FROM event WHERE name = $1", name)
    async with EventSender(shop.url, secrets=[SECRET], timeout_s=15, world=SystemClock()) as sender:
        await kasir.delivery.deliver(event_id, sender)


async def ids_by_state(kasir: Parts) -> dict[str, list[str]]:
    """The ids of the events in each state."""
    return {
        state.value: [one.id for one in await deliveries(kasir.pool, state, 100)]
        for state in (DeliveryState.WAITING, DeliveryState.DELIVERED, DeliveryState.GIVEN_UP)
    }


async def test_retries_follow_the_schedule_and_the_event_is_kept_afterwards(
    fresh_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FrozenClock()
    async with serving() as shop, kasir_with_shop(fresh_database, shop.url, clock) as kasir:
        shop.handler = plain(503, b"")
        first, second = await write_events(kasir, "pay_1", "pay_1")
        assert await kasir.due.look() == 1  # The first event is due at once.
        await try_once(kasir, shop, first)
        for wait in WAITS:
            clock.advance(wait - SECOND)
            assert await kasir.due.look() == 0, wait
            clock.advance(SECOND)
            assert await kasir.due.look() == 1, wait
            await try_once(kasir, shop, first)

        assert [headers["webhook-id"] for _, headers, _ in shop.asked] == [first] * 11
        assert await ids_by_state(kasir) == {
            "waiting": [second],
            "delivered": [],
            "given_up": [first],
        }
        (given_up,) = await deliveries(kasir.pool, DeliveryState.GIVEN_UP, 100)
        try_times = [one.at for one in given_up.tries]
        assert [later - earlier for earlier, later in pairwise(try_times)] == WAITS
        assert {one.status for one in given_up.tries} == {503}
        printed = capsys.readouterr().out
        assert printed.count("an event was given up") == 1
        assert f"name={first} payment=pay_1 tries=11 type=payment.authorised" in printed
        # The shop can still fetch both events.
        assert [event.name for event in await kasir.events.after(None, limit=100)] == [
            first,
            second,
        ]

        # The payment's second event no longer waits for the first, which is never due again.
        assert await kasir.due.look() == 1
        shop.handler = plain(204, b"")
        await try_once(kasir, shop, second)
        clock.advance(timedelta(days=30))
        assert await kasir.due.look() == 0
        assert await ids_by_state(kasir) == {
            "waiting": [],
            "delivered": [second],
            "given_up": [first],
        }


async def test_an_event_that_was_given_up_restarts_its_schedule_when_it_is_resent(
    fresh_database: str,
) -> None:
    clock = FrozenClock()
    async with (
        serving() as shop,
        # An event is given up after two tries.
        kasir_with_shop(fresh_database, shop.url, clock, event_gaps_s=(0, 5)) as kasir,
    ):
        shop.handler = plain(503, b"")
        first, waiting = await write_events(kasir, "pay_1", "pay_2")
        for _ in range(2):
            await try_once(kasir, shop, first)

        assert await resend(kasir.pool, [], clock.now()) == [first]
        assert await resend(kasir.pool, [], clock.now()) == []
        assert await resend(kasir.pool, [waiting, "evt_nobody"], clock.now()) == []
        assert await kasir.due.look() == 2
        await try_once(kasir, shop, first)
        assert (await ids_by_state(kasir))["given_up"] == []  # A retry is due.
        shop.handler = plain(204, b"")
        await try_once(kasir, shop, first)
        assert await ids_by_state(kasir) == {
            "waiting": [waiting],
            "delivered": [first],
            "given_up": [],
        }
        # A delivered event can be sent again too, for a shop that has lost it.
        assert await resend(kasir.pool, [first], clock.now()) == [first]
        assert (await ids_by_state(kasir))["waiting"] == [waiting, first]
        (_, again) = await deliveries(kasir.pool, DeliveryState.WAITING, 100)
        assert [one.status for one in again.tries] == [503, 503, 503, 204]


async def test_no_event_of_a_payment_is_delivered_before_an_earlier_one_that_fails(
    fresh_database: str,
) -> None:
    clock, refusals = OffsetClock(), [500, 500, 500]

    async def refuse_the_first(request: web.Request) -> web.Response:
        is_first = request.headers["webhook-id"] == event_ids[0]
        return web.Response(status=refusals.pop() if is_first and refusals else 204)

    async with serving() as shop:
        shop.handler = refuse_the_first
        async with kasir_with_shop(fresh_database, shop.url, clock) as kasir, working(kasir):
            event_ids = await write_events(kasir, "pay_1", "pay_1", "pay_2", "pay_1")
            for count in range(1, 4):
                await until(lambda: _has_refusals(kasir, count))  # noqa: B023  # Awaited within the iteration.
                clock.offset += timedelta(minutes=10)
            await until(lambda: len(shop.asked) == 7)
    received = [headers["webhook-id"] for _, headers, _ in shop.asked]

    first, second, of_other_payment, third = event_ids
    of_this_payment = [event_id for event_id in received if event_id != of_other_payment]
    assert of_this_payment == [first] * 4 + [second, third]  # Three refusals, then accepted.
    assert received.count(of_other_payment) == 1


async def _has_refusals(kasir: Parts, count: int) -> bool:
    stored = await kasir.pool.fetchval("SELECT count(*) FROM event_try WHERE status = 500")
    return bool(stored == count)


async def test_a_shop_that_hangs_occupies_a_limited_number_of_jobs_and_delays_no_other_work(
    fresh_database: str,
) -> None:
    limits = {"event_deliveries_max": 3, "due_batch_max": 8}
    async with (
        misbehaving(hangs) as shop,
        kasir_with_shop(fresh_database, shop.url, None, **limits) as kasir,
        working(kasir),
    ):
        await write_events(kasir, *(f"pay_{number}" for number in range(40)))
        await until(lambda: len(shop.received) == 3)
        await _run_other_jobs(kasir, 30)  # They are enqueued after the deliveries.
        requests = len(shop.received)
        jobs = await kasir.pool.fetchval(
            "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'deliver'"
        )
        shop.over.set()

    assert requests == 3
    assert jobs == 8  # `due_batch_max`: the other events are not enqueued.


async def _run_other_jobs(kasir: Parts, count: int) -> None:
    """Enqueue jobs that deliver nothing, and wait until they are done."""
    async with kasir.pool.acquire() as connection, connection.transaction():
        for number in range(count):
            await connection.execute(
                "INSERT INTO pgqueuer (priority, status, entrypoint, payload)"
                " VALUES (0, 'queued', 'close', $1)",
                f"pay_nobody_{number}".encode(),
            )

    async def are_done() -> bool:
        return not await kasir.pool.fetchval(
            "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'close' AND status <> 'failed'"
        )

    await until(are_done)


async def test_without_an_address_waiting_events_are_kept_and_no_job_fails(
    fresh_database: str,
) -> None:
    clock = OffsetClock()
    async with serving() as shop:
        shop.handler = plain(204, b"")
        async with kasir_with_shop(fresh_database, shop.url, clock) as kasir:
            event_ids = await write_events(kasir, "pay_1")
        async with kasir_with_shop(fresh_database, "", clock) as kasir, working(kasir):

            async def has_run() -> bool:
                return bool(
                    await kasir.pool.fetchval(
                        "SELECT count(*) FROM pgqueuer_log"
                        " WHERE entrypoint = 'deliver' AND status = 'successful'"
                    )
                )

            await until(has_run)
        assert (await _tries(fresh_database, shop.url, clock)) == 0
        clock.offset += timedelta(hours=1)
        async with kasir_with_shop(fresh_database, shop.url, clock) as kasir, working(kasir):
            await until(lambda: shop.asked)

    assert [headers["webhook-id"] for _, headers, _ in shop.asked] == event_ids


async def _tries(database: str, url: str, clock: OffsetClock) -> int:
    async with kasir_with_shop(database, url, clock) as kasir:
        return int(await kasir.pool.fetchval("SELECT tries FROM event"))
