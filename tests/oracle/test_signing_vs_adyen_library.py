"""Signatures compared with Adyen's own library: Kasir accepts what it signs, and nothing else."""

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
#: Values that Adyen assigns. With a colon in them, a text could be split into other fields.
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=":"), max_size=40)
values = st.one_of(st.integers(-(2**63), 2**63 - 1), words)
SIGNED = {
    "pspReference": words,
    "originalReference": words,
    "merchantAccountCode": words,
    "merchantReference": texts,
    "amount": st.fixed_dictionaries({"value": values, "currency": words}),
    "eventCode": words,
    "success": st.sampled_from(["true", "false"]),
}
#: The fields that the library treats as empty if they are missing; it requires an amount.
OPTIONAL = sorted(SIGNED.keys() - {"amount"})

items = st.fixed_dictionaries(SIGNED)


def received(fields: dict[str, Any]) -> Item:
    return item_from(json.dumps(fields).encode())


def theirs(fields: dict[str, Any], key: str = KEY) -> str:
    signature: str = generate_notification_sig(fields, key).decode()
    return signature


def with_signature(fields: dict[str, Any], key: str = KEY) -> dict[str, Any]:
    return fields | {"additionalData": {"hmacSignature": theirs(fields, key)}}


@given(items, st.sets(st.sampled_from(OPTIONAL)))
def test_our_signature_of_any_item_equals_theirs(fields: dict[str, Any], missing: set[str]) -> None:
    for name in missing:
        del fields[name]
    text = signed_text(received(fields))

    assert sign(text.encode(), KEYS[0]) == theirs(fields)


@given(st.lists(items, min_size=1, max_size=4), st.dictionaries(texts, texts, max_size=3))
def test_our_reader_accepts_what_their_generator_signs(
    batch: list[dict[str, Any]], more: dict[str, str]
) -> None:
    boxes = []
    for fields in batch:
        signature = {"hmacSignature": theirs(fields)}
        extra = {"additionalData": more | signature, "eventDate": "2026-05-05T05:05:05+02:00"}
        boxes.append({"NotificationRequestItem": fields | extra})
    body = json.dumps({"live": "false", "notificationItems": boxes}).encode()

    assert [is_signed(item, KEYS) for item in parse(body)] == [True] * len(batch)


@given(items)
def test_neither_side_accepts_a_signature_under_another_key(fields: dict[str, Any]) -> None:
    signed = with_signature(fields, OTHER_KEY)

    assert is_valid_hmac_notification(signed, KEY) is False
    assert is_signed(received(signed), KEYS) is False


@given(items, items)
def test_the_signature_of_one_item_is_not_valid_for_another(
    fields: dict[str, Any], other: dict[str, Any]
) -> None:
    swapped = other | {"additionalData": {"hmacSignature": theirs(fields)}}
    item = received(swapped)
    same = signed_text(item) == signed_text(received(fields))

    assert is_signed(item, KEYS) is same
    assert is_valid_hmac_notification(swapped, KEY) is same


# Where we are stricter than their verifier, on purpose.


def test_we_check_every_item_and_they_check_only_the_first() -> None:
    good = {
        "pspReference": "A",
        "merchantAccountCode": "M",
        "merchantReference": "R",
        "amount": {"value": 1, "currency": "IDR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
    }
    forged = good | {"additionalData": {"hmacSignature": "forged"}}
    boxes = [{"NotificationRequestItem": item} for item in (with_signature(good), forged)]
    envelope = {"live": "false", "notificationItems": boxes}

    assert is_valid_hmac_notification(envelope, KEY) is True
    assert [is_signed(item, KEYS) for item in parse(json.dumps(envelope).encode())] == [
        True,
        False,
    ]


def test_a_boolean_and_a_null_are_signed_as_adyen_writes_them_and_not_as_python_does() -> None:
    written = {
        "pspReference": "A",
        "merchantAccountCode": "M",
        "merchantReference": "R",
        "amount": {"value": 1, "currency": "IDR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
    }
    signature = theirs(written)
    parsed = written | {"success": True, "originalReference": None}
    item = received(parsed | {"additionalData": {"hmacSignature": signature}})

    assert is_signed(item, KEYS) is True
    assert theirs(parsed) != signature


def test_a_text_split_into_other_fields_is_accepted_by_them_and_not_by_us() -> None:
    """Their generator joins all values: the colon of a reference moves to another field."""
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
    extra = {"additionalData": {"hmacSignature": theirs(written)}}

    assert is_valid_hmac_notification(moved | extra, KEY) is True
    assert is_signed(received(written | extra), KEYS) is True
    assert is_signed(received(moved | extra), KEYS) is False
