"""A relayed notification is Adyen's own, byte for byte, but for a new signature."""

from __future__ import annotations

import json

import pytest
from Adyen.util import is_valid_hmac_notification, is_valid_hmac_payload

from fakes import KEY, OTHER_KEY, envelope, notification_item
from kasir.adyen import notifications
from kasir.adyen.signing import key_from_hex
from kasir.errors import Unreadable
from kasir.relay.sealing import raw_message, resealed, standard_message, token_message

#: The texts of items as no JSON library writes them: spaces, escapes, and the fields in any order.
ODD_ITEMS = [
    json.dumps(notification_item(merchantReference="é:#1"), indent=3),
    json.dumps(notification_item()).replace("=", "\\u003d").replace("TwinM", "Twin\\u004d"),
    json.dumps(notification_item() | {"zz": [{"hmacSignature": "other"}, "N"]}).replace(
        '"N"', "1.50"
    ),
    json.dumps(notification_item(amount={"value": "25000", "currency": "IDR"})),
]


def with_signature_elsewhere() -> str:
    """An item whose signature's text also occurs in other fields, before and after it."""
    item = notification_item()
    signature = item["additionalData"]["hmacSignature"]
    before = {"first": signature, "list": [signature], signature: "as a name"}
    return json.dumps(before | item | {"reason": signature})


@pytest.mark.parametrize("text", ODD_ITEMS)
def test_without_a_key_the_text_of_the_item_is_unchanged(text: str) -> None:
    message = standard_message(text.encode(), is_live=False, key=None)

    assert text.encode() in message.body
    (item,) = notifications.parse(message.body)
    assert (item.raw, item.live) == (text.encode(), "false")


def test_the_envelope_names_the_platform_as_adyen_does() -> None:
    item = json.dumps(notification_item()).encode()

    assert json.loads(standard_message(item, is_live=True, key=None).body)["live"] == "true"


@pytest.mark.parametrize("text", [*ODD_ITEMS, with_signature_elsewhere()])
def test_a_new_signature_replaces_the_old_one_and_nothing_else(text: str) -> None:
    raw = text.encode()
    sealed = resealed(raw, key_from_hex(OTHER_KEY))

    before, after = notifications.item_from(raw), notifications.item_from(sealed)
    assert before.hmac_signature != after.hmac_signature
    assert is_valid_hmac_notification(json.loads(sealed), OTHER_KEY)
    assert not is_valid_hmac_notification(json.loads(sealed), KEY)
    head = next(
        at for at, (one, other) in enumerate(zip(raw, sealed, strict=False)) if one != other
    )
    tail = next(
        at for at, (a, b) in enumerate(zip(raw[::-1], sealed[::-1], strict=False)) if a != b
    )
    changed = raw[head - 1 : len(raw) - tail]
    assert len(changed) < 90
    assert b'"' not in sealed[head : len(sealed) - tail]


def test_an_item_without_a_signature_is_not_signed() -> None:
    with pytest.raises(Unreadable, match="no signature"):
        resealed(b'{"eventCode":"AUTHORISATION"}', key_from_hex(OTHER_KEY))


def test_a_token_notification_has_adyens_header_or_a_new_one() -> None:
    body = b'{ "type" : "recurring.token.created" }\n'
    same = token_message(body, signature="abc=", key=None)
    new = token_message(body, signature="abc=", key=key_from_hex(OTHER_KEY))

    assert (same.body, same.headers["HmacSignature"]) == (body, "abc=")
    assert same.headers["Protocol"] == "HmacSHA256"
    assert new.body == body
    assert is_valid_hmac_payload(new.headers["HmacSignature"], OTHER_KEY, body)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (envelope() + b"}", "application/json; charset=utf-8"),
        (b"\xef\xbb\xbf{", "application/json; charset=utf-8"),
        (b"eventCode=X&live=false", "application/x-www-form-urlencoded; charset=utf-8"),
    ],
)
def test_a_body_that_was_not_parsed_is_sent_as_it_came(body: bytes, content_type: str) -> None:
    message = raw_message(body)

    assert (message.body, message.headers) == (body, {"Content-Type": content_type})
