"""Signatures compared with Adyen's own library: Kasir accepts only the library's signatures."""

from __future__ import annotations

import json
from typing import Any

from Adyen.util import generate_notification_sig, is_valid_hmac_notification
from hypothesis import given
from hypothesis import strategies as st

from fakes import KEY, OTHER_KEY
from kasir.adyen.notifications import Item, item_from, parse
from kasir.adyen.signing import is_signed, key_from_hex, sign, signed_text

KEYS = [key_from_hex(KEY)]

#: Any text that UTF-8 can encode: JSON in UTF-8 cannot contain a lone surrogate.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
#: Values that Adyen assigns, which contain no colon: a colon separates the signed fields.
adyen_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=":"), max_size=40)
values = st.one_of(st.integers(-(2**63), 2**63 - 1), adyen_texts)
#: The signed fields of an item, each with a strategy for its values.
SIGNED = {
    "pspReference": adyen_texts,
    "originalReference": adyen_texts,
    "merchantAccountCode": adyen_texts,
    "merchantReference": texts,
    "amount": st.fixed_dictionaries({"value": values, "currency": adyen_texts}),
    "eventCode": adyen_texts,
    "success": st.sampled_from(["true", "false"]),
}
#: The fields that the library treats as empty if they are missing. It requires the amount.
OPTIONAL = sorted(SIGNED.keys() - {"amount"})

items = st.fixed_dictionaries(SIGNED)


def received(fields: dict[str, Any]) -> Item:
    """The item that Kasir parses from the JSON of these fields."""
    return item_from(json.dumps(fields).encode())


def their_signature(fields: dict[str, Any], key: str = KEY) -> str:
    """The library's signature of an item."""
    signature: str = generate_notification_sig(fields, key).decode()
    return signature


def with_signature(fields: dict[str, Any], key: str = KEY) -> dict[str, Any]:
    """The fields of an item, with the library's signature of them."""
    return fields | {"additionalData": {"hmacSignature": their_signature(fields, key)}}


@given(items, st.sets(st.sampled_from(OPTIONAL)))
def test_our_signature_of_any_item_equals_the_librarys(
    fields: dict[str, Any], missing: set[str]
) -> None:
    for name in missing:
        del fields[name]
    text = signed_text(received(fields))

    assert sign(text.encode(), KEYS[0]) == their_signature(fields)


@given(st.lists(items, min_size=1, max_size=4), st.dictionaries(texts, texts, max_size=3))
def test_kasir_accepts_every_signature_that_the_library_generates(
    batch: list[dict[str, Any]], additional_data: dict[str, str]
) -> None:
    wrapped = []
    for fields in batch:
        signature = {"hmacSignature": their_signature(fields)}
        unsigned_fields = {
            "additionalData": additional_data | signature,
            "eventDate": "2026-05-05T05:05:05+02:00",
        }
        wrapped.append({"NotificationRequestItem": fields | unsigned_fields})
    body = json.dumps({"live": "false", "notificationItems": wrapped}).encode()

    assert [is_signed(item, KEYS) for item in parse(body)] == [True] * len(batch)


@given(items)
def test_neither_kasir_nor_the_library_accepts_a_signature_under_another_key(
    fields: dict[str, Any],
) -> None:
    signed = with_signature(fields, OTHER_KEY)

    assert is_valid_hmac_notification(signed, KEY) is False
    assert is_signed(received(signed), KEYS) is False


@given(items, items)
def test_the_signature_of_one_item_is_valid_for_another_only_if_the_signed_texts_are_equal(
    fields: dict[str, Any], other: dict[str, Any]
) -> None:
    with_wrong_signature = other | {"additionalData": {"hmacSignature": their_signature(fields)}}
    item = received(with_wrong_signature)
    is_same_text = signed_text(item) == signed_text(received(fields))

    assert is_signed(item, KEYS) is is_same_text
    assert is_valid_hmac_notification(with_wrong_signature, KEY) is is_same_text


# Intended differences: Kasir is stricter than the library.


def test_kasir_checks_every_item_and_the_library_checks_only_the_first() -> None:
    good = {
        "pspReference": "A",
        "merchantAccountCode": "M",
        "merchantReference": "R",
        "amount": {"value": 1, "currency": "IDR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
    }
    forged = good | {"additionalData": {"hmacSignature": "forged"}}
    wrapped = [{"NotificationRequestItem": item} for item in (with_signature(good), forged)]
    envelope = {"live": "false", "notificationItems": wrapped}

    assert is_valid_hmac_notification(envelope, KEY) is True
    assert [is_signed(item, KEYS) for item in parse(json.dumps(envelope).encode())] == [
        True,
        False,
    ]


def test_a_boolean_and_a_null_are_signed_as_adyen_writes_them_and_not_as_python_does() -> None:
    with_texts = {
        "pspReference": "A",
        "merchantAccountCode": "M",
        "merchantReference": "R",
        "amount": {"value": 1, "currency": "IDR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
    }
    signature = their_signature(with_texts)
    with_json_values = with_texts | {"success": True, "originalReference": None}
    item = received(with_json_values | {"additionalData": {"hmacSignature": signature}})

    assert is_signed(item, KEYS) is True
    # The library signs Python's spellings: "True" and "None".
    assert their_signature(with_json_values) != signature


def test_only_the_library_accepts_other_fields_with_the_same_signed_text() -> None:
    """The signed text is all values joined with colons, so other fields can give the same text."""
    written = {
        "pspReference": "A",
        "originalReference": "",
        "merchantAccountCode": "M",
        "merchantReference": "R:1:IDR:AUTHORISATION:true",
        "amount": {"value": 9, "currency": "IDR"},
        "eventCode": "REFUND",
        "success": "false",
    }
    moved = written | {
        "merchantReference": "R",
        "amount": {"value": 1, "currency": "IDR"},
        "eventCode": "AUTHORISATION",
        "success": "true:9:IDR:REFUND:false",
    }
    extra = {"additionalData": {"hmacSignature": their_signature(written)}}

    assert is_valid_hmac_notification(moved | extra, KEY) is True
    assert is_signed(received(written | extra), KEYS) is True
    assert is_signed(received(moved | extra), KEYS) is False
