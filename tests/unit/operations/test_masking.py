"""What a person reads of a message has no secrets and no personal data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kasir.operations.masking import HIDDEN, SHOWN, masked, without_sensitive

#: A text that nobody may read, wherever it is.
SECRET = "SECRET-7f3a"
#: The fields of Adyen's messages that are secret or personal, with where they are.
PAYMENT: dict[str, Any] = {
    "reference": "ORDER-1001",
    "amount": {"currency": "IDR", "value": 25_000},
    "paymentMethod": {"type": "gopay_wallet", "storedPaymentMethodId": SECRET},
    "returnUrl": f"https://shop.example/?token={SECRET}",
    "shopperEmail": SECRET,
    "shopperIP": SECRET,
    "shopperName": {"firstName": SECRET, "lastName": SECRET},
    "telephoneNumber": SECRET,
    "billingAddress": {"city": SECRET, "street": SECRET, "postalCode": SECRET, "country": SECRET},
    "deliveryAddress": {"houseNumberOrName": SECRET},
    "dateOfBirth": SECRET,
    "socialSecurityNumber": SECRET,
    "shopperReference": "shopper-1",
    "metadata": {"kasirPaymentId": "pay_1", "note": SECRET},
    "additionalData": {
        "recurring.recurringDetailReference": SECRET,
        "hmacSignature": SECRET,
        "manualCapture": SECRET,
    },
    "browserInfo": {"userAgent": SECRET},
    "details": {"redirectResult": SECRET},
    "action": {"type": "redirect", "url": SECRET, "paymentData": SECRET},
    "lineItems": [{"description": SECRET, "quantity": 1}],
    "somethingNew": {"of": [SECRET, 7, True]},
}


def test_only_fields_that_are_listed_are_shown() -> None:
    body = masked(json.dumps(PAYMENT).encode())

    assert SECRET not in json.dumps(body)
    assert body["reference"] == "ORDER-1001"
    assert body["amount"] == {"currency": "IDR", "value": 25_000}
    assert body["paymentMethod"] == {
        "type": "gopay_wallet",
        "storedPaymentMethodId": HIDDEN,
    }
    assert body["metadata"] == {"kasirPaymentId": "pay_1", "note": HIDDEN}
    assert body["lineItems"] == [{"description": HIDDEN, "quantity": 1}]
    assert body["somethingNew"] == {"of": [HIDDEN, HIDDEN, HIDDEN]}


NAMES = st.text().filter(lambda name: name not in SHOWN)
VALUES = st.recursive(
    st.just(SECRET) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES))
def test_a_field_that_is_not_listed_never_shows_its_value(fields: dict[str, Any]) -> None:
    shown = json.dumps(masked(json.dumps(fields).encode()))

    assert SECRET not in shown.replace(f'"{SECRET}":', "")


@pytest.mark.parametrize(
    "sensitive",
    [
        "budi@example.co.id",
        "192.168.10.7",
        "2001:db8:85a3:0:0:8a2e:370:7334",
        "+62 812-3456-7890",
        "081234567890",
        "6281234567890",
        "AQEyhmfxK4-abcdefghijklmnopqrstuv",
        "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
    ],
)
def test_a_shown_text_loses_what_is_sensitive(sensitive: str) -> None:
    assert without_sensitive(f"refused for {sensitive} today") == f"refused for {HIDDEN} today"
    assert masked(json.dumps({"reason": sensitive, sensitive: 1}).encode()) == {
        "reason": HIDDEN,
        HIDDEN: HIDDEN,
    }


@pytest.mark.parametrize(
    "text",
    [
        "ORDER-1001",
        "410T6EPARTZ6ENQ2",
        "pay_01M83KNY27JYB87A54MGEZYHQ8",
        "2026-11-23T07:07:14+01:00",
        "25000000000",
        "at most 15000 IDR can still be refunded",
    ],
)
def test_references_dates_and_amounts_stay(text: str) -> None:
    assert without_sensitive(text) == text


@pytest.mark.parametrize("raw", [b"", b"not JSON", b"[" * 100_000, b'"text"', b"7", b"[true]"])
def test_a_message_without_fields_is_hidden_as_a_whole(raw: bytes) -> None:
    assert set(json.dumps(masked(raw)).strip("[]")) <= set(json.dumps(HIDDEN))


def test_what_is_nested_very_deeply_is_hidden() -> None:
    raw = b'{"a":' * 50 + b'{"reference": "ORDER"}' + b"}" * 50

    assert "ORDER" not in json.dumps(masked(raw))
