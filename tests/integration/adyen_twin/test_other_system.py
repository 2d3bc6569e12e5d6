"""Notifications of another system that uses the same account and the same references."""

from __future__ import annotations

import json
from typing import Any

import pytest

from twin_fixtures import RunningTwin, Shop, shop, twin
from twin_openapi import needs_openapi, webhook_faults

__all__ = ["shop", "twin"]

RUPIAH = {"currency": "IDR", "value": 25_000}


async def send(twin: RunningTwin, **changes: Any) -> str:
    """Send an event of the other system; return the event's pspReference."""
    event = {"reference": "ORDER-1001", "amount": RUPIAH} | changes
    psp_reference: str = (await twin.control("POST", "foreign", event))["pspReference"]
    return psp_reference


async def test_another_system_pays_under_the_same_reference(twin: RunningTwin, shop: Shop) -> None:
    own_psp_reference = await twin.paid(metadata={"basket": "7"})
    other_psp_reference = await send(twin)
    await twin.settle()

    item = shop.received[1].item
    assert other_psp_reference != own_psp_reference
    assert (item["eventCode"], item["success"]) == ("AUTHORISATION", "true")
    assert (item["merchantReference"], item["pspReference"]) == ("ORDER-1001", other_psp_reference)
    assert (item["paymentMethod"], item["amount"]) == ("visa", RUPIAH)
    assert "originalReference" not in item
    assert item["additionalData"].keys() == {"hmacSignature"}
    # The twin does not store the other system's payment.
    assert (await twin.control("GET", "payments?reference=ORDER-1001"))["count"] == 1


@pytest.mark.parametrize("event", ["REFUND", "CHARGEBACK", "CANCELLATION", "CAPTURE_FAILED"])
async def test_another_systems_modification_gets_an_original_reference_if_none_is_given(
    twin: RunningTwin, shop: Shop, event: str
) -> None:
    own_psp_reference = await twin.paid()
    other_psp_reference = await send(twin, event=event, success=False)
    second_psp_reference = await send(twin, event=event, originalReference=own_psp_reference)
    await twin.settle()

    # The first webhook is the AUTHORISATION of the twin's payment.
    items = [webhook.item for webhook in shop.received[1:]]
    assert [item["eventCode"] for item in items] == [event, event]
    assert [item["success"] for item in items] == ["false", "true"]
    assert [item["pspReference"] for item in items] == [other_psp_reference, second_psp_reference]
    assert items[0]["originalReference"] not in (own_psp_reference, other_psp_reference, "")
    assert items[1]["originalReference"] == own_psp_reference


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (1, {"currency": "IDR", "value": 1}),
        ({"currency": "IDR", "value": 0}, {"currency": "IDR", "value": 0}),
        ({"currency": "EUR", "value": -5}, {"currency": "EUR", "value": -5}),
    ],
)
async def test_another_systems_amount_is_sent_unchanged(
    twin: RunningTwin, shop: Shop, amount: Any, expected: Any
) -> None:
    await send(twin, amount=amount, paymentMethod="gopay_wallet")
    await twin.settle()

    assert shop.received[0].item["amount"] == expected
    assert shop.received[0].item["paymentMethod"] == "gopay_wallet"


async def test_another_systems_notification_is_retried_until_it_is_accepted(
    twin: RunningTwin, shop: Shop
) -> None:
    shop.answers = [500]
    await twin.control(
        "PUT", "faults", [{"fault": "duplicate_notice", "reference": "ORDER-1001", "times": 1}]
    )
    other_psp_reference = await send(twin)
    await twin.settle(10)

    found = (await twin.control("GET", "deliveries?reference=ORDER-1001"))["deliveries"]
    assert [attempt["status"] for attempt in found] == [500, 202, 202]
    assert {attempt["pspReference"] for attempt in found} == {other_psp_reference}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 1}, "reference"),
        ({"reference": "R"}, "amount"),
        ({"reference": "", "amount": 1}, "reference"),
        ({"reference": "R", "amount": "1"}, "amount"),
        ({"reference": "R", "amount": 1.5}, "amount"),
        ({"reference": "R", "amount": {"value": 1}}, "amount.currency"),
        ({"reference": "R", "amount": {**RUPIAH, "of": 1}}, "amount.of"),
        ({"reference": "R", "amount": 1, "event": "EXPIRE"}, "event"),
        ({"reference": "R", "amount": 1, "success": "true"}, "success"),
        ({"reference": "R", "amount": 1, "method": "visa"}, "method"),
    ],
)
async def test_the_answer_to_an_invalid_event_of_another_system_names_the_wrong_field(
    twin: RunningTwin, body: dict[str, Any], field: str
) -> None:
    answer = await twin.call("POST", "/twin/foreign", body)

    assert (answer.status, answer.body.get("field")) == (422, field), answer.text


@needs_openapi
@pytest.mark.parametrize(
    "event", ["AUTHORISATION", "REFUND", "CHARGEBACK", "CANCELLATION", "CAPTURE_FAILED"]
)
async def test_another_systems_notifications_match_adyens_schema(
    twin: RunningTwin, shop: Shop, event: str
) -> None:
    await send(twin, event=event)
    await twin.settle()

    assert webhook_faults(json.loads(shop.received[0].raw)) == []
