"""No amount is returned twice: an open change reserves the largest amount that it can take."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_asyncio

from fakes import notification_item, payment_body
from kasir.demo.client import JourneyClient, until
from raw_http import Caller, HttpReply

WHOLE = 25_000


@pytest_asyncio.fixture(loop_scope="session")
async def by_hand(walker: JourneyClient) -> AsyncIterator[None]:
    """The shop captures by separate calls, at the twin and in its own requests."""
    await walker.twin("PUT", "/twin/knobs", {"capture": "manual", "severalCaptures": True})
    yield
    await walker.faults()
    await walker.twin("DELETE", "/twin/knobs")


class Sale:
    """An authorised payment of 25,000 rupiah, and calls to change it."""

    def __init__(self, caller: Caller, walker: JourneyClient) -> None:
        self.caller, self.walker = caller, walker
        self.reference = f"SUM-{secrets.token_hex(6)}"
        self.psp = ""

    async def pay(self, **more: Any) -> None:
        """The shopper pays."""
        body = payment_body(reference=self.reference, **more)
        started = await self.caller.post("/v72/payments", body)
        await self.walker.shopper(started.json["action"], "approve_without_return")
        self.psp = (await self.walker.status(self.reference, "authorised"))["pspReference"]

    async def asks(self, change: str, value: int | None = WHOLE) -> HttpReply:
        """The shop asks for a change."""
        amount = {} if value is None else {"amount": {"currency": "IDR", "value": value}}
        return await self.caller.post(f"/v72/payments/{self.psp}/{change}", amount)

    async def receives(self, code: str, name: str, **changes: Any) -> None:
        """Kasir receives a notification of a change that the twin does not simulate."""
        fields = {
            "eventCode": code,
            "pspReference": name,
            "originalReference": self.psp,
            "merchantReference": self.reference,
        }
        key = self.caller.system.environment["ADYEN_HMAC_KEY"]
        item = notification_item(key=key, **(fields | changes))
        box = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
        response = await self.caller.call("POST", "/webhooks/adyen", json.dumps(box).encode())
        assert response.status == 202

    async def until(self, good: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait until the payment as Kasir shows it meets a condition."""
        return await until(lambda: self.walker.newest(self.reference), good, what)

    async def until_recorded(self, *says: str) -> dict[str, Any]:
        """Wait until the payment has facts of all these kinds."""

        def has(payment: dict[str, Any]) -> bool:
            return set(says) <= {fact["says"] for fact in payment["facts"]}

        return await self.until(has, f"{says}")

    async def late(self, *codes: str) -> None:
        """These notifications of it stay away for now."""
        delayed = [
            {"fault": "delay_notice", "eventCode": code, "reference": self.reference}
            | {"seconds": 3600.0}
            for code in codes
        ]
        await self.walker.faults(*delayed)


def message(response: HttpReply) -> str:
    """The message of a refused change."""
    assert (response.status, response.json.get("errorCode")) == (422, "137")
    return str(response.json["message"])


MANUAL = {"additionalData": {"manualCapture": "true"}}


async def test_a_reversal_requested_before_the_capture_is_notified_reserves_the_whole_amount(
    caller: Caller, walker: JourneyClient, by_hand: None
) -> None:
    sale = Sale(caller, walker)
    await sale.pay(**MANUAL)
    await sale.late("CANCEL_OR_REFUND")
    capture, reversal = await sale.asks("captures"), await sale.asks("reversals", None)
    await sale.until(lambda payment: payment["captured"] == WHOLE, "captured")
    refund = await sale.asks("refunds")

    assert [capture.status, reversal.status] == [201, 201]
    assert "at most 0 IDR can still be refunded" in message(refund)
    assert "25000 are held by a reversal whose end is not known yet" in message(refund)


async def test_after_a_failed_reversal_the_money_can_be_refunded(
    caller: Caller, walker: JourneyClient
) -> None:
    sale = Sale(caller, walker)
    await sale.pay()
    await walker.faults(
        {"fault": "refund_refused", "reference": sale.reference, "reason": "not now", "times": 1}
    )
    await sale.asks("reversals", None)
    await sale.until_recorded("refund_rejected")
    await walker.faults()

    assert (await sale.asks("refunds")).status == 201


async def test_ten_full_captures_at_once_are_one(
    caller: Caller, walker: JourneyClient, by_hand: None
) -> None:
    sale = Sale(caller, walker)
    await sale.pay(**MANUAL)
    answers = await asyncio.gather(*(sale.asks("captures") for _ in range(10)))
    payment = await sale.until(lambda payment: payment["captured"] > 0, "captured")
    (theirs,) = await caller.at_the_twin(sale.reference)

    assert sorted(response.status for response in answers) == [201] + [422] * 9
    assert payment["captured"] == WHOLE
    assert [mod["kind"] for mod in theirs["modifications"]] == ["capture"]
    refused = next(response for response in answers if response.status != 201)
    assert "at most 0 IDR can still be captured" in message(refused)
    assert "25000 are held by a capture whose end is not known yet" in message(refused)


async def test_partial_captures_add_up_to_at_most_the_whole(
    caller: Caller, walker: JourneyClient, by_hand: None
) -> None:
    sale = Sale(caller, walker)
    await sale.pay(**MANUAL)
    first, second = await sale.asks("captures", 15_000), await sale.asks("captures", 10_000)
    await sale.until(lambda payment: payment["captured"] == WHOLE, "captured")
    third = await sale.asks("captures", 1)

    assert [first.status, second.status] == [201, 201]
    assert "at most 0 IDR can still be captured: of 25000, 25000 were captured" in message(third)


async def test_a_failed_capture_can_be_requested_again(
    caller: Caller, walker: JourneyClient, by_hand: None
) -> None:
    sale = Sale(caller, walker)
    await sale.pay(**MANUAL)
    await sale.late("CAPTURE")  # Adyen's notification is delayed; here it is a failure.
    first = await sale.asks("captures")
    assert (await sale.asks("captures")).status == 422

    await sale.receives("CAPTURE", first.json["pspReference"], success="false")
    await sale.until_recorded("capture_rejected")

    assert (await sale.asks("captures")).status == 201


async def test_a_capture_is_refused_while_a_cancel_is_open(
    caller: Caller, walker: JourneyClient, by_hand: None
) -> None:
    sale = Sale(caller, walker)
    await sale.pay(**MANUAL)
    await sale.late("CANCELLATION")
    cancel = await sale.asks("cancels", None)
    capture = await sale.asks("captures")

    assert cancel.status == 201
    assert "25000 are held by a cancel whose end is not known yet" in message(capture)


async def test_a_capture_failed_with_a_negative_amount_adds_nothing(
    caller: Caller, walker: JourneyClient
) -> None:
    sale = Sale(caller, walker)
    await sale.pay()
    nonsense = {"currency": "IDR", "value": -WHOLE}
    await sale.receives("CAPTURE_FAILED", secrets.token_hex(8).upper(), amount=nonsense)
    one = {"currency": "IDR", "value": 1}
    await sale.receives("CHARGEBACK", secrets.token_hex(8).upper(), amount=one)
    payment = await sale.until(lambda payment: payment.get("chargedBack", 0) > 0, "charged back")
    events = [event["data"] for event in await walker.events(sale.reference)]

    for shown in (payment, *events):
        sums = [shown["captured"], shown["refunded"], shown.get("chargedBack", 0)]
        assert all(amount in range(WHOLE + 1) for amount in sums), shown
    assert (await sale.asks("refunds", WHOLE + 1)).status == 422


async def test_a_refund_whose_answer_was_lost_reserves_its_amount(
    caller: Caller, walker: JourneyClient
) -> None:
    sale = Sale(caller, walker)
    await sale.pay()
    await walker.faults(
        {"fault": "lose_reply_before", "call": "refunds", "reference": sale.reference}
    )
    lost, again = await sale.asks("refunds"), await sale.asks("refunds")
    await walker.faults()

    assert lost.status == 503
    assert "25000 are held by a refund whose end is not known yet" in message(again)


async def test_a_payment_that_is_partly_refunded_cannot_be_cancelled(
    caller: Caller, walker: JourneyClient
) -> None:
    sale = Sale(caller, walker)
    await sale.pay()
    await sale.asks("refunds", 10_000)
    by_name = await sale.asks("cancels", None)
    by_reference = await caller.post("/v72/cancels", {"paymentReference": sale.reference})

    for response in (by_name, by_reference):
        assert (response.status, response.json["errorCode"]) == (422, "167")
        assert "refund the other 15000 instead" in response.json["message"]


async def test_a_refund_is_refused_while_a_cancel_is_open_and_allowed_after_it_failed(
    caller: Caller, walker: JourneyClient
) -> None:
    sale = Sale(caller, walker)
    await sale.pay()
    await sale.late("CANCELLATION")
    cancel, refund = await sale.asks("cancels", None), await sale.asks("refunds")
    await walker.faults()

    assert "25000 are held by a cancel whose end is not known yet" in message(refund)

    await sale.receives("CANCELLATION", cancel.json["pspReference"], success="false")
    await sale.until_recorded("cancel_rejected")

    assert (await sale.asks("refunds")).status == 201


async def test_an_announced_dispute_reserves_its_amount(
    caller: Caller, walker: JourneyClient
) -> None:
    sale = Sale(caller, walker)
    await sale.pay()
    await sale.receives("NOTIFICATION_OF_CHARGEBACK", secrets.token_hex(8).upper())
    payment = await sale.until_recorded("dispute_announced")
    refund = await sale.asks("refunds")

    assert payment.get("chargedBack", 0) == 0
    assert "25000 are held by a dispute that was announced" in message(refund)


async def test_a_charged_back_amount_cannot_be_refunded(
    caller: Caller, walker: JourneyClient
) -> None:
    sale = Sale(caller, walker)
    await sale.pay()
    dispute = secrets.token_hex(8).upper()
    await sale.receives("CHARGEBACK", dispute)
    await sale.until(lambda payment: payment.get("chargedBack") == WHOLE, "charged back")
    refund = await sale.asks("refunds")

    assert "at most 0 IDR can still be refunded: of 25000, 25000 were charged back" in message(
        refund
    )
    (theirs,) = await caller.at_the_twin(sale.reference)
    assert theirs["refunded"] == 0

    await sale.receives("CHARGEBACK_REVERSED", dispute)
    await sale.until_recorded("chargeback_reversed")
    assert (await sale.asks("refunds")).status == 201


async def test_an_attempt_cannot_be_refunded_from_another_one(
    caller: Caller, walker: JourneyClient
) -> None:
    sale = Sale(caller, walker)
    await sale.pay()
    mine = {"metadata.kasirPaymentId": (await walker.newest(sale.reference))["id"]}
    other = secrets.token_hex(8).upper()
    await sale.receives("AUTHORISATION", other, originalReference=None, additionalData=mine)
    await sale.until(lambda payment: payment["captured"] == 2 * WHOLE, "paid twice")
    first, again = await sale.asks("refunds"), await sale.asks("refunds")
    sale.psp = other
    of_the_other = await sale.asks("refunds")

    assert first.status == 201
    assert "at most 0 IDR can still be refunded" in message(again)
    # The twin does not know it: the call was sent, and the twin's own error is returned.
    assert "can still be refunded" not in of_the_other.json["message"]


async def test_the_message_names_the_refundable_amount_and_what_reserves_the_rest(
    caller: Caller, walker: JourneyClient
) -> None:
    sale = Sale(caller, walker)
    await sale.pay()
    await sale.late("REFUND")
    await sale.receives(
        "CHARGEBACK", secrets.token_hex(8).upper(), amount={"currency": "IDR", "value": 5_000}
    )
    await sale.until(lambda payment: payment.get("chargedBack") == 5_000, "charged back")
    await sale.asks("refunds", 12_000)
    refund, reversal = await sale.asks("refunds", 8_001), await sale.asks("reversals", None)

    assert (
        "at most 8000 IDR can still be refunded: of 25000, "
        "12000 are held by a refund whose end is not known yet, 5000 were charged back."
    ) in message(refund)
    assert reversal.status == 422
    assert "refund the other 8000" in reversal.json["message"]
    await walker.faults()
