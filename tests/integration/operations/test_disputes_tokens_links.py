"""Disputes, tokens, links and filtered events over the API, with the desk's page of disputes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app_client import app_client
from desk_client import OpenDesk, open_desk, text_of
from fake_server import FakeServer, plain
from fakes import KEY, NOW
from integration.shop_events.account import PaidAccount
from integration.shop_events.test_dispute_events import ANNOUNCED, CHARGED_BACK, LOST, WON
from kasir.operations.disputes import Todo, todo
from kasir.people.roles import Role
from kasir.tokens.model import BY_WEBHOOK, TokenFact, TokenName, TokenReport, TokenSays
from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on


@dataclass(frozen=True, slots=True)
class Api:
    """A Kasir, and a client of its API."""

    kasir: Parts
    http: httpx.AsyncClient

    async def get(self, path: str, **query: Any) -> Any:
        """Call the API, which must succeed."""
        response = await self.http.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    async with (
        a_database(postgres_dsn) as database,
        open_desk(database, KASIR_API_KEY="shop-key") as opened,
    ):
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(desk: OpenDesk) -> AsyncIterator[Api]:
    async with app_client(desk.parts, X_API_Key="shop-key") as http:
        yield Api(desk.parts, http)


async def test_disputes_are_listed_with_what_adyen_said_and_what_to_do(
    api: Api, desk: OpenDesk
) -> None:
    account = PaidAccount(api.kasir)
    announced, unannounced, won = [await account.create_paid() for _ in range(3)]
    names = [account.psp() for _ in range(3)]
    await account.receives(names[0], originalReference=announced[1], **ANNOUNCED)
    await account.receives(names[1], originalReference=unannounced[1], **CHARGED_BACK)
    await account.receives(names[2], originalReference=won[1], **CHARGED_BACK)
    await account.receives(names[2], originalReference=won[1], **WON)
    listed = {one["reference"]: one for one in (await api.get("/api/disputes"))["disputes"]}
    first, second, third = (listed[name] for name in names)
    async with desk.signed_in("sees-disputes", Role.VIEW) as person:
        page = text_of(await person.see("/desk/disputes"))

    assert first["deadline"] == "2026-12-18T10:15:30+01:00"
    assert (first["reason"], first["reasonCode"]) == ("Goods not received", "4853")
    assert (first["paymentId"], first["paymentAmount"]) == (announced[0].id, 25_000)
    assert "deadline" not in second
    assert [(one["status"], one["todo"]) for one in (first, second, third)] == [
        ("open", "defend"),
        ("charged_back", "look_up"),
        ("reversed", "nothing"),
    ]
    assert f"In Customer Area, search for {names[0]}, and accept or defend it" in page
    assert "18 Dec 2026 16:15:30 WIB" in page
    assert "Adyen did not say" in page
    assert "Nothing: it is decided." in page


async def test_pages_list_the_disputes_of_each_payment_once(api: Api) -> None:
    account = PaidAccount(api.kasir)
    names = []
    for _ in range(3):
        _, psp = await account.create_paid()
        names.append(account.psp())
        await account.receives(names[-1], originalReference=psp, **LOST)
    seen, after = list[str](), ""
    while len(seen) < 99:
        page = await api.get("/api/disputes", limit=1, **({"after": after} if after else {}))
        seen += [one["reference"] for one in page["disputes"]]
        if page["next"] is None:
            break
        after = page["next"]

    assert set(names) <= set(seen)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("path", ["disputes", "links", "tokens", "events"])
async def test_an_unknown_parameter_is_refused_and_named(api: Api, path: str) -> None:
    response = await api.http.get(f"/api/{path}?colour=red")

    assert response.status_code == 422
    assert "'colour'" in response.json()["message"]


async def test_a_dispute_whose_deadline_has_passed_waits_for_its_decision(api: Api) -> None:
    account = PaidAccount(api.kasir)
    intent, psp = await account.create_paid()
    await account.receives(account.psp(), originalReference=psp, **ANNOUNCED)
    payment = await api.kasir.payments.payment(intent.id)
    assert payment
    (dispute,) = payment.summary.disputes
    assert dispute.deadline

    assert todo(dispute, dispute.deadline) is Todo.DEFEND
    later = datetime.max.replace(tzinfo=dispute.deadline.tzinfo)
    assert todo(dispute, later) is Todo.WAIT
    assert todo(replace(dispute, deadline=None), later) is Todo.LOOK_UP


async def test_events_are_filtered_by_type_and_payment(api: Api) -> None:
    account = PaidAccount(api.kasir)
    intent, psp = await account.create_paid()
    await account.receives(account.psp(), originalReference=psp, **ANNOUNCED)
    of_payment = await api.get("/api/events", payment=intent.id)
    of_type = await api.get("/api/events", payment=intent.id, type="payment.dispute_opened")
    after = await api.get("/api/events", payment=intent.id, after=of_payment["events"][0]["id"])

    assert [event["type"] for event in of_type["events"]] == ["payment.dispute_opened"]
    assert {event["data"]["id"] for event in of_payment["events"]} == {intent.id}
    assert after["events"] == of_payment["events"][1:]


async def test_links_are_listed_newest_first_page_by_page(api: Api) -> None:
    made = []
    for number in range(3):
        body = {"reference": f"LINK-{number}", "amount": {"currency": "IDR", "value": 1000}}
        made.append((await api.http.post("/v72/paymentLinks", json=body)).json()["id"])
        await api.kasir.pool.execute("SELECT pg_sleep(0.002)")  # Ids sort by milliseconds.
    await api.http.patch(f"/v72/paymentLinks/{made[1]}", json={"status": "expired"})
    first = await api.get("/api/links", limit=2)
    second = await api.get("/api/links", limit=2, after=first["next"])

    assert [one["id"] for one in first["links"]] == [made[2], made[1]]
    assert [one["status"] for one in first["links"]] == ["active", "expired"]
    assert "withdrawnAt" in first["links"][1]
    assert first["links"][0]["url"].endswith(f"/pay/{made[2]}")
    assert second["links"][0]["id"] == made[0]


async def record_token(kasir: Parts, shopper: str) -> str:
    """Store an active token of a shopper; returns its id."""
    name = TokenName(
        merchant_account=kasir.settings.merchant_account,
        shopper_reference=shopper,
        stored_id=f"TOKEN-OF-{shopper}",
    )
    fact = TokenFact(key="1", says=TokenSays.CREATED, source=BY_WEBHOOK, at=NOW)
    await kasir.tokens.record([TokenReport(name=name, method="gopay_wallet", fact=fact)])
    (token,) = await kasir.tokens.of(shopper)
    return token.id


async def test_a_token_is_listed_and_disabled_at_adyen_once(
    fresh_database: str, shop: FakeServer
) -> None:
    async with (
        kasir_on(
            fresh_database, ADYEN_TWIN_URL=shop.url, KASIR_API_KEY="shop-key", ADYEN_HMAC_KEY=KEY
        ) as kasir,
        app_client(kasir, X_API_Key="shop-key") as http,
    ):
        token_id = await record_token(kasir, "shopper-1")
        refused_by = plain(403, b'{"status": 403, "errorCode": "901", "message": "no"}')
        accepts, shop.handler = shop.handler, refused_by
        refused = await http.post(f"/api/tokens/{token_id}/disable")
        active = (await http.get("/api/tokens?shopperReference=shopper-1")).json()["tokens"]
        shop.handler = accepts
        disabled = [await http.post(f"/api/tokens/{token_id}/disable") for _ in range(2)]
        unknown = await http.post("/api/tokens/tok_nobody/disable")
        unnamed = await http.get("/api/tokens")

    assert refused.status_code == 403
    assert [(one["id"], one["state"]) for one in active] == [(token_id, "active")]
    assert [answer.json()["state"] for answer in disabled] == ["disabled", "disabled"]
    assert [asked.split("?")[0] for asked, _, _ in shop.asked] == [
        "DELETE /v72/storedPaymentMethods/TOKEN-OF-shopper-1"
    ] * 2
    assert unknown.status_code == 404
    assert "'shopperReference'" in unnamed.json()["message"]


async def test_on_the_desk_a_refusal_and_a_silence_of_adyen_are_shown(
    fresh_database: str, shop: FakeServer
) -> None:
    async with (
        open_desk(fresh_database, ADYEN_TWIN_URL=shop.url) as desk,
        desk.signed_in("acts", Role.ACT) as person,
    ):
        token_id = await record_token(desk.parts, "shopper-1")
        path = f"/desk/tokens/{token_id}/disable"
        look = await person.post(path)
        shop.handler = plain(403, b'{"status": 403, "errorCode": "901", "message": "Not yours"}')
        refused = await person.post(path, confirmed="yes")
        shop.handler = plain(500, b"")
        silent = await person.post(path, confirmed="yes")
        shop.handler = plain(204, b"")
        done = await person.post(path, confirmed="yes")
        page = text_of(await person.see("/desk/tokens?shopper=shopper-1"))
        rows = await desk.parts.pool.fetch("SELECT outcome FROM audit ORDER BY id DESC LIMIT 3")

    assert "cannot be charged again" in text_of(look)
    assert (refused.status_code, silent.status_code, done.status_code) == (422, 502, 303)
    assert "Not yours" in text_of(refused)
    assert f"{token_id} disabled" in page
    assert "TOKEN-OF-shopper-1" not in page
    assert [row["outcome"] for row in rows] == ["done", "failed", "failed"]
