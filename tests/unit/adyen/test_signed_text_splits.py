"""Adyen signs eight fields joined by colons; other fields with the same text are not authentic."""

from __future__ import annotations

import json

import pytest

from adyen_twin.protocol import signing
from fakes import KEY
from kasir.adyen.notifications import Item, item_from
from kasir.adyen.signing import is_signed, key_from_hex, signed_text

NAMES = (
    "pspReference",
    "originalReference",
    "merchantAccountCode",
    "merchantReference",
    "value",
    "currency",
    "eventCode",
    "success",
)
#: The values that Adyen signed: a failed refund, whose merchant reference contains colons.
SIGNED = (
    "PSP1",
    "",
    "TwinMerchant",
    "A:25000:IDR:AUTHORISATION:true",
    "1",
    "IDR",
    "REFUND",
    "false",
)


def an_item(values: tuple[str, ...], signature: str) -> Item:
    """The item with these eight fields and this signature."""
    fields = dict(zip(NAMES, values, strict=True))
    amount = {"value": fields.pop("value"), "currency": fields.pop("currency")}
    extra = {"hmacSignature": signature}
    return item_from(json.dumps(fields | {"amount": amount, "additionalData": extra}).encode())


def signature_of(values: tuple[str, ...]) -> str:
    """Adyen's signature of these eight fields."""
    fields = dict(zip(NAMES, values, strict=True))
    amount = {"value": fields.pop("value"), "currency": fields.pop("currency")}
    return signing.sign_item(fields | {"amount": amount}, KEY)


def splits() -> list[tuple[str, ...]]:
    """Every split of the signed text into eight fields."""
    parts = ":".join(SIGNED).split(":")

    def cut(rest: list[str], fields: int) -> list[tuple[str, ...]]:
        """Every way to join the parts in `rest` to this number of fields."""
        if fields == 1:
            return [(":".join(rest),)]
        return [
            (":".join(rest[:size]), *others)
            for size in range(1, len(rest) - fields + 2)
            for others in cut(rest[size:], fields - 1)
        ]

    return cut(parts, len(NAMES))


def test_only_adyens_split_of_a_signed_text_is_authentic() -> None:
    signature = signature_of(SIGNED)
    items = [(values, an_item(values, signature)) for values in splits()]
    texts = {signed_text(item) for _, item in items}
    authentic = [values for values, item in items if is_signed(item, [key_from_hex(KEY)])]

    assert len(items) > 300
    assert len(texts) == 1
    assert authentic == [SIGNED]


@pytest.mark.parametrize("reference", ["A:B", ":", "::", "a:b:c:d:e:f:g:h", "\\:", "x"])
def test_a_reference_may_contain_colons(reference: str) -> None:
    values = ("PSP1", "PSP0", "TwinMerchant", reference, "25000", "IDR", "REFUND", "true")

    assert is_signed(an_item(values, signature_of(values)), [key_from_hex(KEY)]) is True
