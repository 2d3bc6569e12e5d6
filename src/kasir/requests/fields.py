"""Common to all kinds of requests: the fields, the faults that refuse them, and the shop's key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import chain
from typing import Any, Final, NoReturn

import msgspec

from kasir.adyen.calls import IDEMPOTENCY_KEY_MAX
from kasir.adyen.texts import read_strict
from kasir.errors import Fault, InvalidRequest
from kasir.payments.question import ShopKey

#: The JSON object of a request, decoded.
Fields = Mapping[str, Any]

#: Characters that no HTTP header may contain, and half a surrogate pair. The latter would be stored
#: as U+FFFD, so that two different keys could become the same.
_NOT_ALLOWED: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

#: A whole number in JSON's own form. `int` would accept ` 25_000 ` too.
_DIGITS: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def body_fields(body: bytes) -> dict[str, Any]:
    """A request's fields.

    Raises:
        InvalidRequest: The body is not a JSON object.
    """
    try:
        fields = read_strict(body)
    except ValueError as error:
        cure = f"the body must be a JSON object ({error})."
        raise InvalidRequest([Fault("body", cure, "702", 400)]) from error
    except RecursionError as error:
        cure = "the body must be a JSON object, nested less deeply than this."
        raise InvalidRequest([Fault("body", cure, "702", 400)]) from error
    if not isinstance(fields, dict):
        reject([Fault("body", "the body must be a JSON object.", "702", 400)])
    return fields


def refuse(*faults: Iterable[Fault]) -> None:
    """Raise the first fault of each field; return if there are no faults.

    Raises:
        InvalidRequest: There is at least one fault.
    """
    if first_faults := _first_by_field(faults):
        raise InvalidRequest(first_faults)


def reject(*faults: Iterable[Fault]) -> NoReturn:
    """Raise the first fault of each field; the caller knows that there is a fault.

    Raises:
        InvalidRequest: Always.
    """
    raise InvalidRequest(_first_by_field(faults))


def with_number(fields: Fields) -> Fields:
    """A request with `amount.value` as a number, where it is a text of digits.

    GUESS that Adyen reads it so: its Python sample and its page about payment links send it.
    """
    amount = fields.get("amount")
    if not isinstance(amount, dict):
        return fields
    digits = amount.get("value")
    if not isinstance(digits, str) or not _DIGITS.fullmatch(digits):
        return fields
    return {**fields, "amount": {**amount, "value": int(digits)}}


def account_faults(fields: Fields, merchant_account: str) -> Iterator[Fault]:
    """What is wrong with the merchant account of a request, which is optional."""
    if fields.get("merchantAccount") not in (None, "", merchant_account):
        cure = f"this Kasir serves the merchant account {merchant_account}."
        yield Fault("merchantAccount", cure, "901", 403, "security")


def key_faults(key: str | None) -> Iterator[Fault]:
    """What is wrong with the shop's idempotency key, which is optional."""
    if key is not None and not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX:
        cure = f"must have 1 to {IDEMPOTENCY_KEY_MAX} characters."
        yield Fault("Idempotency-Key", cure)
    elif key is not None and _NOT_ALLOWED.search(key):
        yield Fault(
            "Idempotency-Key", "must hold no control characters, nor half a surrogate pair."
        )


def shop_key_of(key: str | None, same: object, path: str, version: int | None) -> ShopKey | None:
    """The shop's key, with a fingerprint of its request; None without a key.

    Args:
        key: The shop's key, if it gave one.
        same: The value that must be equal in a repeated request, such as its fields. The order of
            JSON fields does not matter.
        path: The path that was called.
        version: The Checkout version that was called; None for a typed call of the library, where
            Kasir chooses the version, so that the same call after an upgrade has the same
            fingerprint.
    """
    if key is None:
        return None
    text = msgspec.json.encode([version, path, same], order="sorted")
    return ShopKey(key=key, fingerprint=sha256(text).digest())


def _first_by_field(faults: Iterable[Iterable[Fault]]) -> Iterable[Fault]:
    by_field: dict[str, Fault] = {}
    for fault in chain.from_iterable(faults):
        by_field.setdefault(fault.field, fault)
    return by_field.values()
