"""Each fault, and the selection of its targets."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from adyen_twin.protocol import signing
from twin_fixtures import KEY, OTHER_KEY, RunningTwin, Shop, payment_body, shop, twin

__all__ = ["shop", "twin"]


# The first event of a paid payment is AUTHORISATION, so a test reads `shop.events[1:]`.


async def plan_faults(twin: RunningTwin, *faults: dict[str, Any]) -> None:
    """Replace the planned faults."""
    await twin.control("PUT", "faults", list(faults))


async def trigger_counts(twin: RunningTwin) -> list[int]:
    """Return how often each planned fault was triggered."""
    return [fault["struck"] for fault in (await twin.control("GET", "faults"))["faults"]]


def received_references(shop: Shop) -> list[str]:
    """Return the merchantReferences of the received notifications."""
    return [webhook.item["merchantReference"] for webhook in shop.received]


async def test_a_webhook_can_be_sent_more_than_once(twin: RunningTwin, shop: Shop) -> None:
    await plan_faults(twin, {"fault": "duplicate_notice", "copies": 2})
    await twin.paid()
    await twin.settle()

    assert len(shop.received) == 3
    assert len({webhook.raw for webhook in shop.received}) == 1


async def test_a_webhook_can_be_lost(twin: RunningTwin, shop: Shop) -> None:
    await plan_faults(twin, {"fault": "lose_notice", "reference": "LOST"})
    await twin.paid(reference="LOST")
    await twin.paid(reference="KEPT")
    await twin.settle(3600)

    (lost, _) = (await twin.control("GET", "deliveries"))["deliveries"]
    assert received_references(shop) == ["KEPT"]
    assert (lost["reference"], lost["error"]) == ("LOST", "lost because of a planned fault")


async def test_a_webhook_can_be_late_and_others_do_not_wait(twin: RunningTwin, shop: Shop) -> None:
    await plan_faults(twin, {"fault": "delay_notice", "seconds": 600, "reference": "LATE"})
    await twin.paid(reference="LATE")
    await twin.paid(reference="PROMPT")
    await twin.settle(599)
    before = received_references(shop)
    await twin.settle(1)

    assert before == ["PROMPT"]
    assert received_references(shop) == ["PROMPT", "LATE"]


async def test_a_webhook_can_be_sent_after_the_next_one(twin: RunningTwin, shop: Shop) -> None:
    await plan_faults(twin, {"fault": "reorder_notice", "times": 1})
    for reference in ("FIRST", "SECOND", "THIRD"):
        await twin.paid(reference=reference)
    await twin.settle()

    assert received_references(shop) == ["SECOND", "FIRST", "THIRD"]


async def test_a_webhook_that_is_held_back_is_sent_even_without_a_next_one(
    twin: RunningTwin, shop: Shop
) -> None:
    await plan_faults(twin, {"fault": "reorder_notice", "seconds": 30})
    await twin.paid()
    await twin.settle(29)
    before = len(shop.received)
    await twin.settle(1)

    assert (before, len(shop.received)) == (0, 1)


@pytest.mark.parametrize("fault", ["wrong_seal", "no_seal"])
async def test_the_first_tries_can_have_a_wrong_signature_or_none(
    twin: RunningTwin, shop: Shop, fault: str
) -> None:
    await plan_faults(twin, {"fault": fault, "tries": 2})
    shop.answers = [401, 401]
    await twin.paid()
    await twin.settle(60)

    signatures = [webhook.item["additionalData"].get("hmacSignature") for webhook in shop.received]
    right = signing.sign_item(shop.received[0].item, KEY)
    assert [signature == right for signature in signatures] == [False, False, True]
    assert (signatures[0] is None) is (fault == "no_seal")


async def test_a_webhook_can_be_signed_with_the_previous_key(twin: RunningTwin, shop: Shop) -> None:
    await twin.control("PUT", "webhooks/standard", {"url": shop.url, "hmacKey": OTHER_KEY})
    await plan_faults(twin, {"fault": "previous_key", "times": 1})
    await twin.paid()
    await twin.paid()
    await twin.settle()

    items = [webhook.item for webhook in shop.received]
    assert [item["additionalData"]["hmacSignature"] for item in items] == [
        signing.sign_item(items[0], KEY),
        signing.sign_item(items[1], OTHER_KEY),
    ]


@pytest.mark.parametrize(
    ("fault", "payment_count"), [("lose_reply_before", 0), ("lose_reply_after", 1)]
)
async def test_the_answer_to_a_call_can_be_lost(
    twin: RunningTwin, fault: str, payment_count: int
) -> None:
    await plan_faults(twin, {"fault": fault, "call": "payments", "times": 1})
    with pytest.raises(aiohttp.ClientError):
        await twin.api("/v72/payments", payment_body(), key="k")
    count = (await twin.control("GET", "payments"))["count"]
    again = await twin.api("/v72/payments", payment_body(), key="k")

    assert count == payment_count
    assert again.status == 200
    assert (await twin.control("GET", "payments"))["count"] == 1


@pytest.mark.parametrize(
    ("fault", "status", "code", "transient"),
    [
        ("error_500", 500, "000", None),
        ("error_503", 503, "703", "true"),
        ("conflict_409", 409, "704", None),
        ("conflict_422", 422, "704", None),
    ],
)
@pytest.mark.parametrize("after", [False, True])
async def test_the_answer_to_a_call_can_be_an_error(
    twin: RunningTwin, fault: str, status: int, code: str, transient: str | None, after: bool
) -> None:
    await plan_faults(twin, {"fault": fault, "times": 1, "after": after})
    first = await twin.api("/v72/payments", payment_body(), key="k")
    count = (await twin.control("GET", "payments"))["count"]
    again = await twin.api("/v72/payments", payment_body(), key="k")

    assert (first.status, first.body["errorCode"]) == (status, code)
    assert first.headers.get("transient-error") == transient
    assert count == int(after)
    # The error is not stored, so the same key gets the real answer.
    assert again.status == 200
    assert (await twin.control("GET", "payments"))["count"] == 1


async def test_a_key_is_answered_704_while_its_first_call_still_runs(twin: RunningTwin) -> None:
    await plan_faults(twin, {"fault": "slow_reply", "seconds": 0.5, "times": 1})
    slow = asyncio.create_task(twin.api("/v72/payments", payment_body(), key="k"))
    # Wait until the slow call is executed.
    while (await twin.control("GET", "payments"))["count"] == 0:
        pass
    meanwhile = await twin.api("/v72/payments", payment_body(), key="k")
    first = await slow
    after = await twin.api("/v72/payments", payment_body(), key="k")

    assert (meanwhile.status, meanwhile.body["errorCode"]) == (409, "704")
    assert first.status == 200
    assert after.text == first.text


async def test_a_webhook_can_be_delivered_before_the_answer(twin: RunningTwin, shop: Shop) -> None:
    await plan_faults(
        twin,
        {"fault": "delay_notice", "seconds": 600, "eventCode": "AUTHORISATION"},
        {"fault": "notice_before_reply"},
    )
    reply = await twin.shopper(await twin.pay())
    # AUTHORISATION is delayed until the call to /payments/details.
    before = len(shop.received)
    await twin.details(reply["location"])
    after = list(shop.events)
    body = {"merchantAccount": "TwinMerchant", "amount": {"currency": "IDR", "value": 1}}
    await twin.api(f"/v72/payments/{reply['pspReference']}/refunds", body)

    assert before == 0
    assert after == [("AUTHORISATION", "true")]
    assert shop.events[1:] == [("REFUND", "true")]


async def test_details_can_differ_from_the_webhook(twin: RunningTwin, shop: Shop) -> None:
    await plan_faults(twin, {"fault": "details_say", "resultCode": "Pending"})
    reply = await twin.shopper(await twin.pay())
    details = await twin.details(reply["location"])
    await twin.settle()

    assert details.body["resultCode"] == "Pending"
    assert shop.events == [("AUTHORISATION", "true")]


async def test_the_wallet_can_refuse_an_approved_payment(twin: RunningTwin, shop: Shop) -> None:
    await plan_faults(twin, {"fault": "wallet_refuses", "reason": "FRAUD", "code": "20"})
    reply = await twin.shopper(await twin.pay())
    await twin.settle()

    assert reply["status"] == "refused"
    assert shop.received[0].item["reason"] == "FRAUD"


@pytest.mark.parametrize("same_psp_reference", [False, True])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [("false_then_true", ["false", "true"]), ("true_then_false", ["true", "false"])],
)
async def test_the_refusal_of_an_earlier_attempt_can_be_sent(
    twin: RunningTwin, shop: Shop, fault: str, expected: list[str], same_psp_reference: bool
) -> None:
    await plan_faults(twin, {"fault": fault, "seconds": 60, "samePspReference": same_psp_reference})
    psp_reference = await twin.paid()
    await twin.settle(60)

    psp_references = {webhook.item["pspReference"] for webhook in shop.received}
    assert [success for _, success in shop.events] == expected
    assert len(psp_references) == (1 if same_psp_reference else 2)
    assert psp_reference in psp_references
    assert (await twin.control("GET", f"payments/{psp_reference}"))["status"] == "authorised"


async def test_offer_closed_can_be_sent_about_a_paid_payment(twin: RunningTwin, shop: Shop) -> None:
    await plan_faults(twin, {"fault": "offer_closed_after_paid", "seconds": 60})
    await twin.paid()
    await twin.settle(60)

    assert shop.events == [("AUTHORISATION", "true"), ("OFFER_CLOSED", "true")]


async def sum_after_refund(twin: RunningTwin, psp_reference: str) -> int:
    """Request a refund of 1000 rupiah; return the refunded sum of the payment."""
    body = {"merchantAccount": "TwinMerchant", "amount": {"currency": "IDR", "value": 1000}}
    await twin.api(f"/v72/payments/{psp_reference}/refunds", body)
    await twin.settle(2)
    value: int = (await twin.control("GET", f"payments/{psp_reference}"))["refunded"]
    return value


async def test_a_refund_can_be_refused(twin: RunningTwin, shop: Shop) -> None:
    await plan_faults(twin, {"fault": "refund_refused", "times": 1})
    psp_reference = await twin.paid()

    # Only the first refund is refused.
    assert [await sum_after_refund(twin, psp_reference) for _ in range(2)] == [0, 1000]
    assert [success for _, success in shop.events[1:]] == ["false", "true"]


@pytest.mark.parametrize("code", ["REFUND_FAILED", "REFUNDED_REVERSED"])
async def test_a_refund_can_fail_later(twin: RunningTwin, shop: Shop, code: str) -> None:
    await plan_faults(twin, {"fault": "refund_fails_later", "seconds": 7200, "eventCode": code})
    psp_reference = await twin.paid()
    at_first = await sum_after_refund(twin, psp_reference)
    await twin.settle(7200)

    reply = await twin.control("GET", f"payments/{psp_reference}")
    refund, failure = shop.received[-2].item, shop.received[-1].item
    assert (at_first, reply["refunded"]) == (1000, 0)
    assert reply["modifications"][-1]["outcome"] == "undone"
    assert shop.events[1:] == [("REFUND", "true"), (code, "true")]
    assert failure["originalReference"] == psp_reference
    assert failure["pspReference"] == refund["pspReference"]


async def test_a_capture_can_fail_later(twin: RunningTwin, shop: Shop) -> None:
    await plan_faults(twin, {"fault": "capture_fails_later"})
    psp_reference = await twin.paid()
    await twin.settle(3600)

    assert shop.events == [("AUTHORISATION", "true"), ("CAPTURE_FAILED", "true")]
    assert (await twin.control("GET", f"payments/{psp_reference}"))["captured"] == 0


async def test_faults_are_limited_by_count(twin: RunningTwin, shop: Shop) -> None:
    await plan_faults(twin, {"fault": "lose_notice", "skip": 1, "times": 2})
    for number in range(5):
        await twin.paid(reference=f"ORDER-{number}")
    await twin.settle()

    assert received_references(shop) == ["ORDER-0", "ORDER-3", "ORDER-4"]
    assert await trigger_counts(twin) == [2]


async def test_a_seed_triggers_the_same_faults_in_any_order(twin: RunningTwin, shop: Shop) -> None:
    numbers = range(40)
    received = []
    for order in (numbers, reversed(numbers)):
        shop.received.clear()
        await plan_faults(twin, {"fault": "lose_notice", "probability": 0.5, "seed": 7})
        for number in order:
            await twin.paid(reference=f"ORDER-{number}")
        await twin.settle()
        received.append(sorted(received_references(shop)))

    assert received[0] == received[1]
    # About half of the 40 webhooks are lost.
    assert 5 < len(received[0]) < 35


async def test_faults_can_be_removed(twin: RunningTwin) -> None:
    await plan_faults(twin, {"fault": "error_500"})
    await twin.control("DELETE", "faults")

    assert (await twin.api("/v72/payments", payment_body())).status == 200
    assert await twin.control("GET", "faults") == {"faults": []}


@pytest.mark.parametrize(
    ("faults", "field"),
    [
        ({}, None),
        ([{}], "[0].fault"),
        ([{"fault": "dance"}], "[0].fault"),
        ([{"fault": "lose_notice"}, {"fault": "delay_notice"}], "[1].seconds"),
        ([{"fault": "delay_notice", "seconds": -1}], "[0].seconds"),
        ([{"fault": "lose_notice", "probability": 2}], "[0].probability"),
        ([{"fault": "lose_notice", "times": 0}], "[0].times"),
        ([{"fault": "lose_notice", "colour": "red"}], "[0].colour"),
        ([{"fault": "lose_reply_after", "call": "donations"}], "[0].call"),
        ([{"fault": "details_say", "resultCode": "Maybe"}], "[0].resultCode"),
    ],
)
async def test_the_answer_to_an_invalid_fault_names_the_wrong_field(
    twin: RunningTwin, faults: Any, field: str | None
) -> None:
    answer = await twin.call("PUT", "/twin/faults", faults)

    assert answer.status == 422
    assert answer.body.get("field") == field, answer.text
    assert await trigger_counts(twin) == []


@pytest.mark.parametrize(
    ("fault", "text_in_error"),
    [
        ({"fault": "duplicat_notice"}, "duplicate_notice"),
        ({}, "duplicate_notice"),
        ({"fault": "lose_notice", "eventCode": "AUTHORISATON"}, "AUTHORISATION"),
        ({"fault": "lose_notice", "eventCode": "token.created"}, "recurring.token.created"),
        ({"fault": "refund_fails_later", "eventCode": "REFUND"}, "REFUNDED_REVERSED"),
        ({"fault": "error_500", "call": "payment"}, "paymentMethods"),
        ({"fault": "lose_notice", "endpoint": "token"}, "standard"),
        ({"fault": "lose_notice", "chance": 1}, "probability"),
    ],
)
async def test_a_misspelt_name_is_answered_with_the_valid_names(
    twin: RunningTwin, fault: dict[str, Any], text_in_error: str
) -> None:
    answer = await twin.call("PUT", "/twin/faults", [fault])
    _, separator, names = answer.body["error"].partition("; valid: ")

    assert (answer.status, bool(separator)) == (422, True)
    assert text_in_error in names.split(", ")


#: A valid value of the knob `answers` for one rule.
_ERROR_ANSWER = {"status": 422, "errorCode": "1", "message": "no"}


@pytest.mark.parametrize(
    ("method", "path", "body", "text_in_error"),
    [
        ("PUT", "wallets/s", {"state": "empty"}, "no_balance"),
        ("POST", "foreign", {"reference": "r", "amount": 1, "event": "PAID"}, "AUTHORISATION"),
        ("PUT", "knobs", {"idempotencyOtherBody": "again"}, "replay"),
        ("PUT", "knobs", {"colour": "red"}, "walletPin"),
        ("PUT", "knobs", {"answers": {"colour": _ERROR_ANSWER}}, "gopay_browser"),
        ("POST", "clock", {"seconds": 1}, "advance_s"),
        ("GET", "payments/NONE", None, "GET /twin/payments"),
        ("POST", "tokens/NONE", {"do": "disable"}, "GET /twin/tokens"),
        ("POST", "wallet", {"url": "x", "do": "approve"}, "action.url"),
        ("POST", "webhooks/standard/test", {}, "PUT /twin/webhooks/standard"),
        ("GET", "payment", None, "docs/twin.md"),
    ],
)
async def test_a_wrong_control_call_is_answered_with_the_valid_choices(
    twin: RunningTwin, method: str, path: str, body: Any, text_in_error: str
) -> None:
    answer = await twin.call(method, f"/twin/{path}", body)

    assert 400 <= answer.status < 500
    assert text_in_error in answer.body["error"]
