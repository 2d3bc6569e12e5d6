"""Notifications are relayed in order, each until the handler accepts it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from fake_server import FakeServer, plain, serving
from fakes import NOW, FrozenClock, notification_item
from integration.relay.relay_setup import names_in, notify, relaying, run_relay, take
from integration.shop_events.bad_shops import (
    Behave,
    hangs,
    huge,
    misbehaving,
    repeats,
    resets_after,
    sends,
)
from kasir.shop_events.sender import ShopClient
from kasir.store import relay
from kasir.store.inbox import Notice, NoticeKind
from kasir.store.limited import LimitedConnection
from kasir.store.relay import SQL, Backlog
from kasir.wiring import Parts

OK = b"HTTP/1.1 200 OK\r\n"
#: More than the buffers between a handler and a client that does not read can hold.
BUFFERS_BYTES = 16 * 1024 * 1024


def a_notice(number: int) -> Notice:
    return Notice(
        key=str(number).encode(),
        kind=NoticeKind.STANDARD,
        item=json.dumps(notification_item(pspReference=f"PSP{number}")).encode(),
        event_code="AUTHORISATION",
        names=(f"PSP{number}",),
        received_at=NOW,
    )


async def backlog(kasir: Parts) -> Backlog:
    return await relay.backlog(kasir.pool, 10_000)


def relayed(handler: FakeServer) -> list[str]:
    return names_in([body for _, _, body in handler.asked])


async def test_notifications_are_relayed_in_the_order_in_which_they_came(
    fresh_database: str, handler: FakeServer
) -> None:
    names = [f"PSP{number}" for number in range(20)]
    async with relaying(fresh_database, f"{handler.url}/adyen?shop=1") as kasir:
        await notify(kasir, *names)
        await run_relay(kasir)

        assert relayed(handler) == names
        assert {asked for asked, _, _ in handler.asked} == {"POST /adyen?shop=1"}
        assert (await backlog(kasir)).waiting == 0
        assert not await run_relay(kasir)


async def test_a_notification_that_adyen_repeats_is_relayed_once(
    fresh_database: str, handler: FakeServer
) -> None:
    async with relaying(fresh_database, handler.url) as kasir:
        await notify(kasir, "PSP1", "PSP1")
        await run_relay(kasir)
        await notify(kasir, "PSP1")

        assert not await run_relay(kasir)
    assert relayed(handler) == ["PSP1"]


async def test_while_one_notification_fails_later_ones_wait_and_the_order_is_kept(
    fresh_database: str, handler: FakeServer
) -> None:
    statuses = iter([200, 500, 302, 200, 200])

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=next(statuses))

    handler.handler, clock = answer, FrozenClock()
    async with relaying(fresh_database, handler.url, clock=clock) as kasir:
        await notify(kasir, "PSP1", "PSP2", "PSP3")
        for _ in range(3):
            await run_relay(kasir)
            assert not await run_relay(kasir)
            clock.advance(timedelta(seconds=9))

    assert relayed(handler) == ["PSP1", "PSP2", "PSP2", "PSP2", "PSP3"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_accepts_a_notification(
    fresh_database: str, handler: FakeServer, status: int
) -> None:
    handler.handler = plain(status, b"")
    async with relaying(fresh_database, handler.url) as kasir:
        await notify(kasir, "PSP1")
        with capture_logs() as logs:
            await run_relay(kasir)
        left = await backlog(kasir)

    assert (left.waiting, left.answer, left.failures) == (0, str(status), 0)
    assert logs == []


@pytest.mark.parametrize("status", [300, 302, 307, 400, 401, 404, 410, 429, 500, 503])
async def test_no_other_status_accepts_it_and_no_redirect_is_followed(
    fresh_database: str, handler: FakeServer, status: int
) -> None:
    async with serving() as target:
        target.handler = plain(200, b"")
        handler.handler = plain(status, b"no", Location=target.url)
        async with relaying(fresh_database, handler.url) as kasir:
            await notify(kasir, "PSP1")
            with capture_logs() as logs:
                await run_relay(kasir)
            left = await backlog(kasir)

    assert (left.waiting, left.answer, left.failures) == (1, str(status), 1)
    assert [
        {"log_level": "warning", "event": "a notification was not relayed", "notice": left.first}
        | {"status": status, "error": "", "failures": 1}
    ] == logs
    assert target.asked == []


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        pytest.param(sends(b""), "ServerDisconnectedError", id="hangs up"),
        pytest.param(sends(b"220 mail.example ESMTP\r\n"), "ClientResponseError", id="no HTTP"),
        pytest.param(resets_after(b""), "ClientOSError", id="resets"),
        pytest.param(repeats(OK + b"X: ", b"a" * 999), "ClientResponseError", id="endless header"),
        pytest.param(hangs, "ServerTimeoutError", id="hangs"),
    ],
)
async def test_a_handler_that_gives_no_answer_has_not_accepted(
    fresh_database: str, behave: Behave, error: str
) -> None:
    async with misbehaving(behave) as shop, relaying(fresh_database, shop.url) as kasir:
        await notify(kasir, "PSP1")
        with capture_logs() as logs:
            await run_relay(kasir, timeout_s=0.5 if behave is hangs else 15)
        left = await backlog(kasir)

    assert left.waiting == 1
    assert left.answer in {error, "TimeoutError"}
    assert [line["error"] for line in logs] == [left.answer]


async def test_an_address_that_the_client_refuses_is_a_failed_try(
    fresh_database: str, handler: FakeServer
) -> None:
    """The HTTP client raises a ValueError if the address has a password and a header has one."""
    user: dict[str, Any] = {"KASIR_RELAY_USER": "kasir", "KASIR_RELAY_PASSWORD": "hunter2"}
    async with relaying(fresh_database, handler.url, **user) as kasir:
        settings = kasir.relay.settings
        assert settings
        url = handler.url.replace("http://", "http://kasir:hunter2@")
        refused = replace(kasir, relay=replace(kasir.relay, settings=replace(settings, url=url)))
        await notify(kasir, "PSP1")
        with capture_logs() as logs:
            await run_relay(refused)
        left = await backlog(kasir)

    assert (left.waiting, left.failures, left.answer) == (1, 1, "ValueError")
    assert [(line["event"], line["error"]) for line in logs] == [
        ("a notification was not relayed", "ValueError")
    ]
    assert handler.asked == []


@pytest.mark.parametrize(("status", "waiting"), [(200, 0), (500, 1)])
async def test_of_a_huge_answer_the_status_counts_and_the_body_is_not_read(
    fresh_database: str, status: int, waiting: int
) -> None:
    async with misbehaving(huge(status)) as shop, relaying(fresh_database, shop.url) as kasir:
        await notify(kasir, "PSP1")
        await run_relay(kasir)

        assert (await backlog(kasir)).waiting == waiting
        assert shop.sent < BUFFERS_BYTES


async def test_a_failed_notification_is_retried_on_adyens_schedule_and_never_dropped(
    fresh_database: str, handler: FakeServer
) -> None:
    handler.handler, clock = plain(500, b""), FrozenClock()
    minutes, hours = 60, 3600
    gaps = [9, 9, 9, *(minutes * one for one in (2, 5, 10, 15, 30))]
    gaps += [hours * one for one in (1, 2, 4, 8, *[8] * 90)]  # More than thirty days.
    async with relaying(fresh_database, handler.url, clock=clock) as kasir:
        await notify(kasir, "PSP1")
        for gap in gaps:
            assert await run_relay(kasir)
            clock.advance(timedelta(seconds=gap - 1))
            assert not await run_relay(kasir)
            clock.advance(timedelta(seconds=1))
        handler.handler = plain(202, b"")
        await run_relay(kasir)
        await notify(kasir, "PSP2")
        handler.handler = plain(500, b"")
        await run_relay(kasir)

        assert len(handler.asked) == len(gaps) + 2
        left = await backlog(kasir)
        assert (left.waiting, left.failures) == (1, 1)  # The schedule began again.


async def test_one_job_at_a_time_has_the_queue(fresh_database: str, handler: FakeServer) -> None:
    async with (
        relaying(fresh_database, handler.url) as kasir,
        relaying(fresh_database, handler.url) as other,
    ):
        await notify(kasir, "PSP1")
        holder = await take(kasir)

        assert holder is not None
        assert await take(kasir) is None
        assert await take(other) is None
        await relay.release(kasir.pool, holder)
        assert await take(other) is not None


async def test_a_job_that_waits_for_a_worker_keeps_the_queue_and_a_running_one_shows_life(
    fresh_database: str, handler: FakeServer
) -> None:
    """The search for due work does not queue a second job while the first one waits."""
    jobs = "SELECT convert_from(payload, 'UTF8') FROM pgqueuer WHERE entrypoint = 'relay'"
    lease = timedelta(seconds=30)
    async with relaying(fresh_database, handler.url) as kasir:
        await notify(kasir, "PSP1")
        await kasir.due.look()
        await _advance_database(kasir, lease)
        await kasir.due.look()
        (row,) = await kasir.pool.fetch(jobs)
        assert await relay.first(kasir.pool, row[0], lease) is not None
        await _advance_database(kasir, lease)
        await kasir.due.look()
        assert len(await kasir.pool.fetch(jobs)) == 2


async def _advance_database(kasir: Parts, by: timedelta) -> None:
    """Let time pass for the lease, which ends by the database's clock."""
    await kasir.pool.execute(
        "UPDATE relay_queue SET held_until = held_until - $1::interval", by + timedelta(seconds=1)
    )


async def test_the_job_of_a_dead_worker_loses_the_queue_and_then_has_no_effect(
    fresh_database: str, handler: FakeServer
) -> None:
    limits = {"due_again_s": 0.0}
    async with relaying(fresh_database, handler.url, limits=limits) as kasir:
        await notify(kasir, "PSP1")
        dead, alive = await take(kasir), await take(kasir)

        assert dead
        assert alive
        async with ShopClient(15) as client:
            await kasir.relay.run(dead, client, asyncio.Event())
            assert handler.asked == []
            await kasir.relay.run(alive, client, asyncio.Event())
        assert relayed(handler) == ["PSP1"]


async def test_a_run_that_ends_between_request_and_record_is_repeated(
    fresh_database: str, handler: FakeServer
) -> None:
    received = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        received.set()
        await asyncio.sleep(30)  # The worker ends first.
        return web.Response()

    handler.handler = answer
    async with relaying(fresh_database, handler.url, limits={"relay_lease_s": 0.0}) as kasir:
        await notify(kasir, "PSP1", "PSP2")
        running = asyncio.create_task(run_relay(kasir))
        await received.wait()
        running.cancel()
        await asyncio.wait([running])
        handler.handler = plain(200, b"")
        await run_relay(kasir)

    assert relayed(handler) == ["PSP1", "PSP1", "PSP2"]


async def test_a_run_ends_when_the_worker_stops(fresh_database: str, handler: FakeServer) -> None:
    stop = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        stop.set()
        return web.Response()

    handler.handler = answer
    async with relaying(fresh_database, handler.url) as kasir:
        await notify(kasir, "PSP1", "PSP2")
        holder = await take(kasir)
        assert holder
        async with ShopClient(15) as client:
            await kasir.relay.run(holder, client, stop)
        assert relayed(handler) == ["PSP1"]
        assert await take(kasir) is not None  # The next worker goes on at once.


async def test_ten_thousand_waiting_notices_are_read_one_at_a_time(
    fresh_database: str, handler: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    fetch, fetchrow = LimitedConnection.fetch, LimitedConnection.fetchrow

    async def counting_fetch(connection: Any, query: str, *args: Any, **more: Any) -> Any:
        found = await fetch(connection, query, *args, **more)
        rows.append(len(found))
        return found

    async def counting_fetchrow(connection: Any, query: str, *args: Any, **more: Any) -> Any:
        rows.append(1)
        return await fetchrow(connection, query, *args, **more)

    async with relaying(fresh_database, handler.url, limits={"relay_run_max": 30}) as kasir:
        await kasir.inbox.keep([a_notice(number) for number in range(10_000)])
        assert (await backlog(kasir)).waiting == 10_000
        monkeypatch.setattr(LimitedConnection, "fetch", counting_fetch)
        monkeypatch.setattr(LimitedConnection, "fetchrow", counting_fetchrow)
        await run_relay(kasir)
        monkeypatch.undo()

        assert len(handler.asked) == 30
        assert len(rows) >= 30
        assert max(rows) == 1
        assert (await backlog(kasir)).waiting == 9_970


async def test_the_search_for_the_queue_does_not_scan_relayed_notices(fresh_database: str) -> None:
    async with relaying(fresh_database, "http://shop.example") as kasir:
        await kasir.inbox.keep([a_notice(number) for number in range(20_000)])
        await kasir.pool.execute("UPDATE relay SET state = 'accepted' WHERE id % 2 = 0")
        await kasir.pool.execute("ANALYZE")
        rows = await kasir.pool.fetch(f"EXPLAIN {SQL.take.sql}", timedelta(minutes=15), NOW)
    plan = "\n".join(row[0] for row in rows)

    assert "relay_waiting" in plan
    assert "Seq Scan on relay\n" not in plan
    assert "Seq Scan on relay " not in plan


async def test_a_long_queue_is_dropped_in_batches_the_oldest_first(
    fresh_database: str, handler: FakeServer
) -> None:
    async with relaying(fresh_database, handler.url) as kasir:
        await kasir.inbox.keep([a_notice(number) for number in range(25)])
        one = await SQL.drop_waiting(kasir.pool, notice_ids=[], now=NOW, most=10)
        left = "SELECT id FROM relay WHERE state = 'waiting' ORDER BY id"
        ids = [row["id"] for row in await kasir.pool.fetch(left)]
        total = await relay.drop(kasir.pool, [], NOW, batch_max=4)

        assert (one, len(ids), total) == (10, 15, 15)
        assert min(ids) > await kasir.pool.fetchval(
            "SELECT max(id) FROM relay WHERE id <> ALL ($1)", ids
        )
        assert (await backlog(kasir)).waiting == 0
