"""Refunds, captures, cancels and reversals over HTTP: their format and largest amounts."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from fakes import payment_body
from kasir.demo.client import JourneyClient, until
from paid_payment import paid_payment
from raw_http import Caller, HttpReply, is_adyens_error


def rupiah(value: int) -> dict[str, Any]:
    """The body of a change of this amount."""
    return {"merchantAccount": "TwinMerchant", "amount": {"currency": "IDR", "value": value}}


async def refund(
    caller: Caller, psp_reference: str, value: int, *, key: str | None = None, version: int = 72
) -> HttpReply:
    return await caller.post(
        f"/v{version}/payments/{psp_reference}/refunds", rupiah(value), key=key
    )


async def until_refunded(caller: Caller, reference: str, value: int) -> dict[str, Any]:
    """Wait until this amount of the payment is refunded; returns the payment."""

    async def newest() -> dict[str, Any]:
        listed = await caller.call("GET", f"/api/payments?reference={reference}")
        payment: dict[str, Any] = listed.json["payments"][0]
        return payment

    return await until(newest, lambda payment: payment["refunded"] == value, f"{value} refunded")


@pytest.mark.parametrize("version", [71, 72])
async def test_a_refund_is_received_in_adyens_format_and_then_confirmed(
    caller: Caller, journey_client: JourneyClient, version: int
) -> None:
    reference, psp_reference = await paid_payment(caller, journey_client, "CHG")
    response = await refund(caller, psp_reference, 10_000, version=version)
    payment = await until_refunded(caller, reference, 10_000)
    (twin_payment,) = await caller.twin_payments(reference)

    assert response.status == 201
    assert response.json["status"] == "received"
    assert response.json["paymentPspReference"] == psp_reference
    assert response.json["amount"] == {"currency": "IDR", "value": 10_000}
    assert (payment["status"], payment["captured"]) == ("authorised", 25_000)
    assert twin_payment["refunded"] == 10_000


async def test_refunds_add_up_to_at_most_what_was_captured(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference, psp_reference = await paid_payment(caller, journey_client, "CHG")
    first = await refund(caller, psp_reference, 20_000)
    second = await refund(caller, psp_reference, 5_000)
    third = await refund(caller, psp_reference, 1)
    await until_refunded(caller, reference, 25_000)

    assert [first.status, second.status] == [201, 201]
    assert (third.status, is_adyens_error(third)) == (422, True)
    assert "Field 'amount.value' is not valid: at most 0 IDR" in third.json["message"]


async def test_of_fifty_concurrent_refunds_the_twin_receives_the_two_that_fit(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference, psp_reference = await paid_payment(caller, journey_client, "CHG")
    answers = await asyncio.gather(*(refund(caller, psp_reference, 10_000) for _ in range(50)))
    await until_refunded(caller, reference, 20_000)
    (twin_payment,) = await caller.twin_payments(reference)

    assert sorted(response.status for response in answers) == [201] * 2 + [422] * 48
    assert twin_payment["refunded"] == 20_000


async def test_repeated_refunds_with_one_key_are_one_refund(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference, psp_reference = await paid_payment(caller, journey_client, "CHG")
    key = f"refund-{psp_reference}"
    first, again = [await refund(caller, psp_reference, 10_000, key=key) for _ in range(2)]
    other = await refund(caller, psp_reference, 5_000, key=key)
    payment = await until_refunded(caller, reference, 10_000)

    assert (again.status, again.body) == (first.status, first.body)
    assert (other.status, other.json["errorCode"]) == (422, "704")
    assert payment["refunded"] == 10_000


@pytest.mark.parametrize(
    ("change", "body", "status", "field"),
    [
        ("refunds", rupiah(25_001), 422, "amount.value"),
        ("refunds", rupiah(0), 422, "amount.value"),
        ("refunds", rupiah(-1), 422, "amount.value"),
        ("refunds", {"amount": {"currency": "EUR", "value": 1}}, 422, "amount.currency"),
        ("refunds", {"amount": {"currency": "IDR", "value": 1.5}}, 422, "amount.value"),
        ("refunds", {"amount": {"currency": "IDR", "value": "1.0"}}, 422, "amount.value"),
        ("refunds", {}, 422, "amount"),
        ("refunds", rupiah(1) | {"merchantAccount": "Another"}, 403, "merchantAccount"),
        ("refunds", rupiah(1) | {"reference": "r" * 81}, 422, "reference"),
        ("captures", {}, 422, "amount"),
        ("captures", rupiah(25_001), 422, "amount.value"),
        ("cancels", {"reference": 7}, 422, "reference"),
        ("reversals", {"merchantAccount": "Another"}, 403, "merchantAccount"),
    ],
)
async def test_an_invalid_change_names_its_field_and_changes_nothing(
    caller: Caller,
    journey_client: JourneyClient,
    change: str,
    body: dict[str, Any],
    status: int,
    field: str,
) -> None:
    reference, psp_reference = await paid_payment(caller, journey_client, "CHG")
    before = await caller.twin_payments(reference)
    response = await caller.post(f"/v72/payments/{psp_reference}/{change}", body)

    assert (response.status, is_adyens_error(response)) == (status, True)
    assert f"Field '{field}' is not valid: " in response.json["message"]
    assert await caller.twin_payments(reference) == before


@pytest.mark.parametrize("change", ["refunds", "captures", "cancels", "reversals"])
@pytest.mark.parametrize("psp_reference", ["NOBODYS000000001", "%00", "x" * 500])
async def test_a_payment_that_is_not_kasirs_is_not_changed(
    caller: Caller, change: str, psp_reference: str
) -> None:
    before = await caller.row_counts()
    response = await caller.post(f"/v72/payments/{psp_reference}/{change}", rupiah(1))

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert response.json["errorCode"] == "167"
    assert await caller.row_counts() == before


async def test_an_unknown_change_is_answered_404(
    caller: Caller, journey_client: JourneyClient
) -> None:
    _, psp_reference = await paid_payment(caller, journey_client, "CHG")
    response = await caller.post(f"/v72/payments/{psp_reference}/donations", rupiah(1))

    assert (response.status, is_adyens_error(response)) == (404, True)


async def test_a_reversal_returns_the_whole_amount(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference, psp_reference = await paid_payment(caller, journey_client, "CHG")
    response = await caller.post(f"/v72/payments/{psp_reference}/reversals", {})
    await until_refunded(caller, reference, 25_000)

    assert (response.status, response.json["status"]) == (201, "received")


async def test_an_attempt_is_cancelled_by_the_shops_reference(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference = f"CHG-{secrets.token_hex(6)}"
    await caller.post("/v72/payments", payment_body(reference=reference))
    response = await caller.post("/v72/cancels", {"paymentReference": reference})
    await journey_client.status(reference, "cancelled")

    assert (response.status, response.json["status"]) == (201, "received")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "paymentReference"),
        ({"paymentReference": ""}, "paymentReference"),
        ({"paymentReference": 7}, "paymentReference"),
        ({"paymentReference": "r" * 81}, "paymentReference"),
        ({"paymentReference": "nobody"}, "paymentReference"),
    ],
)
async def test_an_invalid_cancel_names_its_field(
    caller: Caller, body: dict[str, Any], field: str
) -> None:
    before = await caller.row_counts()
    response = await caller.post("/v72/cancels", body)

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert f"Field '{field}' is not valid: " in response.json["message"]
    assert await caller.row_counts() == before


async def test_a_refund_is_answered_503_until_a_notification_confirms_the_payment(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference = f"CHG-{secrets.token_hex(6)}"
    delayed = {"fault": "delay_notice", "reference": reference, "seconds": 3_600.0}
    await journey_client.faults(delayed)
    started = await caller.post("/v72/payments", payment_body(reference=reference))
    wallet_result = await journey_client.shopper(started.json["action"], "approve")
    # Adyen's answer has no reference, so Kasir does not know yet which payment was paid.
    details = await journey_client.details(wallet_result)
    early = await refund(caller, details.json["pspReference"], 25_000, key=reference)
    await journey_client.faults()
    await journey_client.advance(3_601)
    await journey_client.status(reference, "authorised")
    later = await refund(caller, details.json["pspReference"], 25_000, key=reference)

    assert (early.status, early.json["errorCode"]) == (503, "703")
    assert early.headers["transient-error"] == "true"
    assert "ask again" in early.json["message"]
    assert later.status == 201
