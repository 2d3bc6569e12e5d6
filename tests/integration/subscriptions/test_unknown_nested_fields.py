"""Repeated and misspelt nested fields are refused; errors and links fit the request."""

from __future__ import annotations

import json

import msgspec
import pytest

from fakes import BROWSER
from integration.api.test_payment_links import link_body
from integration.jobs.test_closing import closing_shop
from integration.subscriptions.test_over_http import plan_id, sign_up
from kasir.requests.payment_links import LinkAttempt
from raw_http import Caller, caller

__all__ = ["caller", "plan_id"]


@pytest.mark.parametrize(
    "body", [b'{"at": "periodEnd", "at": "now"}', b'{"at": "now", "more": {"a": 1, "a": 2}}']
)
async def test_a_command_with_a_repeated_field_is_refused(
    caller: Caller, plan_id: str, body: bytes
) -> None:
    created = (await caller.post("/api/subscriptions", sign_up(plan_id))).json["id"]
    response = await caller.call("POST", f"/api/subscriptions/{created}/cancel", body)

    assert (response.status, "more than once" in response.json["message"]) == (422, True)


async def test_a_misspelt_field_within_the_amount_of_a_link_is_refused(caller: Caller) -> None:
    body = link_body(amount={"currency": "IDR", "value": 1000, "valeu": 2000})
    response = await caller.post("/v72/paymentLinks", body)
    assert response.status == 422


async def test_the_error_of_an_impossible_pause_has_no_advice_for_paused_subscriptions(
    caller: Caller, plan_id: str
) -> None:
    created = (await caller.post("/api/subscriptions", sign_up(plan_id))).json["id"]
    response = await caller.post(f"/api/subscriptions/{created}/pause", {})
    assert "To change when a pause ends" not in response.json["message"]


async def test_a_link_with_manual_capture_has_payments_without_automatic_capture(
    fresh_database: str,
) -> None:
    async with closing_shop(fresh_database) as shop:
        links = shop.kasir.links
        body = msgspec.json.encode(link_body(manualCapture=True, captureDelayHours=24))
        created = (await links.create(body)).json()
        open_link = await links.find(created["id"])
        attempt = LinkAttempt(name=links.attempt(open_link), browser_info=BROWSER)
        _, payment_id = await links.pay(
            open_link.link, attempt, lambda name: f"https://k.example/{name}"
        )
        sent = json.loads(shop.fake_server.asked[-1][2])
        payment = await shop.payment(payment_id)

        assert not payment.intent.captures_itself
        assert sent["additionalData"] == {"manualCapture": "true"}
        assert sent["captureDelayHours"] == 24
