"""Modifications: the answer `received`, the outcome by webhook, and the sums."""

from __future__ import annotations

from typing import Any

import pytest

from twin_fixtures import Answer, RunningTwin, Shop, payment_body, shop, twin

__all__ = ["shop", "twin"]

# The first event of a paid payment is AUTHORISATION, so a test reads `shop.received[1:]`.
# A modification is decided after one second (`modificationS`), so `settle(2)` is enough.

DAY_S = 24 * 3600
#: The pspReference of no payment.
UNKNOWN = "NOSUCHPAYMENT000"


async def request_modification(
    twin: RunningTwin, psp_reference: str, path: str, value: int | None = None, **more: Any
) -> Answer:
    """Request a modification; `path` is the last part of its path."""
    amount = {} if value is None else {"amount": {"currency": "IDR", "value": value}}
    body = {"merchantAccount": "TwinMerchant", **amount, **more}
    return await twin.api(f"/v72/payments/{psp_reference}/{path}", body)


async def status_and_sums(twin: RunningTwin, psp_reference: str) -> tuple[str, int, int]:
    """Return the payment's status, and the captured and the refunded sum in rupiah."""
    reply = await twin.control("GET", f"payments/{psp_reference}")
    return reply["status"], reply["captured"], reply["refunded"]


async def test_a_refund_is_received_and_its_outcome_is_sent(twin: RunningTwin, shop: Shop) -> None:
    psp_reference = await twin.paid()
    answer = await request_modification(
        twin, psp_reference, "refunds", 10_000, reference="R-1", merchantRefundReason="RETURN"
    )
    await twin.settle(2)

    item = shop.received[-1].item
    assert answer.status == 201
    assert answer.body == {
        "merchantAccount": "TwinMerchant",
        "paymentPspReference": psp_reference,
        "pspReference": answer.headers["pspReference"],
        "amount": {"currency": "IDR", "value": 10_000},
        "reference": "R-1",
        "merchantRefundReason": "RETURN",
        "status": "received",
    }
    assert shop.events[-1] == ("REFUND", "true")
    assert item["originalReference"] == psp_reference
    assert item["pspReference"] == answer.body["pspReference"]
    assert item["merchantReference"] == "ORDER-1001"
    assert await status_and_sums(twin, psp_reference) == ("authorised", 25_000, 10_000)


async def test_refunds_never_exceed_the_captured_amount(twin: RunningTwin, shop: Shop) -> None:
    psp_reference = await twin.paid()
    for value in (10_000, 10_000, 10_000, 5_000):
        await request_modification(twin, psp_reference, "refunds", value)
    await twin.settle(2)

    refunds = [event for event in shop.events if event[0] == "REFUND"]
    reasons = [webhook.item["reason"] for webhook in shop.received[1:]]
    assert [success for _, success in refunds] == ["true", "true", "false", "true"]
    assert reasons[2] == "Insufficient balance on payment"
    assert await status_and_sums(twin, psp_reference) == ("authorised", 25_000, 25_000)


async def test_an_uncaptured_payment_cannot_be_refunded(twin: RunningTwin, shop: Shop) -> None:
    await twin.control("PUT", "knobs", {"capture": "manual"})
    psp_reference = await twin.paid()
    refused = (await twin.shopper(await twin.pay(), "refuse"))["pspReference"]
    for unpaid in (psp_reference, refused):
        assert (await request_modification(twin, unpaid, "refunds", 1)).status == 201
    await twin.settle(2)

    assert shop.events[-2:] == [("REFUND", "false")] * 2
    assert shop.received[-1].item["reason"] == (
        "Transaction hasn't been captured, refund not possible"
    )


async def test_a_capture_after_the_automatic_one_succeeds_and_changes_nothing(
    twin: RunningTwin, shop: Shop
) -> None:
    psp_reference = await twin.paid()
    await request_modification(twin, psp_reference, "captures", 25_000)
    await twin.settle(2)

    assert shop.events[-1] == ("CAPTURE", "true")
    assert await status_and_sums(twin, psp_reference) == ("authorised", 25_000, 0)


async def test_a_partial_capture_releases_the_rest(twin: RunningTwin, shop: Shop) -> None:
    await twin.control("PUT", "knobs", {"capture": "manual"})
    psp_reference = await twin.paid()
    await request_modification(twin, psp_reference, "captures", 10_000)
    await request_modification(twin, psp_reference, "captures", 5_000)
    await twin.settle(2)

    assert shop.events[-2:] == [("CAPTURE", "true"), ("CAPTURE", "false")]
    assert await status_and_sums(twin, psp_reference) == ("authorised", 10_000, 0)


async def test_several_captures_are_possible_if_a_knob_allows_them(
    twin: RunningTwin, shop: Shop
) -> None:
    await twin.control("PUT", "knobs", {"capture": "manual", "severalCaptures": True})
    psp_reference = await twin.paid()
    for value in (10_000, 10_000, 10_000):
        await request_modification(twin, psp_reference, "captures", value)
    await twin.settle(2)

    assert [success for _, success in shop.events[-3:]] == ["true", "true", "false"]
    assert await status_and_sums(twin, psp_reference) == ("authorised", 20_000, 0)


async def test_an_uncaptured_payment_expires(twin: RunningTwin, shop: Shop) -> None:
    await twin.control("PUT", "knobs", {"capture": "manual"})
    psp_reference = await twin.paid()
    captured = await twin.paid(reference="CAPTURED")
    await request_modification(twin, captured, "captures", 25_000)
    await twin.settle(29 * DAY_S)
    await request_modification(twin, psp_reference, "captures", 25_000)
    await twin.settle(2)

    assert [event for event in shop.events if event[0] == "EXPIRE"] == [("EXPIRE", "true")]
    assert await status_and_sums(twin, psp_reference) == ("expired", 0, 0)
    assert await status_and_sums(twin, captured) == ("authorised", 25_000, 0)
    assert shop.events[-1] == ("CAPTURE", "false")


@pytest.mark.parametrize(
    ("knobs", "success", "expected"),
    [
        ({"capture": "manual"}, "true", ("cancelled", 0, 0)),
        ({}, "false", ("authorised", 25_000, 0)),
        ({"cancelOfCaptured": "cancel"}, "true", ("cancelled", 0, 0)),
    ],
)
async def test_a_cancel_succeeds_before_the_capture_or_if_a_knob_allows_it(
    twin: RunningTwin, shop: Shop, knobs: Any, success: str, expected: tuple[str, int, int]
) -> None:
    await twin.control("PUT", "knobs", knobs)
    psp_reference = await twin.paid()
    answer = await request_modification(twin, psp_reference, "cancels", reference="C-1")
    await twin.settle(2)

    assert answer.status == 201
    assert shop.events[-1] == ("CANCELLATION", success)
    assert await status_and_sums(twin, psp_reference) == expected


@pytest.mark.parametrize(
    ("knobs", "action", "expected"),
    [
        ({"capture": "manual"}, "cancel", ("cancelled", 0, 0)),
        ({}, "refund", ("authorised", 25_000, 25_000)),
    ],
)
async def test_a_reversal_cancels_or_refunds(
    twin: RunningTwin, shop: Shop, knobs: Any, action: str, expected: tuple[str, int, int]
) -> None:
    await twin.control("PUT", "knobs", knobs)
    psp_reference = await twin.paid()
    await request_modification(twin, psp_reference, "reversals")
    await twin.settle(2)

    assert shop.events[-1] == ("CANCEL_OR_REFUND", "true")
    assert shop.received[-1].item["additionalData"]["modification.action"] == action
    assert await status_and_sums(twin, psp_reference) == expected


async def test_a_reversal_after_a_refund_fails(twin: RunningTwin, shop: Shop) -> None:
    psp_reference = await twin.paid()
    await request_modification(twin, psp_reference, "refunds", 1)
    await request_modification(twin, psp_reference, "reversals")
    await twin.settle(2)

    assert shop.events[-1] == ("CANCEL_OR_REFUND", "false")
    assert await status_and_sums(twin, psp_reference) == ("authorised", 25_000, 1)


async def cancel_by_reference(twin: RunningTwin, reference: str) -> Answer:
    """Cancel by the shop's own reference."""
    body = {"merchantAccount": "TwinMerchant", "paymentReference": reference}
    return await twin.api("/v72/cancels", body)


async def test_an_open_payment_is_cancelled_by_reference(twin: RunningTwin, shop: Shop) -> None:
    url = await twin.pay(reference="OPEN")
    await twin.paid(reference="PAID")
    answers = [await cancel_by_reference(twin, name) for name in ("OPEN", "PAID", "UNKNOWN-ORDER")]
    await twin.settle(2)
    too_late = await twin.call("POST", "/twin/wallet", {"url": url, "do": "approve"})

    cancels = {
        webhook.item["merchantReference"]: webhook.item
        for webhook in shop.received
        if webhook.item["eventCode"] == "TECHNICAL_CANCEL"
    }
    assert [answer.status for answer in answers] == [201] * 3
    assert answers[0].body.keys() == {
        "merchantAccount",
        "paymentReference",
        "pspReference",
        "status",
    }
    assert {name: item["success"] for name, item in cancels.items()} == {
        "OPEN": "true",
        "PAID": "false",
        "UNKNOWN-ORDER": "false",
    }
    assert "originalReference" not in cancels["UNKNOWN-ORDER"]
    assert too_late.status == 409
    # A cancelled offer does not expire later.
    await twin.settle(3600)
    assert ("OFFER_CLOSED", "true") not in shop.events


async def test_every_open_payment_with_the_reference_is_cancelled(
    twin: RunningTwin, shop: Shop
) -> None:
    for _ in range(2):
        await twin.pay(reference="TWICE")
    await cancel_by_reference(twin, "TWICE")
    await twin.settle(2)

    reply = await twin.control("GET", "payments?reference=TWICE")
    assert [payment["status"] for payment in reply["payments"]] == ["cancelled"] * 2
    assert shop.events == [("TECHNICAL_CANCEL", "true")] * 2


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (f"payments/{UNKNOWN}/refunds", {"amount": {"currency": "IDR", "value": 1}}, 422, "167"),
        ("payments/PAID/refunds", {}, 422, "100"),
        ("payments/PAID/refunds", {"amount": {"currency": "EUR", "value": 1}}, 422, "138"),
        ("payments/PAID/refunds", {"amount": {"currency": "IDR", "value": 0}}, 422, "137"),
        ("payments/PAID/refunds", {"amount": {"currency": "IDR", "value": "1.0"}}, 422, "187"),
        (
            "payments/PAID/refunds",
            {"amount": {"currency": "IDR", "value": 1}, "reference": "r" * 81},
            422,
            "187",
        ),
        (
            "payments/PAID/refunds",
            {"amount": {"currency": "IDR", "value": 1}, "merchantRefundReason": "BORED"},
            422,
            "187",
        ),
        ("payments/PAID/captures", {}, 422, "100"),
        ("payments/PAID/cancels", {"merchantAccount": "Another"}, 403, "901"),
        ("payments/OFFER/cancels", {}, 422, "167"),
        ("payments/PAID/reversals", {"reference": 7}, 422, "187"),
        ("payments/PAID/amountUpdates", {}, 404, "000"),
        ("cancels", {}, 422, "187"),
        ("cancels", {"paymentReference": "X", "merchantAccount": "Another"}, 403, "901"),
    ],
)
async def test_an_invalid_modification_is_refused(
    twin: RunningTwin, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    psp_reference = await twin.paid()
    offer = (await twin.control("GET", f"payments/{psp_reference}"))["offerReference"]
    # PAID and OFFER in `path` are replaced by the references of this payment.
    path = path.replace("PAID", psp_reference).replace("OFFER", offer)
    answer = await twin.api(f"/v72/{path}", {"merchantAccount": "TwinMerchant", **body})

    assert (answer.status, answer.body["errorCode"]) == (status, code)


async def test_a_modifications_webhook_can_have_its_own_reference(
    twin: RunningTwin, shop: Shop
) -> None:
    await twin.control("PUT", "knobs", {"modificationReference": "modification"})
    psp_reference = await twin.paid()
    await request_modification(twin, psp_reference, "refunds", 1, reference="R-1")
    await twin.settle(2)

    assert shop.received[-1].item["merchantReference"] == "R-1"


async def test_repeated_calls_with_one_idempotency_key_refund_once(
    twin: RunningTwin, shop: Shop
) -> None:
    psp_reference = await twin.paid()
    body = {"merchantAccount": "TwinMerchant", "amount": {"currency": "IDR", "value": 10_000}}
    path = f"/v72/payments/{psp_reference}/refunds"
    answers = [await twin.api(path, body, key="refund-1") for _ in range(3)]
    await twin.settle(2)

    assert len({answer.text for answer in answers}) == 1
    assert await status_and_sums(twin, psp_reference) == ("authorised", 25_000, 10_000)


async def test_there_are_four_test_notifications_per_event(twin: RunningTwin, shop: Shop) -> None:
    body = {"types": ["AUTHORISATION", "REPORT_AVAILABLE"]}
    shop.answers = [202, 500]
    reply = await twin.control("POST", "webhooks/standard/test", body)
    # Two event codes, with four notifications for each.
    signed_count = len(shop.received)
    await twin.control("PUT", "knobs", {"testNoticesSealed": False})
    await twin.control("POST", "webhooks/standard/test", {"types": ["AUTHORISATION"]})

    assert signed_count == 8
    assert [row["status"] for row in reply["data"]][:3] == ["success", "failed", "success"]
    assert {webhook.item["amount"]["currency"] for webhook in shop.received} == {"EUR", "GBP"}
    assert "hmacSignature" in shop.received[0].item["additionalData"]
    assert "additionalData" not in shop.received[-1].item


async def test_a_payment_can_be_modified_without_a_configured_webhook(twin: RunningTwin) -> None:
    answer = await twin.api("/v72/payments", payment_body())
    psp_reference = (await twin.shopper(answer.body["action"]["url"]))["pspReference"]
    await request_modification(twin, psp_reference, "refunds", 25_000)
    await twin.settle(2)

    reply = await twin.control("GET", f"payments/{psp_reference}")
    assert [event["eventCode"] for event in reply["events"]] == ["AUTHORISATION", "REFUND"]
    assert [mod["kind"] for mod in reply["modifications"]] == ["capture", "refund"]
