"""Reading standard notifications: complete, incomplete and unreadable ones."""

import json
from typing import Any

import pytest

from fakes import envelope, notification_item
from kasir.adyen.notifications import EventCode, parse
from kasir.errors import Unreadable
from twin_openapi import document, needs_openapi


def parsed(**changes: Any) -> Any:
    """The item of an envelope with these changes; a change of None leaves its field out."""
    (item,) = parse(envelope(notification_item(**changes)))
    return item


def test_every_field_of_an_item_is_read() -> None:
    item = parsed(
        pspReference="QFQTPCQ8HXSKGK82",
        merchantReference="ORDER-1001",
        eventDate="2026-05-05T05:05:05+02:00",
        reason="",
        additionalData={"hmacSignature": "signature", "metadata.basket": "7"},
    )

    assert item.psp_reference == "QFQTPCQ8HXSKGK82"
    assert item.original_reference == ""
    assert item.merchant_account_code == "TwinMerchant"
    assert item.merchant_reference == "ORDER-1001"
    assert (item.amount_value, item.amount_currency) == ("25000", "IDR")
    assert item.event_code == "AUTHORISATION"
    assert item.event_date == "2026-05-05T05:05:05+02:00"
    assert item.payment_method == "gopay_wallet"
    assert item.reason == ""
    assert item.additional_data == {"hmacSignature": "signature", "metadata.basket": "7"}
    assert item.hmac_signature == "signature"


@pytest.mark.parametrize(
    ("sent", "text", "success"),
    [
        ("true", "true", True),
        ("false", "false", False),
        (True, "true", True),
        (False, "false", False),
        ("TRUE", "TRUE", True),
        (None, "", False),
        ("", "", False),
        ("yes", "yes", False),
        (1, "1", False),
    ],
)
def test_success_is_true_only_for_the_value_true(sent: object, text: str, success: bool) -> None:
    fields = notification_item() | {"success": sent}
    (item,) = parse(envelope(fields))

    assert (item.success_text, item.success) == (text, success)


@pytest.mark.parametrize(("value", "text"), [(25000, "25000"), ("25000", "25000"), (0, "0")])
def test_the_value_of_an_amount_is_kept_as_text(value: object, text: str) -> None:
    item = parsed(amount={"value": value, "currency": "IDR"})

    assert item.amount_value == text


@pytest.mark.parametrize(
    "field",
    [
        "pspReference",
        "originalReference",
        "merchantAccountCode",
        "merchantReference",
        "amount",
        "eventCode",
        "eventDate",
        "success",
        "paymentMethod",
        "reason",
        "additionalData",
    ],
)
@pytest.mark.parametrize("absence", ["missing", "null"])
def test_a_missing_field_is_empty(field: str, absence: str) -> None:
    fields = notification_item(originalReference="X") | {field: None}
    if absence == "missing":
        del fields[field]
    (item,) = parse(envelope(fields))
    attributes = {
        "pspReference": "psp_reference",
        "originalReference": "original_reference",
        "merchantAccountCode": "merchant_account_code",
        "merchantReference": "merchant_reference",
        "amount": "amount_value",
        "eventCode": "event_code",
        "eventDate": "event_date",
        "success": "success_text",
        "paymentMethod": "payment_method",
        "reason": "reason",
        "additionalData": "hmac_signature",
    }

    assert getattr(item, attributes[field]) == ""


@pytest.mark.parametrize("amount", ["25000", 25000, [], True])
def test_an_amount_that_is_not_an_object_is_empty(amount: object) -> None:
    item = parsed(amount=amount)

    assert (item.amount_value, item.amount_currency) == ("", "")


def test_unknown_fields_are_kept_in_the_raw_item_and_ignored() -> None:
    item = parsed(somethingNew={"deep": [1, 2]}, operations=["REFUND"])

    assert json.loads(item.raw)["somethingNew"] == {"deep": [1, 2]}
    assert item == parsed(somethingNew={"deep": [1, 2]}, operations=["REFUND"])


def test_the_raw_item_is_the_received_bytes() -> None:
    odd = b'{ "eventCode":"X" ,\t"reason":"caf\\u00e9 \xc3\xa9" }'
    (item,) = parse(b'{"notificationItems":[{"NotificationRequestItem":' + odd + b"}]}")

    assert item.raw == odd
    assert item.reason == "caf\u00e9 \u00e9"


def test_the_items_of_a_batch_are_read_in_order() -> None:
    items = parse(envelope(*[notification_item(pspReference=f"PSP{n}") for n in range(7)]))

    assert [item.psp_reference for item in items] == [f"PSP{n}" for n in range(7)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"7",
        b"{}",
        b"{",
        b"\xff\xfe",
        b'{"notificationItems":null}',
        b'{"notificationItems":[]}',
        b'{"notificationItems":{}}',
        b'{"notificationItems":[1]}',
        b'{"notificationItems":[{}]}',
        b'{"notificationItems":[{"NotificationRequestItem":1}]}',
        b'{"notificationItems":[{"NotificationRequestItem":null}]}',
        b'{"notificationItems":[{"NotificationRequestItem":[]}]}',
        b'{"notificationItems":[{"NotificationRequestItem":{}}]} trailing',
        b"<html>",
        b"a=b&c=d",
    ],
)
def test_a_body_that_is_not_an_envelope_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(body)


@needs_openapi
def test_every_event_code_of_adyens_schema_is_known() -> None:
    known_names = {path.removeprefix("/") for path in document("Webhooks-v1")["webhooks"]}

    assert known_names - {code.value for code in EventCode} == set()
