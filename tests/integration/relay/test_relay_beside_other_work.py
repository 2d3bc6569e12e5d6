"""The relay in a worker, in the clean-up, and as operators see it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from app_client import app_client
from command import TWIN, kasir
from fake_server import FakeServer, plain
from fakes import a_question, an_intent
from integration.relay.relay_setup import names_in, notify, relaying, run_relay
from integration.shop_events.bad_shops import hangs, misbehaving
from integration.shop_events.event_setup import SECRET, until, working
from integration.store.test_cleaning import age_rows, clean
from kasir.doctor.findings import findings_of
from kasir.store import relay
from kasir.store.inbox import NoticeState
from kasir.wiring import Parts
from opened_kasir import NOWHERE

WHAT = "the shop's Adyen handler takes relayed notifications"


async def waiting(kasir: Parts) -> int:
    return (await relay.backlog(kasir.pool, 10_000)).waiting


async def test_a_worker_relays_what_comes(fresh_database: str, handler: FakeServer) -> None:
    names = [f"PSP{number}" for number in range(30)]
    async with relaying(fresh_database, handler.url) as kasir, working(kasir), working(kasir):
        await notify(kasir, *names)
        await until(lambda: len(handler.asked) >= len(names))
        await until(lambda: _is_empty(kasir))

    assert names_in([body for _, _, body in handler.asked]) == names


async def _is_empty(kasir: Parts) -> bool:
    return await waiting(kasir) == 0


async def test_a_handler_that_hangs_delays_neither_reading_nor_events(
    fresh_database: str, handler: FakeServer
) -> None:
    events: dict[str, Any] = {"KASIR_EVENTS_URL": handler.url, "KASIR_EVENTS_SECRET": SECRET}
    async with misbehaving(hangs) as hanging:
        limits = {"event_timeout_s": 3600.0, "relay_lease_s": 7200.0}
        async with (
            relaying(fresh_database, hanging.url, limits=limits, **events) as kasir,
            working(kasir),
        ):
            await kasir.payments.open(an_intent("pay_1"), a_question("pay_1"), None)
            await notify(kasir, "PSPFIRST", merchantReference="ORDER-OF-OTHERS")
            await until(lambda: hanging.received)
            await notify(kasir, "PSPOWN", merchantReference="ORDER-1001")
            # Meanwhile the second notification is read, and its event delivered.
            await until(lambda: any(b"payment.authorised" in body for _, _, body in handler.asked))
            assert await waiting(kasir) == 2
            hanging.over.set()


async def test_a_notice_that_waits_for_the_relay_keeps_its_body(
    fresh_database: str, handler: FakeServer
) -> None:
    async with relaying(fresh_database, handler.url) as kasir:
        await kasir.payments.open(an_intent("pay_1"), a_question("pay_1"), None)
        await notify(kasir, "PSP1", merchantReference="ORDER-1001")
        await kasir.reader.read_all()
        assert await kasir.pool.fetchval("SELECT state FROM notice") == NoticeState.READ
        await age_rows(kasir)
        assert "notices" not in await clean(kasir)
        await run_relay(kasir)
        assert names_in([body for _, _, body in handler.asked]) == ["PSP1"]
        assert (await clean(kasir))["notices"] == 1


async def finding(fresh_database: str, url: str | None) -> tuple[bool, str]:
    """The doctor's finding about the relay."""
    environ = {**TWIN, "ADYEN_TWIN_URL": NOWHERE, "KASIR_DATABASE_URL": fresh_database}
    found = await findings_of(environ | ({"KASIR_RELAY_URL": url} if url else {}))
    (one,) = [finding for finding in found if finding.what == WHAT]
    return one.is_well, one.says


async def test_the_doctor_shows_what_waits_since_when_and_the_last_answer(
    fresh_database: str, handler: FakeServer
) -> None:
    assert await finding(fresh_database, None) == (True, "no relay is set")
    assert await finding(fresh_database, handler.url) == (True, "none waits")
    async with relaying(fresh_database, handler.url) as kasir:
        await notify(kasir, "PSP1", "PSP2")
        is_well, says = await finding(fresh_database, handler.url)
        (row, _) = await kasir.pool.fetch("SELECT id, received_at FROM notice ORDER BY id")
        since = row["received_at"].isoformat(timespec="seconds")
        expected = f"2 wait, the first ({row['id']}) since {since}"
        assert (is_well, says) == (True, expected)
        handler.handler = plain(503, b"")
        await run_relay(kasir)
        cure = "see `The relay's queue is waiting` in the runbook"
        refused = f"{expected}; the last answer was 503"
        assert await finding(fresh_database, handler.url) == (False, f"{refused}; {cure}")
        unset = "KASIR_RELAY_URL is not set, so they are kept and not sent"
        assert await finding(fresh_database, None) == (False, f"{refused}; {unset}; {cure}")
        await kasir.pool.execute("UPDATE relay_queue SET due_at = '-infinity'")
        handler.handler = plain(204, b"")
        await run_relay(kasir)
    assert await finding(fresh_database, handler.url) == (
        True,
        "none waits; the last answer was 204",
    )


async def test_the_doctor_shows_a_queue_that_nobody_works_on(
    fresh_database: str, handler: FakeServer
) -> None:
    async with relaying(fresh_database, handler.url) as kasir:
        await notify(kasir, "PSP1")
        await kasir.pool.execute("UPDATE notice SET received_at = now() - interval '2 minutes'")
    is_well, says = await finding(fresh_database, handler.url)

    assert not is_well
    assert says.startswith("1 wait, the first (")


async def test_the_metrics_have_the_length_the_age_and_the_failures_of_the_queue(
    fresh_database: str, handler: FakeServer
) -> None:
    handler.handler = plain(500, b"")
    async with relaying(fresh_database, handler.url) as kasir, app_client(kasir) as client:
        await notify(kasir, "PSP1", "PSP2")
        await run_relay(kasir)
        await kasir.pool.execute(
            "UPDATE notice SET received_at = received_at - $1::interval", timedelta(hours=1)
        )
        text = (await client.get("/metrics")).text

    figures = {
        family.name: family.samples[0].value
        for family in text_string_to_metric_families(text)
        if "relay" in family.name
    }
    assert figures["kasir_relay_waiting"] == 2
    assert figures["kasir_relay_failures"] == 1
    assert 3600 <= figures["kasir_oldest_waiting_relay_seconds"] < 7200


async def test_an_operator_removes_notifications_from_the_queue(
    fresh_database: str, handler: FakeServer
) -> None:
    handler.handler = plain(500, b"")
    environ = {**TWIN, "KASIR_DATABASE_URL": fresh_database}
    async with relaying(fresh_database, handler.url) as kasir_parts:
        await notify(kasir_parts, "PSP1", "PSP2", "PSP3")
        await run_relay(kasir_parts)
        first = (await relay.backlog(kasir_parts.pool, 10)).first
        dropped = await asyncio.to_thread(kasir, "relay", "drop", str(first), **environ)
        handler.handler = plain(200, b"")
        handler.asked.clear()
        await run_relay(kasir_parts)  # At once, not after the wait of the one that failed.
        assert names_in([body for _, _, body in handler.asked]) == ["PSP2", "PSP3"]
        await notify(kasir_parts, "PSP4", "PSP5")
        rest = await asyncio.to_thread(kasir, "relay", "drop", "--all", **environ)
        neither = await asyncio.to_thread(kasir, "relay", "drop", **environ)

        assert await waiting(kasir_parts) == 0
    assert dropped.stdout == "1 removed from the relay's queue\n"
    assert rest.stdout == "2 removed from the relay's queue\n"
    assert neither.returncode == 1
    assert "give the ids of notifications, or --all" in neither.stderr
