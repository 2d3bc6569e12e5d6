"""No amount is refunded twice, because an unfinished change reserves its largest amount."""

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

#: What each sale costs, in rupiah.
WHOLE_AMOUNT = 25_000


@pytest_asyncio.fixture(loop_scope="session")
async def manual_capture(journey_client: JourneyClient) -> AsyncIterator[None]:
    """The twin captures only by calls, and allows several captures of one payment."""
    await journey_client.twin("PUT", "/twin/knobs", {"capture": "manual", "severalCaptures": True})
    yield
    await journey_client.faults()
    await journey_client.twin("DELETE", "/twin/knobs")


def new_psp_reference() -> str:
    return secrets.token_hex(8).upper()


class Sale:
    """An authorised payment of 25,000 rupiah, and calls to change it."""

    def __init__(self, caller: Caller, journey_client: JourneyClient) -> None:
        self.caller, self.journey_client = caller, journey_client
        self.reference = f"SUM-{secrets.token_hex(6)}"
        self.psp_reference = ""

    async def pay(self, **more: Any) -> None:
        """Start the payment and pay it as the shopper."""
        body = payment_body(reference=self.reference, **more)
        started = await self.caller.post("/v72/payments", body)
        await self.journey_client.shopper(started.json["action"], "approve_without_return")
        self.psp_reference = (await self.journey_client.status(self.reference, "authorised"))[
            "pspReference"
        ]

    async def request_change(self, change: str, value: int | None = WHOLE_AMOUNT) -> HttpReply:
        """Request a change as the shop; a value of None sends no amount."""
        amount = {} if value is None else {"amount": {"currency": "IDR", "value": value}}
        return await self.caller.post(f"/v72/payments/{self.psp_reference}/{change}", amount)

    async def notify(self, event_code: str, psp_reference: str, **changes: Any) -> None:
        """Send Kasir a notification that the twin does not send; `changes` replace its fields."""
        fields = {
            "eventCode": event_code,
            "pspReference": psp_reference,
            "originalReference": self.psp_reference,
            "merchantReference": self.reference,
        }
        key = self.caller.system.environment["ADYEN_HMAC_KEY"]
        item = notification_item(key=key, **(fields | changes))
        body = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
        response = await self.caller.call("POST", "/webhooks/adyen", json.dumps(body).encode())
        assert response.status == 202

    async def until(self, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait until the payment meets a condition; returns the payment as Kasir shows it."""
        return await until(lambda: self.journey_client.newest(self.reference), condition, what)

    async def until_recorded(self, *says: str) -> dict[str, Any]:
        """Wait until the payment has facts of all these kinds."""

        def has(payment: dict[str, Any]) -> bool:
            return set(says) <= {fact["says"] for fact in payment["facts"]}

        return await self.until(has, f"{says}")

    async def delay(self, *codes: str) -> None:
        """Delay the payment's notifications with these event codes by an hour."""
        delayed = [
            {"fault": "delay_notice", "eventCode": code, "reference": self.reference}
            | {"seconds": 3600.0}
            for code in codes
        ]
        await self.journey_client.faults(*delayed)


def message(response: HttpReply) -> str:
    """The message of a change that Kasir refused with 422 and error code 137."""
    assert (response.status, response.json.get("errorCode")) == (422, "137")
    return str(response.json["message"])


#: The payment is only captured by a call.
MANUAL_CAPTURE = {"additionalData": {"manualCapture": "true"}}


async def test_a_reversal_requested_before_the_capture_is_notified_reserves_the_whole_amount(
    caller: Caller, journey_client: JourneyClient, manual_capture: None
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay(**MANUAL_CAPTURE)
    await sale.delay("CANCEL_OR_REFUND")
    capture = await sale.request_change("captures")
    reversal = await sale.request_change("reversals", None)
    await sale.until(lambda payment: payment["captured"] == WHOLE_AMOUNT, "captured")
    refund = await sale.request_change("refunds")

    assert [capture.status, reversal.status] == [201, 201]
    assert "at most 0 IDR can still be refunded" in message(refund)
    assert "25000 are held by a reversal whose end is not known yet" in message(refund)


async def test_after_a_failed_reversal_the_money_can_be_refunded(
    caller: Caller, journey_client: JourneyClient
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay()
    await journey_client.faults(
        {"fault": "refund_refused", "reference": sale.reference, "reason": "not now", "times": 1}
    )
    await sale.request_change("reversals", None)
    await sale.until_recorded("refund_rejected")
    await journey_client.faults()

    assert (await sale.request_change("refunds")).status == 201


async def test_of_ten_concurrent_full_captures_one_is_accepted(
    caller: Caller, journey_client: JourneyClient, manual_capture: None
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay(**MANUAL_CAPTURE)
    answers = await asyncio.gather(*(sale.request_change("captures") for _ in range(10)))
    payment = await sale.until(lambda payment: payment["captured"] > 0, "captured")
    (twin_payment,) = await caller.twin_payments(sale.reference)

    assert sorted(response.status for response in answers) == [201] + [422] * 9
    assert payment["captured"] == WHOLE_AMOUNT
    assert [modification["kind"] for modification in twin_payment["modifications"]] == ["capture"]
    refused = next(response for response in answers if response.status != 201)
    assert "at most 0 IDR can still be captured" in message(refused)
    assert "25000 are held by a capture whose end is not known yet" in message(refused)


async def test_partial_captures_add_up_to_at_most_the_authorised_amount(
    caller: Caller, journey_client: JourneyClient, manual_capture: None
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay(**MANUAL_CAPTURE)
    first = await sale.request_change("captures", 15_000)
    second = await sale.request_change("captures", 10_000)
    await sale.until(lambda payment: payment["captured"] == WHOLE_AMOUNT, "captured")
    third = await sale.request_change("captures", 1)

    assert [first.status, second.status] == [201, 201]
    assert "at most 0 IDR can still be captured: of 25000, 25000 were captured" in message(third)


async def test_a_failed_capture_can_be_requested_again(
    caller: Caller, journey_client: JourneyClient, manual_capture: None
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay(**MANUAL_CAPTURE)
    await sale.delay("CAPTURE")  # Instead, the test notifies a failed capture.
    first = await sale.request_change("captures")
    assert (await sale.request_change("captures")).status == 422

    await sale.notify("CAPTURE", first.json["pspReference"], success="false")
    await sale.until_recorded("capture_rejected")

    assert (await sale.request_change("captures")).status == 201


async def test_a_capture_is_refused_while_a_cancel_is_unfinished(
    caller: Caller, journey_client: JourneyClient, manual_capture: None
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay(**MANUAL_CAPTURE)
    await sale.delay("CANCELLATION")
    cancel = await sale.request_change("cancels", None)
    capture = await sale.request_change("captures")

    assert cancel.status == 201
    assert "25000 are held by a cancel whose end is not known yet" in message(capture)


async def test_a_failed_capture_with_a_negative_amount_keeps_all_sums_valid(
    caller: Caller, journey_client: JourneyClient
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay()
    negative = {"currency": "IDR", "value": -WHOLE_AMOUNT}
    await sale.notify("CAPTURE_FAILED", new_psp_reference(), amount=negative)
    one_rupiah = {"currency": "IDR", "value": 1}
    await sale.notify("CHARGEBACK", new_psp_reference(), amount=one_rupiah)
    payment = await sale.until(lambda payment: payment.get("chargedBack", 0) > 0, "charged back")
    events = [event["data"] for event in await journey_client.events(sale.reference)]

    for shown in (payment, *events):
        sums = [shown["captured"], shown["refunded"], shown.get("chargedBack", 0)]
        assert all(amount in range(WHOLE_AMOUNT + 1) for amount in sums), shown
    assert (await sale.request_change("refunds", WHOLE_AMOUNT + 1)).status == 422


async def test_a_refund_whose_answer_was_lost_reserves_its_amount(
    caller: Caller, journey_client: JourneyClient
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay()
    await journey_client.faults(
        {"fault": "lose_reply_before", "call": "refunds", "reference": sale.reference}
    )
    lost, again = await sale.request_change("refunds"), await sale.request_change("refunds")
    await journey_client.faults()

    assert lost.status == 503
    assert "25000 are held by a refund whose end is not known yet" in message(again)


async def test_a_payment_that_is_partly_refunded_cannot_be_cancelled(
    caller: Caller, journey_client: JourneyClient
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay()
    await sale.request_change("refunds", 10_000)
    by_psp_reference = await sale.request_change("cancels", None)
    by_reference = await caller.post("/v72/cancels", {"paymentReference": sale.reference})

    for response in (by_psp_reference, by_reference):
        assert (response.status, response.json["errorCode"]) == (422, "167")
        assert "refund the other 15000 instead" in response.json["message"]


async def test_a_refund_is_refused_during_a_cancel_and_allowed_after_the_cancel_failed(
    caller: Caller, journey_client: JourneyClient
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay()
    await sale.delay("CANCELLATION")
    cancel = await sale.request_change("cancels", None)
    refund = await sale.request_change("refunds")
    await journey_client.faults()

    assert "25000 are held by a cancel whose end is not known yet" in message(refund)

    await sale.notify("CANCELLATION", cancel.json["pspReference"], success="false")
    await sale.until_recorded("cancel_rejected")

    assert (await sale.request_change("refunds")).status == 201


async def test_an_announced_dispute_reserves_its_amount(
    caller: Caller, journey_client: JourneyClient
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay()
    await sale.notify("NOTIFICATION_OF_CHARGEBACK", new_psp_reference())
    payment = await sale.until_recorded("dispute_announced")
    refund = await sale.request_change("refunds")

    assert payment.get("chargedBack", 0) == 0
    assert "25000 are held by a dispute that was announced" in message(refund)


async def test_a_charged_back_amount_cannot_be_refunded(
    caller: Caller, journey_client: JourneyClient
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay()
    dispute = new_psp_reference()
    await sale.notify("CHARGEBACK", dispute)
    await sale.until(lambda payment: payment.get("chargedBack") == WHOLE_AMOUNT, "charged back")
    refund = await sale.request_change("refunds")

    assert "at most 0 IDR can still be refunded: of 25000, 25000 were charged back" in message(
        refund
    )
    (twin_payment,) = await caller.twin_payments(sale.reference)
    assert twin_payment["refunded"] == 0

    await sale.notify("CHARGEBACK_REVERSED", dispute)
    await sale.until_recorded("chargeback_reversed")
    assert (await sale.request_change("refunds")).status == 201


async def test_refunds_of_one_attempt_cannot_use_the_amount_of_another(
    caller: Caller, journey_client: JourneyClient
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay()
    metadata = {"metadata.kasirPaymentId": (await journey_client.newest(sale.reference))["id"]}
    other = new_psp_reference()
    await sale.notify("AUTHORISATION", other, originalReference=None, additionalData=metadata)
    await sale.until(lambda payment: payment["captured"] == 2 * WHOLE_AMOUNT, "paid twice")
    first, again = await sale.request_change("refunds"), await sale.request_change("refunds")
    sale.psp_reference = other
    of_the_other = await sale.request_change("refunds")

    assert first.status == 201
    assert "at most 0 IDR can still be refunded" in message(again)
    # Kasir allowed this refund. The twin refused it, as it does not know the other attempt.
    assert "can still be refunded" not in of_the_other.json["message"]


async def test_the_message_names_the_refundable_amount_and_what_reserves_the_rest(
    caller: Caller, journey_client: JourneyClient
) -> None:
    sale = Sale(caller, journey_client)
    await sale.pay()
    await sale.delay("REFUND")
    await sale.notify("CHARGEBACK", new_psp_reference(), amount={"currency": "IDR", "value": 5_000})
    await sale.until(lambda payment: payment.get("chargedBack") == 5_000, "charged back")
    await sale.request_change("refunds", 12_000)
    refund = await sale.request_change("refunds", 8_001)
    reversal = await sale.request_change("reversals", None)

    assert (
        "at most 8000 IDR can still be refunded: of 25000, "
        "12000 are held by a refund whose end is not known yet, 5000 were charged back."
    ) in message(refund)
    assert reversal.status == 422
    assert "refund the other 8000" in reversal.json["message"]
    await journey_client.faults()
