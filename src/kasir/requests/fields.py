"""What every kind of request has in common: its fields, what refuses it, and the shop's key."""

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

#: What no HTTP header may hold, and half a surrogate pair, which could be stored only as U+FFFD:
#: two keys would become one. The web server has stripped the blanks around a key.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


#: A whole number in JSON's own form. `int` would accept ` 25_000 ` too.
_DIGITS: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def body_fields(body: bytes) -> dict[str, Any]:
    """A request's fields.

    Raises:
        InvalidRequest: It is not a JSON object.
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
    """Raise the faults that were found, each field once; return where there are none.

    Raises:
        InvalidRequest: There is at least one.
    """
    if found := _by_field(faults):
        raise InvalidRequest(found)


def reject(*faults: Iterable[Fault]) -> NoReturn:
    """Raise the faults of a request that has at least one, each field once.

    Raises:
        InvalidRequest: Always.
    """
    raise InvalidRequest(_by_field(faults))


def with_number(fields: Fields) -> Fields:
    """A request with `amount.value` as a number, where it is a text of digits.

    GUESS that Adyen reads it so: its Python sample and its page about payment links send it.
    """
    match fields.get("amount"):
        case {"value": str(digits)} as amount if _DIGITS.fullmatch(digits):
            return {**fields, "amount": {**amount, "value": int(digits)}}
    return fields


def account_faults(fields: Fields, merchant_account: str) -> Iterator[Fault]:
    """What is wrong with the merchant account a request names; a request may name none."""
    if fields.get("merchantAccount") not in (None, "", merchant_account):
        cure = f"this Kasir serves the merchant account {merchant_account}."
        yield Fault("merchantAccount", cure, "901", 403, "security")


def key_faults(key: str | None) -> Iterator[Fault]:
    """What is wrong with the shop's idempotency key; a request may have none."""
    if key is not None and not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX:
        cure = f"must have 1 to {IDEMPOTENCY_KEY_MAX} characters."
        yield Fault("Idempotency-Key", cure)
    elif key is not None and _CONTROL.search(key):
        yield Fault(
            "Idempotency-Key", "must hold no control characters, nor half a surrogate pair."
        )


def shop_key_of(key: str | None, same: object, path: str, version: int) -> ShopKey | None:
    """The shop's key, with a fingerprint of the request that came with it.

    Args:
        key: The shop's key, if it gave one.
        same: What must be equal in a repeated request; order and spacing of JSON do not count.
        path: Which path was called.
        version: In which Checkout version.
    """
    if key is None:
        return None
    text = msgspec.json.encode([version, path, same], order="sorted")
    return ShopKey(key=key, fingerprint=sha256(text).digest())


def _by_field(faults: Iterable[Iterable[Fault]]) -> Iterable[Fault]:
    found: dict[str, Fault] = {}
    for fault in chain.from_iterable(faults):
        found.setdefault(fault.field, fault)
    return found.values()
