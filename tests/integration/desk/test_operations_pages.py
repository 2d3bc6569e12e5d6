"""Pages of deliveries, notices, shoppers, subscriptions, plans, links and disputes, and their acts.

The browser runs no JavaScript. Each act is looked for in the audit log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app_client import app_client
from desk_client import OpenDesk, Person, open_desk, text_of
from fakes import OTHER_KEY
from integration.relay.relay_setup import notify
from integration.shop_events.event_setup import SECRET, write_events
from kasir.people.roles import Role
from kasir.wiring import Parts
from opened_kasir import a_database

NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Operator:
    """A person with the role `act`, and the Kasir whose desk they use."""

    kasir: Parts
    person: Person

    async def see(self, path: str) -> str:
        """The text of a page."""
        answer = await self.person.see(path)
        assert answer.status_code == 200, (path, answer.status_code, text_of(answer))
        return text_of(answer)

    async def act(self, path: str, **fields: str) -> httpx.Response:
        """Post an act's form, and confirm it if the desk asks; returns the last answer."""
        answer = await self.person.post(path, **fields)
        if 'name="confirmed"' in answer.text:
            answer = await self.person.post(path, confirmed="yes", **fields)
        return answer

    async def last_act(self) -> Mapping[str, Any]:
        """The newest row of the audit log."""
        row = await self.kasir.pool.fetchrow("SELECT * FROM audit ORDER BY id DESC LIMIT 1")
        assert row
        return dict(row)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def opened(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    environ = {
        "KASIR_EVENTS_URL": f"{NOWHERE}/events",
        "KASIR_EVENTS_SECRET": SECRET,
        "KASIR_RELAY_URL": f"{NOWHERE}/adyen",
        "ADYEN_TOKEN_HMAC_KEY": OTHER_KEY,
        "KASIR_API_KEY": "shop-key",
    }
    async with (
        a_database(postgres_dsn) as database,
        open_desk(database, None, **environ) as desk,
    ):
        yield desk


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(opened: OpenDesk) -> AsyncIterator[Operator]:
    async with opened.signed_in("operator", Role.ACT) as person:
        yield Operator(opened.parts, person)


async def test_a_delivery_is_found_and_sent_again(operator: Operator) -> None:
    (event,) = await write_events(operator.kasir, "pay_again")
    await operator.kasir.pool.execute(
        "UPDATE event SET due_at = NULL, given_up_at = now() WHERE name = $1", event
    )
    await operator.kasir.pool.execute(
        "INSERT INTO event_try (event_id, at, status)"
        " SELECT id, '2026-11-23T12:00:00Z', 503 FROM event WHERE name = $1",
        event,
    )
    listed = await operator.see("/desk/deliveries?state=given_up&to=events&payment=pay_again")
    one = await operator.see(f"/desk/deliveries/{event}")
    answer = await operator.act(f"/desk/deliveries/{event}/resend")

    assert event in listed
    assert "1 (503)" in listed
    assert "23 Nov 2026 19:00:00 WIB 503" in one
    assert answer.headers["location"] == f"/desk/deliveries/{event}?done=delivery_resent"
    assert "waiting" in await operator.see(f"/desk/deliveries/{event}")
    act = await operator.last_act()
    assert (act["act"], act["subject"], act["reason"]) == ("delivery.resend", event, "a test")


async def test_deliveries_are_sent_again_since_a_time_after_a_second_look(
    operator: Operator,
) -> None:
    names = await write_events(operator.kasir, "pay_s1", "pay_s2", "pay_s3")
    for name, at in zip(names, ("09:59", "10:00", "11:00"), strict=True):
        await operator.kasir.pool.execute(
            "UPDATE event SET due_at = NULL, delivered_at = $2::text::timestamptz WHERE name = $1",
            name,
            f"2026-03-01T{at}:00+07:00",
        )
    fields = {"since": "2026-03-01T10:00", "until": "2026-03-01T10:30", "to": "events"}
    first = await operator.person.post("/desk/deliveries/resend", **fields)
    states = await operator.kasir.pool.fetch("SELECT due_at FROM event WHERE subject = 'pay_s2'")
    answer = await operator.act("/desk/deliveries/resend", **fields)

    assert "1 Mar 2026 10:00:00 WIB" in text_of(first)
    assert [row["due_at"] for row in states] == [None]  # The second look changes nothing.
    assert "1 are sent again." in text_of(answer)
    rows = await operator.kasir.pool.fetch(
        "SELECT subject FROM event WHERE name = ANY ($1) AND due_at IS NOT NULL", names
    )
    assert [row["subject"] for row in rows] == ["pay_s2"]


@pytest.mark.parametrize("name", ["events", "relay"])
async def test_an_address_is_paused_and_resumed(operator: Operator, name: str) -> None:
    await operator.act(f"/desk/deliveries/addresses/{name}/pause")
    paused = await operator.see("/desk/deliveries")
    await operator.act(f"/desk/deliveries/addresses/{name}/resume")
    resumed = await operator.see("/desk/deliveries")

    assert "Paused since" in paused
    assert "Paused since" not in resumed
    assert (await operator.last_act())["act"] == "address.resume"


async def test_a_held_notice_is_shown_with_its_masked_message_and_read_again(
    operator: Operator,
) -> None:
    data = {"shopperEmail": "shopper@shop.example", "disputeStatus": "Pending"}
    await notify(operator.kasir, "PSPHELD", eventDate="yesterday", additionalData=data)
    await operator.kasir.reader.read_all()
    notice_id = await operator.kasir.pool.fetchval(
        "SELECT id FROM notice WHERE names = ARRAY['PSPHELD']"
    )
    listed = await operator.see("/desk/notices?state=held")
    one = await operator.see(f"/desk/notices/{notice_id}")
    answer = await operator.act(f"/desk/notices/{notice_id}/replay")

    assert "PSPHELD" in listed
    assert '"eventDate": "yesterday"' in one
    assert '"disputeStatus": "Pending"' in one
    assert "shopper@shop.example" not in one
    assert "hmacSignature" in one
    assert answer.headers["location"] == f"/desk/notices/{notice_id}?done=notice_replayed"
    assert "not read yet" in await operator.see(f"/desk/notices/{notice_id}")


@pytest.mark.parametrize("name", ["999999", "x", "9" * 40])
async def test_an_unknown_notice_is_answered_with_404(operator: Operator, name: str) -> None:
    shown = await operator.person.see(f"/desk/notices/{name}")
    replayed = await operator.person.post(f"/desk/notices/{name}/replay")

    assert (shown.status_code, replayed.status_code) == (404, 404)


async def test_a_link_is_made_shown_and_withdrawn(operator: Operator) -> None:
    made = await operator.act(
        "/desk/links/create",
        reference="BY-HAND-1",
        amount="25.000",
        description="Kopi",
        expiresAt="",
    )
    path = made.headers["location"].partition("?")[0]
    shown = await operator.see(path)
    listed = await operator.see("/desk/links")
    await operator.act(f"{path}/withdraw")
    withdrawn = await operator.see(path)

    link_id = path.rpartition("/")[2]
    assert f"/pay/{link_id}" in shown
    assert "Rp25.000" in shown
    assert "BY-HAND-1 active Rp25.000" in listed
    assert "Status expired" in withdrawn
    act = await operator.last_act()
    assert (act["act"], act["subject"]) == ("link.withdraw", link_id)


@pytest.mark.parametrize(
    ("amount", "message"),
    [("", "give the rupiah"), ("25,5", "whole rupiah"), ("0", "amount.value")],
)
async def test_a_link_with_a_wrong_amount_is_refused_and_the_field_named(
    operator: Operator, amount: str, message: str
) -> None:
    answer = await operator.act("/desk/links/create", reference="WRONG", amount=amount)

    assert answer.status_code == 422
    assert message in text_of(answer)


async def test_a_plan_is_made_and_a_shopper_signed_up_by_link(operator: Operator) -> None:
    await operator.act(
        "/desk/plans/create", reference="coffee", amount="99000", unit="month", count="1"
    )
    plan_id = await operator.kasir.pool.fetchval("SELECT id FROM plan WHERE reference = 'coffee'")
    plans = await operator.see("/desk/plans")
    signed_up = await operator.act(
        f"/desk/plans/{plan_id}/sign_up",
        shopperReference="shopper-desk",
        returnUrl="https://shop.example/account",
    )
    path = signed_up.headers["location"].partition("?")[0]
    subscription = await operator.see(path)
    await operator.act(f"{path}/cancel", at="now")
    cancelled = await operator.see(path)
    found = await operator.see("/desk/tokens?shopper=shopper-desk")

    assert "coffee Rp99.000 every month" in plans
    assert "/pay/PL_" in subscription
    assert "Status cancelled" in cancelled
    assert path.rpartition("/")[2] in subscription
    assert "Rp99.000" in found
    act = await operator.last_act()
    assert act["act"] == "subscription.cancel"


async def test_a_command_that_the_state_does_not_allow_is_refused(operator: Operator) -> None:
    await operator.act("/desk/plans/create", reference="tea", amount="1000", unit="day")
    plan_id = await operator.kasir.pool.fetchval("SELECT id FROM plan WHERE reference = 'tea'")
    signed_up = await operator.act(
        f"/desk/plans/{plan_id}/sign_up",
        shopperReference="shopper-tea",
        returnUrl="https://shop.example/account",
    )
    path = signed_up.headers["location"].partition("?")[0]
    refused = await operator.act(f"{path}/pause", at="now")
    act = await operator.last_act()

    assert refused.status_code == 422
    assert act["act"] == "subscription.pause"
    assert act["error"]


async def test_the_charts_and_figures_of_subscriptions_are_shown(operator: Operator) -> None:
    answer = await operator.person.see("/desk/subscriptions")

    assert answer.text.count("data:image/svg+xml;base64,") == 2
    assert "Monthly recurring revenue" in text_of(answer)


async def test_pages_in_indonesian_have_every_text(operator: Operator) -> None:
    for path in ("deliveries", "notices", "tokens?shopper=x1", "subscriptions", "plans", "links"):
        query = "&lang=id" if "?" in path else "?lang=id"
        await operator.see(f"/desk/{path}{query}")
    assert "Sengketa dijawab" in await operator.see("/desk/disputes?lang=id")


@pytest.mark.parametrize(
    "path",
    [
        "deliveries?colour=red",
        "deliveries?state=lost",
        "deliveries?to=nowhere",
        "deliveries?after=x",
        "notices?state=lost",
        "notices?after=x",
        "subscriptions?status=lost",
        "subscriptions?after=sub_nobody",
        "disputes?after=pay_nobody",
        "links?colour=red",
    ],
)
async def test_a_wrong_parameter_of_a_page_is_refused(operator: Operator, path: str) -> None:
    answer = await operator.person.see(f"/desk/{path}")

    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["deliveries/evt_nobody", "subscriptions/sub_x", "links/PL_x"])
async def test_an_unknown_thing_is_answered_with_404(operator: Operator, path: str) -> None:
    assert (await operator.person.see(f"/desk/{path}")).status_code == 404


async def test_who_may_only_see_is_shown_no_forms_of_acts(opened: OpenDesk) -> None:
    async with opened.signed_in("only-sees", Role.VIEW) as person:
        for path in ("deliveries", "links", "plans"):
            page = (await person.see(f"/desk/{path}")).text

            assert f'action="/desk/{path}/' not in page
        assert (await person.post("/desk/links/create", reference="X")).status_code == 403


async def test_the_token_in_a_contract_is_masked(operator: Operator) -> None:
    await notify(operator.kasir, "TOKENTOKENTOKEN1", eventCode="RECURRING_CONTRACT")
    notice_id = await operator.kasir.pool.fetchval("SELECT max(id) FROM notice")
    page = await operator.see(f"/desk/notices/{notice_id}")

    assert "RECURRING_CONTRACT" in page
    assert "TOKENTOKENTOKEN1" not in page


async def test_the_api_shows_a_notice_with_its_masked_message(opened: OpenDesk) -> None:
    await notify(opened.parts, "PSPAPI", additionalData={"shopperEmail": "a@shop.example"})
    notice_id = await opened.parts.pool.fetchval(
        "SELECT id FROM notice WHERE names = ARRAY['PSPAPI']"
    )
    async with app_client(opened.parts, X_API_Key="shop-key") as http:
        shown = await http.get(f"/api/notices/{notice_id}")
        replayed = await http.post(f"/api/notices/{notice_id}/replay")
        unknown = await http.get("/api/notices/99999999999999999999")

    assert shown.json()["pspReference"] == "PSPAPI"
    assert shown.json()["message"]["pspReference"] == "PSPAPI"
    assert "a@shop.example" not in shown.text
    assert replayed.json()["state"] == "unread"
    assert unknown.status_code == 404
