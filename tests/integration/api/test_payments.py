"""Payments over HTTP: Adyen's answers, one payment per idempotency key, repeatable details."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any
from urllib.parse import quote

import pytest

from fakes import payment_body
from kasir.demo.client import JourneyClient, redirect_result
from raw_http import Caller, HttpReply, is_adyens_error


def new_reference() -> str:
    return f"ORDER-{secrets.token_hex(6)}"


async def returned_from_wallet(
    caller: Caller, journey_client: JourneyClient, do: str = "approve"
) -> tuple[str, str]:
    """Start a payment and do this in the wallet; returns its reference and the redirectResult."""
    reference = new_reference()
    started = await caller.post("/v72/payments", payment_body(reference=reference))
    return reference, await journey_client.shopper(started.json["action"], do)


async def details(caller: Caller, result: str, version: int = 72) -> HttpReply:
    """Send a redirectResult to `/payments/details`."""
    body = {"details": {"redirectResult": result}}
    return await caller.post(f"/v{version}/payments/details", body)


@pytest.mark.parametrize("version", [71, 72])
async def test_gopay_is_listed_with_the_required_fields_filled_in(
    caller: Caller, version: int
) -> None:
    without_country_and_currency = {"channel": "Web", "amount": {"value": 25_000}}
    complete = {
        "merchantAccount": "TwinMerchant",
        "countryCode": "ID",
        "channel": "Web",
        "amount": {"currency": "IDR", "value": 25_000},
    }
    answers = [
        await caller.post(f"/v{version}/paymentMethods", body)
        for body in (without_country_and_currency, complete)
    ]

    assert [response.status for response in answers] == [200, 200]
    assert answers[0].json == {"paymentMethods": [{"name": "GoPay Wallet", "type": "gopay_wallet"}]}
    assert answers[1].json == answers[0].json


async def test_gopay_is_listed_for_a_request_that_names_nothing(caller: Caller) -> None:
    response = await caller.post("/v72/paymentMethods", {})

    assert response.json == {"paymentMethods": [{"name": "GoPay Wallet", "type": "gopay_wallet"}]}


@pytest.mark.parametrize(
    "change",
    [
        {"countryCode": "NL"},
        {"amount": {"currency": "EUR", "value": 25_000}},
        {"amount": {"value": 20_000_001}},
        {"blockedPaymentMethods": ["gopay_wallet"]},
    ],
)
async def test_the_shops_filters_of_payment_methods_are_forwarded(
    caller: Caller, change: dict[str, Any]
) -> None:
    filters = {"channel": "Web", "amount": {"value": 25_000}} | change
    response = await caller.post(
        "/v72/paymentMethods", {name: value for name, value in filters.items() if value}
    )

    assert (response.status, response.json) == (200, {"paymentMethods": []})


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"channel": "Phone"}, 422, "channel"),
        ({"amount": {"value": -1}}, 422, "amount.value"),
        ({"amount": 25_000}, 422, "amount"),
        ({"merchantAccount": "Another"}, 403, "merchantAccount"),
        ({"shopperReference": "ab"}, 422, "shopperReference"),
    ],
)
async def test_an_invalid_request_for_methods_names_its_field(
    caller: Caller, changes: dict[str, Any], status: int, field: str
) -> None:
    response = await caller.post("/v72/paymentMethods", changes)

    assert (response.status, is_adyens_error(response)) == (status, True)
    assert f"Field '{field}' is not valid: " in response.json["message"]


@pytest.mark.parametrize("version", [71, 72])
async def test_a_payment_gets_adyens_answer_and_is_stored(
    caller: Caller, journey_client: JourneyClient, version: int
) -> None:
    reference = new_reference()
    body = payment_body(reference=reference, shopperReference="shopper-1")
    response = await caller.post(f"/v{version}/payments", body)
    (payment,) = (await caller.call("GET", f"/api/payments?reference={reference}")).json["payments"]
    (twin_payment,) = await caller.twin_payments(reference)

    assert response.status == 200
    assert response.json.keys() == {"resultCode", "action"}
    assert response.json["resultCode"] == "RedirectShopper"
    assert response.json["action"]["paymentMethodType"] == "gopay_wallet"
    # The twin calls the pspReference of an attempt that is not paid yet its offerReference.
    assert response.headers["pspReference"] == twin_payment["offerReference"]
    assert payment["reference"] == reference
    assert payment["status"] == "awaiting_shopper"
    assert payment["amount"] == {"currency": "IDR", "value": 25_000}
    assert payment["shopperReference"] == "shopper-1"
    assert (payment["captured"], payment["refunded"]) == (0, 0)
    assert [fact["says"] for fact in payment["facts"]] == ["awaiting_shopper"]
    by_id = await caller.call("GET", f"/api/payments/{payment['id']}")
    assert by_id.json == payment


async def test_a_payment_is_forwarded_unchanged_with_kasirs_id_added(caller: Caller) -> None:
    reference = new_reference()
    body = payment_body(reference=reference, merchantAccount=None, metadata={"basket": "7"})
    response = await caller.post("/v72/payments", body)
    (payment,) = (await caller.call("GET", f"/api/payments?reference={reference}")).json["payments"]
    (twin_payment,) = await caller.twin_payments(reference)

    assert response.status == 200
    assert twin_payment["merchantAccount"] == "TwinMerchant"
    assert twin_payment["amount"] == {"currency": "IDR", "value": 25_000}
    assert twin_payment["metadata"] == {"basket": "7", "kasirPaymentId": payment["id"]}


async def test_full_metadata_is_forwarded_unchanged(caller: Caller) -> None:
    reference, full = new_reference(), {str(n): "v" for n in range(20)}  # Adyen allows 20 pairs.
    response = await caller.post("/v72/payments", payment_body(reference=reference, metadata=full))
    (twin_payment,) = await caller.twin_payments(reference)

    assert response.status == 200
    assert twin_payment["metadata"] == full


async def test_payments_of_one_reference_are_listed_newest_first(caller: Caller) -> None:
    reference = new_reference()
    for value in (1, 2, 3):
        amount = {"currency": "IDR", "value": value}
        await caller.post("/v72/payments", payment_body(reference=reference, amount=amount))
    found = (await caller.call("GET", f"/api/payments?reference={reference}")).json["payments"]

    assert [payment["amount"]["value"] for payment in found] == [3, 2, 1]


# Tests of idempotency keys.


async def test_the_same_key_returns_the_first_answer(caller: Caller) -> None:
    reference = new_reference()
    body = payment_body(reference=reference)
    first = await caller.post("/v72/payments", body, key=reference)
    again = await caller.post("/v72/payments", body, key=reference)
    reordered = json.dumps(dict(reversed(body.items())), indent=3).encode()
    reformatted = await caller.post("/v72/payments", reordered, key=reference)

    assert (again.status, again.body) == (first.status, first.body)
    assert (reformatted.status, reformatted.body) == (first.status, first.body)
    assert again.headers["pspReference"] == first.headers["pspReference"]
    assert [response.headers["idempotency-key"] for response in (first, again)] == [reference] * 2
    assert len(await caller.twin_payments(reference)) == 1


async def test_without_a_key_no_key_is_returned(caller: Caller) -> None:
    response = await caller.post("/v72/payments", payment_body(reference=new_reference()))

    assert "idempotency-key" not in response.headers


@pytest.mark.parametrize(
    "change", [{"amount": {"currency": "IDR", "value": 1}}, {"reference": "OTHER"}, {"extra": 1}]
)
async def test_the_same_key_with_another_body_is_answered_422(
    caller: Caller, change: dict[str, Any]
) -> None:
    reference = new_reference()
    await caller.post("/v72/payments", payment_body(reference=reference), key=reference)
    before = await caller.row_counts()
    other = await caller.post(
        "/v72/payments", payment_body(reference=reference) | change, key=reference
    )

    assert (other.status, is_adyens_error(other)) == (422, True)
    assert "another request body" in other.json["message"]
    assert await caller.row_counts() == before


async def test_each_further_key_and_each_call_without_a_key_is_another_payment(
    caller: Caller,
) -> None:
    reference = new_reference()
    body = payment_body(reference=reference)
    for key in (f"{reference}-1", f"{reference}-2", None, None):
        await caller.post("/v72/payments", body, key=key)

    assert len(await caller.twin_payments(reference)) == 4


async def test_fifty_concurrent_calls_with_one_key_are_one_payment(caller: Caller) -> None:
    reference = new_reference()
    body = payment_body(reference=reference)
    answers = await asyncio.gather(
        *(caller.post("/v72/payments", body, key=reference) for _ in range(50))
    )
    successful = [response for response in answers if response.status == 200]
    busy = [response for response in answers if response.status == 409]
    found = (await caller.call("GET", f"/api/payments?reference={reference}")).json["payments"]

    assert len(successful) + len(busy) == 50
    assert len(successful) >= 1
    assert {response.body for response in successful} == {successful[0].body}
    assert {response.json["errorCode"] for response in busy} <= {"704"}
    assert {response.headers["transient-error"] for response in busy} <= {"true"}
    assert len(found) == 1
    assert len(await caller.twin_payments(reference)) == 1


async def test_after_concurrent_calls_the_key_returns_the_same_answer(caller: Caller) -> None:
    reference = new_reference()
    body = payment_body(reference=reference)
    answers = await asyncio.gather(
        *(caller.post("/v72/payments", body, key=reference) for _ in range(10))
    )
    first = next(response for response in answers if response.status == 200)
    later = await caller.post("/v72/payments", body, key=reference)

    assert (later.status, later.body) == (200, first.body)


# Tests of `/payments/details`.


@pytest.mark.parametrize(
    ("do", "result", "status"),
    [
        ("approve", "Authorised", "authorised"),
        ("refuse", "Refused", "refused"),
        ("cancel", "Cancelled", "cancelled"),
    ],
)
async def test_repeated_details_return_the_first_answer(
    caller: Caller, journey_client: JourneyClient, do: str, result: str, status: str
) -> None:
    reference, wallet_result = await returned_from_wallet(caller, journey_client, do)
    first = await details(caller, wallet_result)
    again = [await details(caller, wallet_result) for _ in range(3)]
    payment = await journey_client.status(reference, status)
    (twin_payment,) = await caller.twin_payments(reference)

    assert (first.status, first.json["resultCode"]) == (200, result)
    assert {(response.status, response.body) for response in again} == {(200, first.body)}
    assert payment["pspReference"] == twin_payment["pspReference"] == first.json["pspReference"]
    assert payment["captured"] == (25_000 if do == "approve" else 0)


async def test_twenty_concurrent_details_get_one_answer_and_never_704(
    caller: Caller, journey_client: JourneyClient
) -> None:
    _, wallet_result = await returned_from_wallet(caller, journey_client)
    answers = await asyncio.gather(*(details(caller, wallet_result) for _ in range(20)))

    assert {response.status for response in answers} == {200}
    assert {response.json["resultCode"] for response in answers} == {"Authorised"}
    assert len({response.body for response in answers}) == 1


async def test_a_url_encoded_result_gets_the_same_answer_as_a_decoded_one(
    caller: Caller, journey_client: JourneyClient
) -> None:
    _, wallet_result = await returned_from_wallet(caller, journey_client)
    encoded = quote(wallet_result, safe="")
    first = await details(caller, encoded)
    second = await details(caller, wallet_result)

    assert encoded != wallet_result
    assert (first.status, first.json["resultCode"]) == (200, "Authorised")
    assert second.body == first.body


async def test_details_get_the_same_answer_in_both_versions(
    caller: Caller, journey_client: JourneyClient
) -> None:
    _, wallet_result = await returned_from_wallet(caller, journey_client)
    older = await details(caller, wallet_result, version=71)
    newer = await details(caller, wallet_result, version=72)

    assert (older.status, older.json["resultCode"]) == (200, "Authorised")
    assert newer.body == older.body


async def test_additional_fields_in_details_change_nothing(
    caller: Caller, journey_client: JourneyClient
) -> None:
    _, wallet_result = await returned_from_wallet(caller, journey_client)
    body = {"details": {"redirectResult": wallet_result, "payload": "x"}, "paymentData": "y"}
    response = await caller.post("/v72/payments/details", body)

    assert (response.status, response.json["resultCode"]) == (200, "Authorised")


async def test_an_invalid_result_gets_adyens_own_error_every_time(caller: Caller) -> None:
    invalid = f"X6XtfGC3!{secrets.token_hex(8)}"
    first, again = await details(caller, invalid), await details(caller, invalid)

    assert (first.status, first.json["errorCode"]) == (422, "14_018")
    assert again.body == first.body


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"details": {}},
        {"details": None},
        {"details": {"payload": "x"}},
        {"details": {"redirectResult": ""}},
        {"details": {"redirectResult": 7}},
        {"details": {"redirectResult": "x" * 20_001}},
        {"details": {"redirectResult": "x\0"}},
    ],
)
async def test_the_error_of_details_without_a_result_names_the_field(
    caller: Caller, body: dict[str, Any]
) -> None:
    before = await caller.row_counts()
    response = await caller.post("/v72/payments/details", body)

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert "Field 'details.redirectResult' is not valid: " in response.json["message"]
    assert await caller.row_counts() == before


async def test_a_payment_completes_although_the_shopper_does_not_return(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference = new_reference()
    started = await caller.post("/v72/payments", payment_body(reference=reference))
    await journey_client.shopper(started.json["action"], "approve_without_return")
    payment = await journey_client.status(reference, "authorised")

    assert payment["captured"] == 25_000
    assert "notification" in [fact["source"] for fact in payment["facts"]]


async def test_the_return_url_keeps_the_shops_own_query(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference = new_reference()
    url = "https://shop.example/return?order=1&note=caf%C3%A9#part"
    started = await caller.post("/v72/payments", payment_body(reference=reference, returnUrl=url))
    approved = await journey_client.twin(
        "POST", "/twin/wallet", {"url": started.json["action"]["url"], "do": "approve"}
    )

    assert approved["location"].startswith("https://shop.example/return?order=1&note=caf%C3%A9")
    assert redirect_result(approved["location"]) != ""
