"""The life of a payment over the API: what happened, what is left, and the messages behind it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from fakes import KEY, NOW, envelope, notification_item
from kasir.adyen.signing import key_from_hex
from kasir.store.outbox import add_try
from kasir.webhooks.receiving import receive
from payment_operator import Operator, operator
from statements import counted_statements

__all__ = ["operator"]


async def tell(operator: Operator, **changes: Any) -> None:
    """Receive and read a notification."""
    body = envelope(notification_item(**changes))
    await receive(
        body,
        is_form=False,
        keys=[key_from_hex(KEY)],
        inbox=operator.kasir.inbox,
        received_at=NOW,
    )
    await operator.kasir.reader.read_all()


async def pay(operator: Operator, name: str, psp_reference: str, **changes: Any) -> None:
    """Store a payment, and receive the notification that it is paid."""
    await operator.store(name, reference=name.upper())
    extra = {"metadata.kasirPaymentId": name, "shopperEmail": "budi@example.com"}
    await tell(
        operator,
        merchantReference=name.upper(),
        pspReference=psp_reference,
        additionalData=extra,
        **changes,
    )


async def life(operator: Operator, name: str) -> Any:
    response = await operator.http.get(f"/api/payments/{name}/life")
    assert response.status_code == 200, response.text
    return response.json()


async def message(operator: Operator, name: str, message_id: str) -> Any:
    response = await operator.http.get(f"/api/payments/{name}/messages/{message_id}")
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_life_has_the_call_the_fact_and_the_event_with_their_messages(
    operator: Operator,
) -> None:
    await pay(operator, "pay_life", "PSP-LIFE")
    found = await life(operator, "pay_life")

    by_kind = {entry["kind"]: entry for entry in found["entries"]}
    assert [entry["kind"] for entry in found["entries"]].count("fact") == 1
    assert by_kind["call"]["text"] == "Kasir asked Adyen for the payment."
    assert by_kind["call"]["message"] == "request-kasir-pay_life"
    assert by_kind["fact"]["says"] == "authorised"
    assert by_kind["fact"]["source"] == "notification"
    assert by_kind["fact"]["text"] == "The payment is paid."
    assert by_kind["event"]["says"] == "payment.authorised"
    assert found["payment"]["status"] == "authorised"
    assert found["attempts"] == [
        {
            "pspReference": "PSP-LIFE",
            "refundable": 25_000,
            "refundableWhy": "",
            "capturable": 25_000,
            "capturableWhy": "",
            "cancellable": True,
        }
    ]
    notice = await message(operator, "pay_life", by_kind["fact"]["message"])
    assert (notice["name"], notice["body"]["pspReference"]) == ("AUTHORISATION", "PSP-LIFE")
    assert notice["body"]["additionalData"]["shopperEmail"] == "(hidden)"
    event = await message(operator, "pay_life", by_kind["event"]["message"])
    assert (event["name"], event["body"]["data"]["status"]) == ("payment.authorised", "authorised")
    call = await message(operator, "pay_life", by_kind["call"]["message"])
    assert (call["name"], call["body"]) == ("/payments", {"reference": "ORDER-1001"})


async def test_an_answer_is_the_message_behind_its_fact(operator: Operator) -> None:
    await operator.store("pay_answer")
    book = operator.kasir.payments
    question, _ = await book.question("kasir-pay_answer")
    from kasir.adyen.replies import Answer
    from kasir.gateway import meanings

    body = {"resultCode": "Refused", "pspReference": "PSP-ANSWER", "refusalReason": "NO", "x": "y"}
    answer = Answer(200, json.dumps(body).encode(), "PSP-ANSWER")
    await book.record(question, meanings.of_reply(question, answer, NOW), None)
    (fact,) = [
        one for one in (await life(operator, "pay_answer"))["entries"] if one["kind"] == "fact"
    ]
    told = await message(operator, "pay_answer", fact["message"])

    assert (fact["says"], fact["message"]) == ("refused", "answer-kasir-pay_answer")
    assert (told["status"], told["body"]["refusalReason"], told["body"]["x"]) == (
        200,
        "NO",
        "(hidden)",
    )


async def test_a_mismatched_amount_has_the_notice_that_told_it(operator: Operator) -> None:
    await pay(operator, "pay_other", "PSP-OTHER", amount={"currency": "IDR", "value": 1})
    entries = (await life(operator, "pay_other"))["entries"]
    (mismatch,) = [one for one in entries if one["says"] == "amount_mismatch"]
    notice = await message(operator, "pay_other", mismatch["message"])

    assert notice["body"]["amount"] == {"currency": "IDR", "value": 1}


async def test_what_is_held_by_a_refund_is_not_left(operator: Operator) -> None:
    await pay(operator, "pay_part", "PSP-PART")
    body = b'{"amount": {"currency": "IDR", "value": 10000}}'
    answer = await operator.http.post("/v72/payments/PSP-PART/refunds", content=body)
    found = await life(operator, "pay_part")

    assert answer.status_code == 503  # No Adyen is running, so its outcome is unknown.
    assert found["attempts"][0]["refundable"] == 15_000
    assert "10000 are held by a refund" in found["attempts"][0]["refundableWhy"]
    assert found["attempts"][0]["cancellable"] is False
    asked = [one for one in found["entries"] if one["says"] == "refund_asked"]
    assert [one["kind"] for one in asked] == ["fact"]  # And no call beside it.
    request = await message(operator, "pay_part", asked[0]["message"])
    assert request["body"]["amount"] == {"currency": "IDR", "value": 10_000}


async def test_an_event_has_its_tries(operator: Operator) -> None:
    await pay(operator, "pay_tries", "PSP-TRIES")
    event_id = await operator.kasir.pool.fetchval(
        "UPDATE event SET due_at = now() WHERE subject = 'pay_tries' RETURNING id"
    )
    for status, error, due in ((None, "no answer of 10.1.2.3", NOW), (200, "", None)):
        await add_try(
            operator.kasir.pool,
            event_id,
            at=NOW + timedelta(seconds=len(error)),
            status=status,
            error=error,
            is_taken=status == 200,
            due_at=due,
        )
    entries = (await life(operator, "pay_tries"))["entries"]
    (event,) = [one for one in entries if one["kind"] == "event"]

    assert event["state"] == "delivered"
    assert event["tries"] == [
        {"at": "2026-11-23T10:00:21Z", "error": "no answer of (hidden)"},
        {"at": "2026-11-23T10:00:00Z", "status": 200},
    ]


async def test_a_deleted_body_and_one_that_no_key_decrypts_are_named(operator: Operator) -> None:
    await pay(operator, "pay_gone", "PSP-GONE")
    notice_id = await operator.kasir.pool.fetchval(
        "UPDATE notice SET item = '' WHERE payment_id = 'pay_gone' RETURNING id"
    )
    await operator.kasir.pool.execute(
        "UPDATE question SET body = 'other' WHERE payment_id = 'pay_gone'"
    )
    deleted = await message(operator, "pay_gone", f"notice-{notice_id}")
    sealed = await message(operator, "pay_gone", "request-kasir-pay_gone")
    entries = (await life(operator, "pay_gone"))["entries"]

    assert (deleted["body"], deleted["why"]) == (
        None,
        "Its body was deleted some time after it was read.",
    )
    assert sealed["body"] is None
    assert "KASIR_SECRET_KEY" in sealed["why"]
    assert ["message" in entry for entry in entries if entry["kind"] == "fact"] == [False]


@pytest.mark.parametrize(
    "message_id",
    [
        "request-kasir-pay_life",  # Of another payment.
        "answer-kasir-pay_mine",
        "notice-1",
        "notice-x",
        "notice-" + "9" * 19,
        "event-evt_1",
        "event",
        "letter-1",
        "%00",
    ],
)
async def test_a_message_that_is_not_the_payments_is_not_found(
    operator: Operator, message_id: str
) -> None:
    if await operator.kasir.payments.payment("pay_mine") is None:  # type: ignore[arg-type]
        await operator.store("pay_mine")
    response = await operator.http.get(f"/api/payments/pay_mine/messages/{message_id}")

    assert response.status_code == 404
    assert "/life shows the ids of a payment's messages" in response.json()["message"]


async def test_an_unknown_payment_has_no_life(operator: Operator) -> None:
    responses = [
        await operator.http.get(f"/api/payments/nobody/{rest}") for rest in ("life", "messages/x")
    ]
    with_parameter = await operator.http.get("/api/payments/pay_life/life?facts=1")

    assert [response.status_code for response in responses] == [404, 404]
    assert with_parameter.status_code == 422


async def test_the_statements_of_a_life_do_not_grow_with_it(operator: Operator) -> None:
    await pay(operator, "pay_long", "PSP-LONG")
    counts = []
    for number in range(2):
        with counted_statements() as counted:
            await life(operator, "pay_long")
        counts.append(sum(counted.values()))
        for event in range(3):
            await tell(
                operator,
                eventCode="REFUND",
                originalReference="PSP-LONG",
                pspReference=f"PSP-R{number}{event}",
                merchantReference="PAY_LONG",
                amount={"currency": "IDR", "value": 100},
            )

    assert counts[0] == counts[1]
