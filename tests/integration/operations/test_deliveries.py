"""Deliveries are listed with their tries, sent again, and wait while their address is paused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from app_client import app_client
from fake_server import FakeServer, plain
from fakes import NOW, OTHER_KEY, FrozenClock
from integration.relay.relay_setup import names_in, notify, run_relay
from integration.shop_events.event_setup import SECRET, write_events
from kasir.clock import SystemClock
from kasir.jobs.due import SQL as DUE
from kasir.shop_events.sender import EventSender
from kasir.wiring import Parts
from opened_kasir import kasir_on
from statements import counted_statements


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of a Kasir that sends events, and relays notifications, to a shop."""

    kasir: Parts
    http: httpx.AsyncClient
    shop: FakeServer
    clock: FrozenClock

    async def get(self, query: str = "") -> Any:
        """List deliveries."""
        return await self.ok("GET", f"/api/deliveries{query}")

    async def ids(self, query: str = "") -> list[str]:
        """The ids of listed deliveries."""
        return [one["id"] for one in (await self.get(query))["deliveries"]]

    async def ok(self, method: str, path: str, body: object = None) -> Any:
        """Call the API, which must succeed."""
        response = await self.http.request(method, path, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def work(self) -> int:
        """Send the events that are due, and run the relay; returns how many jobs there were."""
        count = await self.kasir.due.look(clocks_agree=False)
        await self.run_jobs()
        return count

    async def run_jobs(self) -> None:
        """Run the queued jobs of events and of the relay."""
        pool = self.kasir.pool
        rows = await pool.fetch("DELETE FROM pgqueuer RETURNING entrypoint, payload")
        async with EventSender(self.shop.url, [SECRET], 15, SystemClock()) as sender:
            for row in rows:
                if row["entrypoint"] == "deliver":
                    await self.kasir.delivery.deliver(int(row["payload"]), sender)
        await pool.execute("UPDATE relay_queue SET holder = NULL")
        await run_relay(self.kasir)

    def sent(self) -> list[str]:
        """The `webhook-id` of each event that came to the shop."""
        return [
            headers["webhook-id"] for _, headers, _ in self.shop.asked if "webhook-id" in headers
        ]

    def relayed(self) -> list[str]:
        """The pspReference of each notification that came to the shop."""
        bodies = [body for _, headers, body in self.shop.asked if "webhook-id" not in headers]
        return names_in(bodies)


@asynccontextmanager
async def operating(database: str, shop: FakeServer, **environ: str) -> AsyncIterator[Operator]:
    clock = FrozenClock()
    settings = {
        "KASIR_API_KEY": "shop-key",
        "KASIR_EVENTS_URL": f"{shop.url}/events?secret=1",
        "KASIR_EVENTS_SECRET": SECRET,
        "KASIR_RELAY_URL": f"{shop.url}/adyen",
        "ADYEN_TOKEN_HMAC_KEY": OTHER_KEY,
    } | environ
    async with (
        kasir_on(database, clock=clock, **settings) as kasir,
        app_client(kasir, X_API_Key="shop-key") as http,
    ):
        yield Operator(kasir, http, shop, clock)


@pytest.fixture
async def operator(fresh_database: str, shop: FakeServer) -> AsyncIterator[Operator]:
    async with operating(fresh_database, shop) as opened:
        yield opened


async def test_events_and_relayed_notifications_are_listed_with_each_try(
    operator: Operator, shop: FakeServer
) -> None:
    (event,) = await write_events(operator.kasir, "pay_1")
    operator.clock.advance(timedelta(seconds=1))
    await notify(operator.kasir, "PSP1")
    shop.handler = plain(503, b"")
    await operator.work()
    shop.handler = plain(204, b"")
    operator.clock.advance(timedelta(seconds=9))
    await operator.work()
    page = await operator.get()

    assert page["next"] is None
    relayed, sent = page["deliveries"]
    assert sent == {
        "id": event,
        "event": "payment.authorised",
        "address": "events",
        "state": "delivered",
        "createdAt": "2026-11-23T10:00:00Z",
        "tries": [
            {"at": "2026-11-23T10:00:01Z", "status": 503},
            {"at": "2026-11-23T10:00:10Z", "status": 204},
        ],
        "to": f"{shop.url}/events",
        "subject": "pay_1",
    }
    assert (relayed["address"], relayed["event"], relayed["state"], relayed["to"]) == (
        "relay",
        "AUTHORISATION",
        "delivered",
        f"{shop.url}/adyen",
    )
    assert relayed["tries"] == sent["tries"]
    for one in page["deliveries"]:
        assert await operator.ok("GET", f"/api/deliveries/{one['id']}") == one


async def test_a_try_without_an_answer_is_listed_with_its_error(
    operator: Operator, shop: FakeServer
) -> None:
    await write_events(operator.kasir, "pay_1")
    await notify(operator.kasir, "PSP1")
    away = operator.kasir.deliveries.events_url
    shop.handler = None  # The server fails, and closes the connection without an answer.
    await operator.work()
    listed = (await operator.get())["deliveries"]

    assert away
    assert [[sorted(one) for one in each["tries"]] for each in listed] == [[["at", "status"]]] * 2
    assert {each["state"] for each in listed} == {"waiting"}


async def test_deliveries_are_filtered_by_address_state_event_and_payment(
    operator: Operator, shop: FakeServer
) -> None:
    first, second = await write_events(operator.kasir, "pay_1", "pay_2")
    await operator.work()
    (third,) = await write_events(operator.kasir, "pay_3")
    await operator.kasir.pool.execute(
        "UPDATE event SET type = 'payment.refused' WHERE name = $1", second
    )
    await notify(operator.kasir, "PSP1")
    await operator.kasir.pool.execute("UPDATE notice SET payment_id = 'pay_1'")
    relayed = "rly_1"

    assert set(await operator.ids()) == {first, second, third, relayed}
    for query, ids in (
        ("to=relay", [relayed]),
        (f"to={shop.url}/adyen", [relayed]),
        ("to=events", [third, second, first]),
        (f"to={shop.url}/events", [third, second, first]),
        ("state=waiting&to=events", [third]),
        ("state=delivered", [second, first]),
        ("state=given_up", []),
        ("state=skipped", []),
        ("event=payment.refused", [second]),
        ("event=AUTHORISATION", [relayed]),
        ("payment=pay_3", [third]),
        ("payment=pay_1&to=relay", [relayed]),
        ("payment=pay_1&state=delivered", [first]),
        ("payment=nobody", []),
    ):
        assert await operator.ids(f"?{query}") == ids, query


async def test_pages_list_each_delivery_once_with_the_newest_first(operator: Operator) -> None:
    expected: list[str] = []
    for number in range(4):
        expected += await write_events(operator.kasir, f"pay_{number}")
        operator.clock.advance(timedelta(seconds=1))
        await notify(operator.kasir, f"PSP{number}")
        expected.append(f"rly_{number + 1}")
        operator.clock.advance(timedelta(seconds=1))
    listed, after = list[str](), ""
    for _ in range(9):  # At most, if the pages never end.
        page = await operator.get(f"?limit=3{after}")
        listed += [one["id"] for one in page["deliveries"]]
        if page["next"] is None:
            break
        await write_events(operator.kasir, "pay_late")  # Newer, so no later page lists it.
        after = f"&after={page['next']}"

    assert listed == expected[::-1]


async def test_the_number_of_statements_does_not_grow_with_the_list(operator: Operator) -> None:
    counts = []
    for number in (1, 20):
        await write_events(operator.kasir, *(f"pay_{number}_{each}" for each in range(number)))
        await notify(operator.kasir, *(f"PSP{number}X{each}" for each in range(number)))
        with counted_statements() as counted:
            await operator.get()
        counts.append(counted.total())

    assert counts[0] == counts[1]


async def test_a_delivery_is_sent_once_more_with_its_own_id(operator: Operator) -> None:
    (event,) = await write_events(operator.kasir, "pay_1")
    await notify(operator.kasir, "PSP1")
    await operator.work()
    again = await operator.ok("POST", f"/api/deliveries/{event}/resend")
    relayed = await operator.ok("POST", "/api/deliveries/rly_1/resend")
    waiting = await operator.ok("POST", f"/api/deliveries/{event}/resend")
    await operator.work()

    assert [again["state"], relayed["state"], waiting["state"]] == ["waiting"] * 3
    assert operator.sent() == [event, event]
    assert operator.relayed() == ["PSP1", "PSP1"]
    listed = (await operator.get())["deliveries"]
    assert [len(one["tries"]) for one in listed] == [2, 2]


async def test_what_ended_since_a_time_is_sent_once_more_and_earlier_things_are_not(
    operator: Operator,
) -> None:
    (early,) = await write_events(operator.kasir, "pay_1")
    await notify(operator.kasir, "PSP1")
    await operator.work()
    operator.clock.advance(timedelta(hours=1))
    since = operator.clock.now().isoformat()
    late = await write_events(operator.kasir, "pay_2", "pay_3")
    await notify(operator.kasir, "PSP2")
    await operator.work()
    (waiting,) = await write_events(operator.kasir, "pay_4")
    operator.clock.advance(timedelta(seconds=1))
    resent = await operator.ok("POST", "/api/deliveries/resend", {"since": since})
    await operator.work()
    await operator.work()

    assert resent == {"resent": 3, "until": "2026-11-23T11:00:01Z", "next": None}
    assert sorted(operator.sent()) == sorted([early, *late, *late, waiting])
    assert operator.relayed() == ["PSP1", "PSP2", "PSP2"]


async def test_what_was_given_up_is_sent_again_too(operator: Operator, shop: FakeServer) -> None:
    (event,) = await write_events(operator.kasir, "pay_1")
    shop.handler = plain(503, b"")
    for gap in operator.kasir.settings.limits.event_gaps_s:
        operator.clock.advance(timedelta(seconds=gap))
        await operator.work()
    assert await operator.ids("?state=given_up") == [event]
    shop.handler = plain(204, b"")
    body = {"since": NOW.isoformat(), "to": "events"}
    resent = await operator.ok("POST", "/api/deliveries/resend", body)
    await operator.work()

    assert resent["resent"] == 1
    assert await operator.ids("?state=delivered&to=events") == [event]


async def test_too_many_deliveries_are_resent_in_several_calls(
    fresh_database: str, shop: FakeServer
) -> None:
    async with operating(fresh_database, shop) as operator:
        events = []
        for number in range(5):
            events += await write_events(operator.kasir, f"pay_{number}")
            await operator.work()
            operator.clock.advance(timedelta(seconds=1))
        object.__setattr__(operator.kasir.deliveries, "resent_max", 2)
        body = {"since": NOW.isoformat()}
        counts: list[int] = []
        while len(counts) < 9:
            resent = await operator.ok("POST", "/api/deliveries/resend", body)
            operator.clock.advance(timedelta(seconds=1))
            await operator.work()
            counts.append(resent["resent"])
            if resent["next"] is None:
                break
            body = {"since": resent["next"], "until": resent["until"]}

        assert counts == [2, 2, 1]
        assert sorted(operator.sent()) == sorted(events * 2)


async def test_a_paused_address_gets_nothing_and_loses_nothing(operator: Operator) -> None:
    paused = await operator.ok("POST", "/api/deliveries/pause", {"to": "events"})
    await operator.ok("POST", "/api/deliveries/pause", {"to": "relay"})
    events = await write_events(operator.kasir, "pay_1", "pay_1", "pay_2")
    await notify(operator.kasir, "PSP1", "PSP2")
    for _ in range(3):
        assert await operator.work() == 0
        operator.clock.advance(timedelta(days=10))
    waiting = (await operator.ok("GET", "/api/deliveries/addresses"))["addresses"]

    assert paused["pausedAt"] == "2026-11-23T10:00:00Z"
    assert (operator.sent(), operator.relayed()) == ([], [])
    assert [(one["name"], one["waiting"], one["pausedAt"]) for one in waiting] == [
        ("events", 3, "2026-11-23T10:00:00Z"),
        ("relay", 2, "2026-11-23T10:00:00Z"),
    ]
    await operator.kasir.reader.read_all()
    assert not await DUE.has_work(
        operator.kasir.pool, now=operator.clock.now(), has_relay=True, fetches_reports=True
    )

    for name in ("events", "relay"):
        resumed = await operator.ok("POST", "/api/deliveries/resume", {"to": name})
        assert "pausedAt" not in resumed
    for _ in range(2):  # The second event of a payment is due after its first.
        await operator.work()

    assert sorted(operator.sent()) == sorted(events)
    assert [one for one in operator.sent() if one != events[2]] == events[:2]
    assert operator.relayed() == ["PSP1", "PSP2"]


async def test_an_event_whose_job_was_queued_before_the_pause_waits_too(
    operator: Operator,
) -> None:
    (event,) = await write_events(operator.kasir, "pay_1")
    await operator.kasir.due.look(clocks_agree=False)
    await operator.ok("POST", "/api/deliveries/pause", {"to": "events"})
    await operator.run_jobs()
    assert operator.sent() == []
    await operator.ok("POST", "/api/deliveries/resume", {"to": "events"})
    await operator.work()

    assert operator.sent() == [event]


async def test_pausing_twice_keeps_the_time_of_the_first_pause(operator: Operator) -> None:
    await operator.ok("POST", "/api/deliveries/pause", {"to": "events"})
    operator.clock.advance(timedelta(hours=1))
    again = await operator.ok("POST", "/api/deliveries/pause", {"to": "events"})

    assert again["pausedAt"] == "2026-11-23T10:00:00Z"


async def test_the_metrics_show_a_paused_address(operator: Operator) -> None:
    await operator.ok("POST", "/api/deliveries/pause", {"to": "relay"})
    shown = (await operator.http.get("/metrics")).text

    assert 'kasir_deliveries_paused{address="events"} 0.0' in shown
    assert 'kasir_deliveries_paused{address="relay"} 1.0' in shown


async def test_a_notification_that_the_settings_leave_out_is_not_resent(
    fresh_database: str, shop: FakeServer
) -> None:
    async with operating(fresh_database, shop, KASIR_RELAY_SEND="own") as operator:
        await notify(operator.kasir, "PSP1")
        await operator.kasir.reader.read_all()  # It becomes foreign.
        await operator.work()
        refused = await operator.http.post("/api/deliveries/rly_1/resend")

        assert await operator.ids("?state=skipped") == ["rly_1"]
        assert refused.status_code == 422
        assert "KASIR_RELAY_SEND" in refused.json()["message"]


async def test_a_notification_whose_body_was_deleted_is_not_resent(operator: Operator) -> None:
    await notify(operator.kasir, "PSP1")
    await operator.work()
    await operator.kasir.pool.execute("UPDATE notice SET item = ''")
    refused = await operator.http.post("/api/deliveries/rly_1/resend")
    # The body may be deleted in the moment of the resend.
    await operator.kasir.pool.execute("UPDATE relay SET state = 'waiting'")
    await notify(operator.kasir, "PSP2")
    with capture_logs() as logs:
        await operator.work()

    assert refused.status_code == 422
    assert "was deleted" in refused.json()["message"]
    assert [log["event"] for log in logs] == ["a notification to relay has no body any more"]
    assert await operator.ids("?state=dropped") == ["rly_1"]
    assert operator.relayed() == ["PSP1", "PSP2"]


async def test_without_addresses_nothing_can_be_resent_and_the_error_names_the_setting(
    fresh_database: str, shop: FakeServer
) -> None:
    unset = {"KASIR_EVENTS_URL": "", "KASIR_RELAY_URL": ""}
    async with operating(fresh_database, shop, **unset) as operator:
        (event,) = await write_events(operator.kasir, "pay_1")
        body = {"since": NOW.isoformat(), "to": "relay"}
        one = await operator.http.post(f"/api/deliveries/{event}/resend")
        many = await operator.http.post("/api/deliveries/resend", json=body)
        listed = await operator.get()

        assert (one.status_code, many.status_code) == (422, 422)
        assert "KASIR_EVENTS_URL" in one.json()["message"]
        assert "KASIR_RELAY_URL" in many.json()["message"]
        assert "to" not in listed["deliveries"][0]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("to=nowhere", "to"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=evt_1", "after"),
        ("after=1.9999999999999999999", "after"),
        ("colour=red", "colour"),
    ],
)
async def test_an_invalid_parameter_is_refused_and_named(
    operator: Operator, query: str, field: str
) -> None:
    response = await operator.http.get(f"/api/deliveries?{query}")

    assert response.status_code == 422
    assert f"Field '{field}' is not valid: " in response.json()["message"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("resend", {}, "since"),
        ("resend", {"since": "yesterday"}, "since"),
        ("resend", {"since": "2026-11-23T10:00:00"}, "since"),
        ("resend", {"since": "2026-11-23T10:00:00Z", "until": 1}, "until"),
        ("resend", {"since": "2026-11-23T10:00:00Z", "to": "nowhere"}, "to"),
        ("resend", {"since": "2026-11-23T10:00:00Z", "colour": 1}, "colour"),
        ("pause", {}, "to"),
        ("pause", {"to": None}, "to"),
        ("pause", {"to": "nowhere"}, "to"),
        ("resume", {"to": "events", "colour": 1}, "colour"),
    ],
)
async def test_an_invalid_field_is_refused_and_named(
    operator: Operator, path: str, body: object, field: str
) -> None:
    response = await operator.http.post(f"/api/deliveries/{path}", json=body)

    assert response.status_code == 422
    assert f"Field '{field}' is not valid: " in response.json()["message"]


@pytest.mark.parametrize("name", ["evt_nobody", "rly_99", "rly_x", "rly_" + "9" * 30])
async def test_an_unknown_delivery_is_answered_with_404(operator: Operator, name: str) -> None:
    shown = await operator.http.get(f"/api/deliveries/{name}")
    resent = await operator.http.post(f"/api/deliveries/{name}/resend")

    assert (shown.status_code, resent.status_code) == (404, 404)
