"""Disputes: one pspReference for each, the payment as original, in any order."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from adyen_twin.core.state import Status
from twin_fixtures import Shop, TwinAtWork, shop, twin

__all__ = ["shop", "twin"]

EVENTS = [
    "NOTIFICATION_OF_CHARGEBACK",
    "CHARGEBACK",
    "INFORMATION_SUPPLIED",
    "DISPUTE_DEFENSE_PERIOD_ENDED",
    "CHARGEBACK_REVERSED",
    "SECOND_CHARGEBACK",
    "PREARBITRATION_WON",
    "PREARBITRATION_LOST",
]


async def test_all_events_of_a_dispute_have_one_psp_reference_and_the_payments(
    twin: TwinAtWork, shop: Shop
) -> None:
    ours = await twin.paid()
    path = f"payments/{ours}/disputes"
    named = {
        (await twin.control("POST", path, {"event": event}))["pspReference"] for event in EVENTS
    }
    await twin.settle()
    items = [webhook.item for webhook in shop.received[1:]]

    assert [item["eventCode"] for item in items] == EVENTS
    assert {item["pspReference"] for item in items} == named
    assert len(named) == 1
    assert {item["originalReference"] for item in items} == {ours}


async def test_a_dispute_has_its_reason_and_deadline(twin: TwinAtWork, shop: Shop) -> None:
    ours = await twin.paid()
    event = {"value": 500, "reason": "No coffee", "reasonCode": "4853", "defenseDays": 3}
    await twin.control("POST", f"payments/{ours}/disputes", event)
    await twin.settle()
    item = shop.received[1].item
    extra = item["additionalData"]
    left = datetime.fromisoformat(extra["defensePeriodEndsAt"]) - datetime.fromisoformat(
        item["eventDate"]
    )

    assert (item["reason"], item["amount"]["value"]) == ("No coffee", 500)
    assert (extra["chargebackReasonCode"], extra["disputeStatus"]) == ("4853", "Unresponded")
    assert left == timedelta(days=3)


async def test_two_disputes_of_one_payment_have_two_psp_references(twin: TwinAtWork) -> None:
    ours = await twin.paid()
    path = f"payments/{ours}/disputes"
    first = await twin.control("POST", path)
    second = await twin.control("POST", path, {"pspReference": "SECONDDISPUTE001"})
    continued = await twin.control("POST", path, {"event": "CHARGEBACK"})

    assert first["pspReference"] != "SECONDDISPUTE001"
    assert second == continued == {"pspReference": "SECONDDISPUTE001"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event": "REFUND"}, "event"),
        ({"defenseDays": -1}, "defenseDays"),
        ({"value": -5}, "value"),
        ({"why": "so"}, "why"),
    ],
)
async def test_a_request_that_cannot_be_read_names_its_field(
    twin: TwinAtWork, change: dict[str, object], field: str
) -> None:
    ours = await twin.paid()
    answer = await twin.call("POST", f"/twin/payments/{ours}/disputes", change)

    assert (answer.status, answer.body["field"]) == (422, field)


async def test_only_a_paid_payment_can_be_disputed(twin: TwinAtWork) -> None:
    ours = await twin.paid()
    twin.twin.memory.state.payments[ours].status = Status.CANCELLED
    unknown = await twin.call("POST", "/twin/payments/NOSUCHPAYMENT001/disputes", {})
    over = await twin.call("POST", f"/twin/payments/{ours}/disputes", {})

    assert unknown.status == 404
    assert (over.status, over.body["error"]) == (
        409,
        "the payment is cancelled: only a paid one can be disputed",
    )
