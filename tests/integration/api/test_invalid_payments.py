"""An invalid payment is refused with the names of its wrong fields, and is not stored."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from fakes import BROWSER, payment_body
from raw_http import Caller, HttpReply, is_adyens_error

#: By the name of the case: the changed fields (None removes a field), the field that the answer
#: names, Adyen's error code, and a part of the message.
INVALID: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "no amount": ({"amount": None}, "amount", "100", "currency and value"),
    "amount is a number": ({"amount": 25000}, "amount", "100", "currency and value"),
    "no value": ({"amount": {"currency": "IDR"}}, "amount.value", "137", "whole number"),
    "a fraction": (
        {"amount": {"currency": "IDR", "value": 25000.5}},
        "amount.value",
        "137",
        "whole number",
    ),
    "value as text with a separator": (
        {"amount": {"currency": "IDR", "value": "25.000"}},
        "amount.value",
        "137",
        "whole number",
    ),
    "zero": ({"amount": {"currency": "IDR", "value": 0}}, "amount.value", "137", "from 1"),
    "negative": ({"amount": {"currency": "IDR", "value": -1}}, "amount.value", "137", "from 1"),
    "more than 64 bits": (
        {"amount": {"currency": "IDR", "value": 2**63}},
        "amount.value",
        "137",
        str(2**63 - 1),
    ),
    "euro": ({"amount": {"currency": "EUR", "value": 1}}, "amount.currency", "138", "IDR"),
    "no currency": ({"amount": {"value": 25000}}, "amount.currency", "138", "IDR"),
    "currency in small letters": (
        {"amount": {"currency": "idr", "value": 1}},
        "amount.currency",
        "138",
        "IDR",
    ),
    "no channel": ({"channel": None}, "channel", "187", "iOS, Android, Web"),
    "empty channel": ({"channel": ""}, "channel", "187", "iOS, Android, Web"),
    "another channel": ({"channel": "Phone"}, "channel", "187", "iOS, Android, Web"),
    "no browser": ({"browserInfo": None}, "browserInfo", "187", "userAgent"),
    "empty browser": ({"browserInfo": {}}, "browserInfo.userAgent", "187", "missing"),
    "browser is text": ({"browserInfo": "Mozilla"}, "browserInfo", "187", "object"),
    "browser without colour depth": (
        {"browserInfo": {"userAgent": "Mozilla", "acceptHeader": "*/*"}},
        "browserInfo.colorDepth",
        "187",
        "missing",
    ),
    "a negative colour depth": (
        {"browserInfo": BROWSER | {"colorDepth": -24}},
        "browserInfo.colorDepth",
        "187",
        "from 0",
    ),
    "no reference": ({"reference": None}, "reference", "130", "your own name"),
    "empty reference": ({"reference": ""}, "reference", "130", "your own name"),
    "reference is a number": ({"reference": 1001}, "reference", "187", "string"),
    "reference is too long": ({"reference": "r" * 81}, "reference", "187", "80 characters"),
    "reference holds NUL": ({"reference": "r\0"}, "reference", "187", "NUL"),
    "no return address": ({"returnUrl": None}, "returnUrl", "14_030", "comes back"),
    "return address without scheme": (
        {"returnUrl": "shop.example"},
        "returnUrl",
        "187",
        "full address",
    ),
    "return address is a script": (
        {"returnUrl": "javascript:alert(1)"},
        "returnUrl",
        "187",
        "full address",
    ),
    "another merchant account": (
        {"merchantAccount": "Another"},
        "merchantAccount",
        "901",
        "TwinMerchant",
    ),
    "merchant account is a number": ({"merchantAccount": 7}, "merchantAccount", "901", "Twin"),
    "no method": ({"paymentMethod": None}, "paymentMethod", "14_006", "gopay_wallet"),
    "method is text": ({"paymentMethod": "gopay_wallet"}, "paymentMethod", "14_006", "gopay"),
    "method without type": ({"paymentMethod": {}}, "paymentMethod.type", "187", "Checkout API"),
    "a card": ({"paymentMethod": {"type": "scheme"}}, "paymentMethod.type", "187", "Checkout API"),
    "another wallet": ({"paymentMethod": {"type": "dana"}}, "paymentMethod.type", "187", "GoPay"),
    "type is a list": (
        {"paymentMethod": {"type": ["gopay_wallet"]}},
        "paymentMethod.type",
        "187",
        "GoPay",
    ),
    "short shopper reference": ({"shopperReference": "ab"}, "shopperReference", "187", "least 3"),
    "basket is an object": ({"lineItems": {}}, "lineItems", "187", "list"),
    "a line is text": ({"lineItems": ["Kopi"]}, "lineItems[0]", "187", "object"),
    "fractional quantity": (
        {"lineItems": [{"quantity": 0.5}]},
        "lineItems[0].quantity",
        "187",
        "whole",
    ),
    "too much metadata": (
        {"metadata": {str(n): "v" for n in range(21)}},
        "metadata",
        "177",
        "20 pairs",
    ),
    "metadata is a list": ({"metadata": ["v"]}, "metadata", "187", "20 pairs"),
    "session validity is no date": (
        {"sessionValidity": "soon"},
        "sessionValidity",
        "187",
        "ISO 8601",
    ),
    "capture in five weeks": ({"captureDelayHours": 840}, "captureDelayHours", "187", "672"),
    "storePaymentMethod is text": (
        {"storePaymentMethod": "yes"},
        "storePaymentMethod",
        "187",
        "true or false",
    ),
    "an unknown model": (
        {"recurringProcessingModel": "Sometimes"},
        "recurringProcessingModel",
        "187",
        "Subscription",
    ),
}

#: Changes that only /v72 refuses: the changed fields, the field that the answer names, and its
#: largest length.
INVALID_IN_V72_ONLY: dict[str, tuple[dict[str, Any], str, str]] = {
    "return address": ({"returnUrl": "https://shop.example/" + "x" * 1004}, "returnUrl", "1024"),
    "e-mail": ({"shopperEmail": "e" * 257}, "shopperEmail", "256"),
    "IP address": ({"shopperIP": "i" * 51}, "shopperIP", "50"),
    "telephone": ({"telephoneNumber": "+" + "6" * 64}, "telephoneNumber", "64"),
}


async def refused(
    caller: Caller, changes: dict[str, Any], *, version: int = 72
) -> tuple[HttpReply, str]:
    """Send a payment, check that it is refused and not stored; returns answer and reference."""
    reference = f"INVALID-{secrets.token_hex(6)}"
    before = await caller.row_counts()
    body = payment_body(reference=reference) | changes
    body = {name: value for name, value in body.items() if value is not None}
    response = await caller.post(f"/v{version}/payments", body, key=reference)

    assert is_adyens_error(response), response.body
    assert await caller.row_counts() == before
    return response, reference


@pytest.mark.parametrize("version", [71, 72])
@pytest.mark.parametrize(
    ("changes", "field", "code", "message_part"), INVALID.values(), ids=INVALID
)
async def test_an_invalid_field_is_named_with_its_error_code(
    caller: Caller, version: int, changes: dict[str, Any], field: str, code: str, message_part: str
) -> None:
    response, reference = await refused(caller, changes, version=version)
    listed = await caller.call("GET", f"/api/payments?reference={reference}")

    assert response.status == (403 if code == "901" else 422)
    assert response.json["errorCode"] == code
    assert f"Field '{field}' is not valid: " in response.json["message"]
    assert message_part in response.json["message"]
    assert await caller.twin_payments(reference) == []
    assert listed.json == {"payments": []}


@pytest.mark.parametrize(
    ("changes", "field", "limit"), INVALID_IN_V72_ONLY.values(), ids=INVALID_IN_V72_ONLY
)
async def test_some_payments_are_refused_by_v72_only(
    caller: Caller, changes: dict[str, Any], field: str, limit: str
) -> None:
    response, reference = await refused(caller, changes, version=72)
    older = await caller.post("/v71/payments", payment_body(reference=reference) | changes)

    assert (response.status, response.json["errorCode"]) == (422, "187")
    assert f"Field '{field}' is not valid: must have at most {limit}" in response.json["message"]
    assert (older.status, older.json["resultCode"]) == (200, "RedirectShopper")


async def test_all_errors_are_named_in_one_response(caller: Caller) -> None:
    wrong = {
        "amount": {"currency": "EUR", "value": -1},
        "channel": "Phone",
        "reference": "r" * 81,
        "returnUrl": "nowhere",
        "paymentMethod": {"type": "gopay_wallet"},
        "shopperReference": "ab",
        "lineItems": ["Kopi"],
        "metadata": {"k" * 21: "v"},
    }
    response, _ = await refused(caller, wrong)
    fields = [
        "amount.currency",
        "amount.value",
        "channel",
        "reference",
        "returnUrl",
        "shopperReference",
        "lineItems[0]",
        "metadata",
    ]

    assert response.status == 422
    not_named = [name for name in fields if f"Field '{name}' is" not in response.json["message"]]
    assert not_named == []


async def test_a_field_with_two_errors_is_named_once(caller: Caller) -> None:
    response, _ = await refused(caller, {"amount": {"currency": "rupiah", "value": 1}})

    assert response.json["message"].count("Field 'amount.currency'") == 1


async def test_the_first_error_gives_the_code_and_the_account_is_checked_first(
    caller: Caller,
) -> None:
    response, _ = await refused(caller, {"merchantAccount": "Another", "amount": None})

    assert (response.status, response.json["errorCode"], response.json["errorType"]) == (
        403,
        "901",
        "security",
    )
    assert "Field 'amount'" in response.json["message"]


async def test_a_refused_request_does_not_use_up_its_idempotency_key(caller: Caller) -> None:
    reference = f"INVALID-{secrets.token_hex(6)}"
    refused_response = await caller.post(
        "/v72/payments", payment_body(reference=reference, channel=None), key=reference
    )
    accepted = await caller.post("/v72/payments", payment_body(reference=reference), key=reference)

    assert refused_response.status == 422
    assert (accepted.status, accepted.json["resultCode"]) == (200, "RedirectShopper")


@pytest.mark.parametrize("key", ["", "k" * 65])
async def test_an_idempotency_key_has_up_to_64_characters(caller: Caller, key: str) -> None:
    before = await caller.row_counts()
    response = await caller.post("/v72/payments", payment_body(), key=key)

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert "Field 'Idempotency-Key' is not valid: must have 1 to 64" in response.json["message"]
    assert await caller.row_counts() == before


async def test_an_idempotency_key_of_64_characters_is_accepted(caller: Caller) -> None:
    key = secrets.token_hex(32)
    response = await caller.post("/v72/payments", payment_body(reference=f"KEY-{key[:8]}"), key=key)

    assert response.status == 200
