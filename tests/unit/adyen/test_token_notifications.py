"""Token notifications: signatures, every type, and unreadable bodies."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

from fakes import KEY, OTHER_KEY
from kasir.adyen.signing import key_from_hex, sign
from kasir.adyen.token_notifications import (
    TokenEvent,
    TokenNotification,
    envelope,
    is_signed,
    parse,
)
from kasir.errors import Unreadable

#: The body in `test_is_valid_hmac_payload` of Adyen's Python library.
ADYEN_BODY = """\
{
    "type": "merchant.created",
    "environment": "test",
    "createdAt": "01-01-2024",
    "data": {
        "capabilities": {
            "sendToTransferInstrument": {
                "requested": true,
                "requestedLevel": "notApplicable"
            }
        },
        "companyId": "YOUR_COMPANY_ID",
        "merchantId": "YOUR_MERCHANT_ACCOUNT",
        "status": "PreActive"
    }
}"""
GOPAY_BODY = (
    b'{"createdAt":"2026-05-05T05:05:05+02:00","eventId":"JQ9W9MGPDRX8GXD3",'
    b'"environment":"test","data":{"merchantAccount":"TestMerchant",'
    b'"storedPaymentMethodId":"M5N7TQ4TG5PFWR50","type":"gopay_wallet",'
    b'"operation":"created","shopperReference":"shopper-1"},"type":"recurring.token.created"}'
)
GOPAY_SIGNATURE = "2w+RvBx8yCLp6X5bMm+kV80UyeBM5RCq9+qlk3ZySjU="
KEYS = [key_from_hex(KEY)]

#: Pairs of a body and its signature with KEY.
VECTORS = [
    pytest.param(
        ("\n" + textwrap.indent(ADYEN_BODY, " " * 8) + "\n" + " " * 8).encode(),
        "fX74xUdztFmaXAn3IusMFFUBUSkLmDQUK0tm8xL6ZTU=",
        id="adyen-python-indented",
    ),
    pytest.param(
        ADYEN_BODY.encode(), "NiqA5vsdV5etZMOaR27+GBSG4i6JeP6j1wkCM6t53vA=", id="adyen-python"
    ),
    pytest.param(GOPAY_BODY, GOPAY_SIGNATURE, id="gopay-derived"),
]


def token_fields(**changes: Any) -> dict[str, Any]:
    """The fields of a token notification; a change of None leaves its field out."""
    fields = json.loads(GOPAY_BODY) | changes
    return {name: value for name, value in fields.items() if value is not None}


@pytest.mark.parametrize(("body", "signature"), VECTORS)
def test_each_vector_has_its_signature(body: bytes, signature: str) -> None:
    assert sign(body, KEYS[0]) == signature
    assert is_signed(body, signature, KEYS) is True


@pytest.mark.parametrize(("body", "signature"), VECTORS)
def test_a_vectors_signature_is_not_valid_under_another_key(body: bytes, signature: str) -> None:
    assert is_signed(body, signature, [key_from_hex(OTHER_KEY)]) is False


@pytest.mark.parametrize(("body", "signature"), VECTORS)
def test_the_signature_is_not_valid_for_the_same_json_in_other_bytes(
    body: bytes, signature: str
) -> None:
    encodings = {
        json.dumps(json.loads(body)).encode(),
        json.dumps(json.loads(body), indent=1).encode(),
        json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode(),
        body + b"\n",
        body.lstrip()[:-1] + b" }",
    } - {body}

    assert len(encodings) >= 4
    assert not any(is_signed(encoding, signature, KEYS) for encoding in encodings)


def test_non_ascii_characters_are_signed_as_they_were_written() -> None:
    unescaped = json.dumps(
        token_fields(data={"shopperReference": "pembeli-é"}), ensure_ascii=False
    ).encode()
    escaped = json.dumps(json.loads(unescaped)).encode()
    signature = sign(unescaped, KEYS[0])

    assert is_signed(unescaped, signature, KEYS) is True
    assert is_signed(escaped, signature, KEYS) is False


@pytest.mark.parametrize("order", [(KEY, OTHER_KEY), (OTHER_KEY, KEY)])
def test_the_current_and_the_previous_key_are_both_accepted(order: tuple[str, str]) -> None:
    assert is_signed(GOPAY_BODY, GOPAY_SIGNATURE, [key_from_hex(key) for key in order]) is True


def test_white_space_around_the_header_is_ignored() -> None:
    assert is_signed(GOPAY_BODY, f" {GOPAY_SIGNATURE}\t", KEYS) is True


@pytest.mark.parametrize(
    "signature",
    [
        "",
        " ",
        "x",
        "é",
        GOPAY_SIGNATURE[:-1],
        GOPAY_SIGNATURE.lower(),
        GOPAY_SIGNATURE + GOPAY_SIGNATURE,
        GOPAY_SIGNATURE.replace("+", "-"),
    ],
)
def test_a_changed_or_malformed_signature_is_not_valid(signature: str) -> None:
    assert is_signed(GOPAY_BODY, signature, KEYS) is False


def test_without_a_key_no_signature_is_valid() -> None:
    assert is_signed(GOPAY_BODY, GOPAY_SIGNATURE, []) is False
    assert is_signed(b"", "", []) is False


@pytest.mark.parametrize("event", TokenEvent)
def test_each_type_of_the_schema_is_read(event: TokenEvent) -> None:
    fields = token_fields(type=event)
    if event is TokenEvent.DISABLED:
        del fields["data"]["operation"]

    assert parse(json.dumps(fields).encode()) == TokenNotification(
        type=event,
        event_id="JQ9W9MGPDRX8GXD3",
        created_at="2026-05-05T05:05:05+02:00",
        merchant_account="TestMerchant",
        shopper_reference="shopper-1",
        stored_id="M5N7TQ4TG5PFWR50",
        method="gopay_wallet",
    )


def test_unknown_fields_are_ignored() -> None:
    fields = token_fields(version="1", more={"a": [1]})
    fields["data"]["more"] = None

    assert parse(json.dumps(fields).encode()) == parse(GOPAY_BODY)


def test_a_notification_with_its_token_outside_data_is_unreadable() -> None:
    flat = {
        "type": TokenEvent.CREATED,
        "eventId": "JQ9W9MGPDRX8GXD3",
        "createdAt": "2026",
        "shopperReference": "shopper-1",
        "storedPaymentMethodId": "M5N7TQ4TG5PFWR50",
    }

    with pytest.raises(Unreadable, match="data"):
        parse(json.dumps(flat).encode())


@pytest.mark.parametrize("field", ["type", "eventId", "createdAt", "data"])
def test_a_field_that_is_missing_is_named(field: str) -> None:
    with pytest.raises(Unreadable, match=field):
        parse(json.dumps(token_fields(**{field: None})).encode())


@pytest.mark.parametrize("field", ["merchantAccount", "shopperReference", "storedPaymentMethodId"])
def test_a_field_that_is_missing_in_data_is_named(field: str) -> None:
    fields = token_fields()
    del fields["data"][field]

    with pytest.raises(Unreadable, match=field):
        parse(json.dumps(fields).encode())


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"type":' * 5000, b'{"type":1}', b"<html>"]
)
def test_a_body_that_is_not_a_token_notification_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(body)
    with pytest.raises(Unreadable):
        envelope(body)


def test_the_envelope_of_an_unknown_type_is_read() -> None:
    notification = envelope(b'{"type":"recurring.token.merged","eventId":"E1","data":"unknown"}')

    assert (notification.type, notification.event_id) == ("recurring.token.merged", "E1")


def test_the_error_about_an_unreadable_notification_hides_the_token() -> None:
    fields = token_fields(createdAt=None)

    with pytest.raises(Unreadable) as caught:
        parse(json.dumps(fields).encode())

    assert "M5N7TQ4TG5PFWR50" not in str(caught.value)


def test_the_repr_of_a_notification_hides_its_token() -> None:
    assert "M5N7TQ4TG5PFWR50" not in repr(parse(GOPAY_BODY))


def test_a_character_that_cannot_be_stored_is_replaced() -> None:
    data = {
        "merchantAccount": "Toko\0",
        "shopperReference": "shopper\0",
        "storedPaymentMethodId": "token\ud83d",
        "type": "gopay\0",
    }
    body = {"type": "t\0", "eventId": "PSP\0", "createdAt": "2026-05-05", "data": data}
    notification = parse(json.dumps(body).encode())

    assert (notification.type, notification.event_id, notification.merchant_account) == (
        "t\ufffd",
        "PSP\ufffd",
        "Toko\ufffd",
    )
    assert (notification.shopper_reference, notification.stored_id, notification.method) == (
        "shopper\ufffd",
        "token\ufffd",
        "gopay\ufffd",
    )
