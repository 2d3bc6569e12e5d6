"""Disputes of a payment: the notifications that the control sends."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from adyen_twin.core.state import Status
from twin_fixtures import RunningTwin, Shop, shop, twin

__all__ = ["shop", "twin"]

# The first event of a paid payment is AUTHORISATION, so a test reads `shop.received[1:]`.

#: Every event of a dispute.
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


async def test_all_events_of_a_dispute_have_the_same_psp_and_original_reference(
    twin: RunningTwin, shop: Shop
) -> None:
    psp_reference = await twin.paid()
    path = f"payments/{psp_reference}/disputes"
    psp_references = {
        (await twin.control("POST", path, {"event": event}))["pspReference"] for event in EVENTS
    }
    await twin.settle()
    items = [webhook.item for webhook in shop.received[1:]]

    assert [item["eventCode"] for item in items] == EVENTS
    assert {item["pspReference"] for item in items} == psp_references
    assert len(psp_references) == 1
    assert {item["originalReference"] for item in items} == {psp_reference}


async def test_a_dispute_has_its_reason_and_deadline(twin: RunningTwin, shop: Shop) -> None:
    psp_reference = await twin.paid()
    event = {"value": 500, "reason": "No coffee", "reasonCode": "4853", "defenseDays": 3}
    await twin.control("POST", f"payments/{psp_reference}/disputes", event)
    await twin.settle()
    item = shop.received[1].item
    extra = item["additionalData"]
    time_left = datetime.fromisoformat(extra["defensePeriodEndsAt"]) - datetime.fromisoformat(
        item["eventDate"]
    )

    assert (item["reason"], item["amount"]["value"]) == ("No coffee", 500)
    assert (extra["chargebackReasonCode"], extra["disputeStatus"]) == ("4853", "Unresponded")
    assert time_left == timedelta(days=3)


async def test_two_disputes_of_one_payment_have_two_psp_references(twin: RunningTwin) -> None:
    psp_reference = await twin.paid()
    path = f"payments/{psp_reference}/disputes"
    first = await twin.control("POST", path)
    second = await twin.control("POST", path, {"pspReference": "SECONDDISPUTE001"})
    continued = await twin.control("POST", path, {"event": "CHARGEBACK"})

    assert first["pspReference"] != "SECONDDISPUTE001"
    assert second == continued == {"pspReference": "SECONDDISPUTE001"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"event": "REFUND"}, "event"),
        ({"defenseDays": -1}, "defenseDays"),
        ({"value": -5}, "value"),
        ({"why": "so"}, "why"),
    ],
)
async def test_the_answer_to_an_invalid_dispute_names_the_wrong_field(
    twin: RunningTwin, body: dict[str, object], field: str
) -> None:
    psp_reference = await twin.paid()
    answer = await twin.call("POST", f"/twin/payments/{psp_reference}/disputes", body)

    assert (answer.status, answer.body["field"]) == (422, field)


async def test_only_a_paid_payment_can_be_disputed(twin: RunningTwin) -> None:
    psp_reference = await twin.paid()
    twin.twin.memory.state.payments[psp_reference].status = Status.CANCELLED
    unknown = await twin.call("POST", "/twin/payments/NOSUCHPAYMENT001/disputes", {})
    not_paid = await twin.call("POST", f"/twin/payments/{psp_reference}/disputes", {})

    assert unknown.status == 404
    assert (not_paid.status, not_paid.body["error"]) == (
        409,
        "the payment is cancelled: only a paid one can be disputed",
    )
