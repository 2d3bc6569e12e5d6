"""Signatures of standard notifications: Adyen's test vectors, GoPay's, and invalid ones."""

import json
from dataclasses import replace
from typing import Any

import pytest

from fakes import KEY, OTHER_KEY, notification_item
from kasir.adyen.notifications import Item, item_from
from kasir.adyen.signing import is_signed, key_from_hex, sign, signed_text

JAVA_KEY = "9064450A8892A093D9E97EFCC9639DE31B74F3A7803135555A3C96F5A57915D6"

#: Test vectors: a key, the text that is signed with it, and the signature.
VECTORS = [
    pytest.param(
        KEY,
        "7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true",
        "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=",
        id="adyen-python-1",
    ),
    pytest.param(
        OTHER_KEY,
        r"T7FD4VM4D3RZNN82::AntoniStroinski:\\slashes are fun:1000:EUR:AUTHORISATION:true",
        "nIgT81gaB5oJpn2jPXupDq68iRo2wUlBsuYjtYfwKqo=",
        id="adyen-python-2-backslashes",
    ),
    pytest.param(
        OTHER_KEY,
        "M8NB66SBZSGLNK82::AntoniStroinski::slashes are fun:1000:EUR:AUTHORISATION:true",
        "2EQYm7YJpKO4EtHSPu55SQTyWf8dkW5u2nD1tJFpViA=",
        id="adyen-python-3-leading-colon",
    ),
    pytest.param(
        JAVA_KEY,
        "test_REPORT_AVAILABLE::Magento2Rik:testMerchantRef1:0:EUR:REPORT_AVAILABLE:true",
        "NuEkADFmlCC6VgX+wcoPAegIWxVPNBPCuKlM4Hzo5qc=",
        id="adyen-java-6-value-as-text",
    ),
    pytest.param(
        KEY,
        "JQ9W9MGPDRX8GXD3::TestMerchant:ORDER-1001:25000:IDR:AUTHORISATION:true",
        "TArWO+4gxpzoRMvvQiQK+qr2wdCN5Bbs8NFT3yu8j5c=",
        id="gopay-authorised",
    ),
    pytest.param(
        KEY,
        "TESTPSP000000001:JQ9W9MGPDRX8GXD3:TestMerchant:ORDER-1001:10000:IDR:REFUND:true",
        "xdDPtemLEtD4JcCXbRssoyf6d+8ccy+m2b3bn/QMazg=",
        id="gopay-refunded",
    ),
]
#: The vectors with these ids, which some tests change.
JAVA_VALUE_AS_TEXT, GOPAY_AUTHORISED = VECTORS[3].values, VECTORS[4].values


def item_with(text: str, signature: str, **changes: Any) -> Item:
    """The item whose signed fields, joined by colons, are this text."""
    psp, original, merchant, *reference, value, currency, code, success = text.split(":")
    fields = {
        "pspReference": psp,
        "merchantAccountCode": merchant,
        "merchantReference": ":".join(reference),
        "amount": {"value": int(value), "currency": currency},
        "eventCode": code,
        "success": success,
        "additionalData": {"hmacSignature": signature},
        **({"originalReference": original} if original else {}),
        **changes,
    }
    return item_from(json.dumps(fields).encode())


@pytest.mark.parametrize(("key", "text", "signature"), VECTORS)
def test_each_vector_has_its_signed_text_and_its_signature(
    key: str, text: str, signature: str
) -> None:
    item = item_with(text, signature)

    assert signed_text(item) == text
    assert sign(text.encode(), key_from_hex(key)) == signature
    assert is_signed(item, [key_from_hex(key)]) is True


@pytest.mark.parametrize(("key", "text", "signature"), VECTORS)
def test_a_vectors_signature_is_not_valid_under_another_key(
    key: str, text: str, signature: str
) -> None:
    other = OTHER_KEY if key == KEY else KEY

    assert is_signed(item_with(text, signature), [key_from_hex(other)]) is False


def test_the_value_of_a_signed_amount_may_be_text() -> None:
    _, text, signature = JAVA_VALUE_AS_TEXT
    item = item_with(str(text), str(signature), amount={"value": "0", "currency": "EUR"})

    assert is_signed(item, [key_from_hex(JAVA_KEY)]) is True


def test_a_raw_body_is_signed_the_same_way() -> None:
    body = (
        '{"createdAt":"2026-05-05T05:05:05+02:00","eventId":"JQ9W9MGPDRX8GXD3",'
        '"environment":"test","data":{"merchantAccount":"TestMerchant",'
        '"storedPaymentMethodId":"M5N7TQ4TG5PFWR50","type":"gopay_wallet",'
        '"operation":"created","shopperReference":"shopper-1"},"type":"recurring.token.created"}'
    )

    signature = sign(body.encode(), key_from_hex(KEY))

    assert signature == "2w+RvBx8yCLp6X5bMm+kV80UyeBM5RCq9+qlk3ZySjU="


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("psp_reference", "JQ9W9MGPDRX8GXD4"),
        ("original_reference", "JQ9W9MGPDRX8GXD3"),
        ("merchant_account_code", "Another"),
        ("merchant_reference", "ORDER-1002"),
        ("amount_value", "1"),
        ("amount_currency", "EUR"),
        ("event_code", "REFUND"),
        ("success_text", "false"),
    ],
)
def test_each_of_the_eight_fields_is_signed(field: str, other: str) -> None:
    _, text, signature = GOPAY_AUTHORISED
    item = item_with(str(text), str(signature))
    changes: dict[str, Any] = {field: other}

    assert is_signed(replace(item, **changes), [key_from_hex(KEY)]) is False


def test_other_fields_are_not_signed() -> None:
    _, text, signature = GOPAY_AUTHORISED
    item = item_with(str(text), str(signature), reason="anything", eventDate="2026-05-05T05:05:05Z")

    assert is_signed(item, [key_from_hex(KEY)]) is True


@pytest.mark.parametrize("order", [(KEY, OTHER_KEY), (OTHER_KEY, KEY)])
def test_the_current_and_the_previous_key_are_both_accepted(order: tuple[str, str]) -> None:
    item = item_from(json.dumps(notification_item()).encode())
    keys = [key_from_hex(key) for key in order]

    assert is_signed(item, keys) is True


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(None, id="no additionalData"),
        pytest.param({}, id="no signature"),
        pytest.param({"hmacSignature": ""}, id="empty"),
        pytest.param({"hmacSignature": None}, id="null"),
        pytest.param({"hmacSignature": True}, id="boolean"),
        pytest.param({"hmacSignature": "x"}, id="not base64"),
        pytest.param({"hmacSignature": "é"}, id="not ASCII"),
        pytest.param({"hmacsignature": "TArWO+4gxpzoRMvvQiQK+qr2wdCN5Bbs8NFT3yu8j5c="}, id="case"),
        pytest.param("TArWO+4gxpzoRMvvQiQK+qr2wdCN5Bbs8NFT3yu8j5c=", id="not an object"),
    ],
)
def test_a_missing_or_malformed_signature_is_not_valid(extra: object) -> None:
    _, text, signature = GOPAY_AUTHORISED
    item = item_with(str(text), str(signature), additionalData=extra)

    assert is_signed(item, [key_from_hex(KEY)]) is False


def test_without_a_key_no_signature_is_valid() -> None:
    item = item_from(json.dumps(notification_item()).encode())

    assert is_signed(item, []) is False


@pytest.mark.parametrize("text", [KEY, KEY.lower(), f"  {KEY}\n"])
def test_a_key_is_read_as_customer_area_shows_it(text: str) -> None:
    assert key_from_hex(text) == bytes.fromhex(KEY)


@pytest.mark.parametrize(
    "text", ["", "44", KEY[:-1], KEY[:-2], KEY + "00", "G" + KEY[1:], "é" * 64, "0x" + KEY[2:]]
)
def test_a_text_that_is_not_64_hexadecimal_digits_is_not_a_key(text: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        key_from_hex(text)
