"""Runs the rules for a request, and has the rules of several calls.

A rule is a function that raises an error if the request breaks it, and changes nothing. The
error of the first broken rule is the answer. The name of a rule must not change, because the
knob `answers` uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adyen_twin.protocol import errors, limits
from adyen_twin.protocol.errors import AdyenError

Body = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What Adyen's pages disagree about; the knobs of the same names decide."""

    #: Whether GoPay requires both `browserInfo` and `channel`, and ContAuth for a charge.
    strict: bool = True
    #: Whether a payment from an app needs `browserInfo`.
    app_browser_info: bool = False
    #: Whether a charge of a token needs a `returnUrl`.
    charge_return_url: bool = False
    #: Whether a CardOnFile charge may be Ecommerce too.
    card_on_file_ecommerce: bool = True


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to check, and the values that the rules compare it with."""

    body: Body
    #: The version of the Checkout API that was called.
    version: int
    merchant_accounts: frozenset[str]
    policy: Policy
    #: The amounts that GoPay accepts, in minor units.
    amounts: range
    #: The name of a rule -> the error to answer instead of the rule's default error.
    answers: Mapping[str, AdyenError]


Rule = Callable[[Request], None]


def check(rules: tuple[Rule, ...], request: Request) -> None:
    """Raise the error of the first rule that the request breaks.

    Raises:
        AdyenError: A rule is broken.

    """
    for rule in rules:
        try:
            rule(request)
        except AdyenError as error:
            raise request.answers.get(rule.__name__, error) from None


def merchant_account(request: Request) -> None:
    """The twin has this `merchantAccount`. GUESS: the same error if the field is missing."""
    if request.body.get("merchantAccount") not in request.merchant_accounts:
        raise errors.wrong_merchant()


def amount(request: Request) -> None:
    """`amount` has a whole value and a currency of three letters."""
    check_amount(request.body.get("amount"))


def check_amount(amount: object) -> None:
    """Raise an error unless this value is an amount, as Adyen's schema defines it."""
    if amount is None:
        raise errors.no_amount()
    if not isinstance(amount, Mapping):
        raise errors.invalid("amount")
    currency = amount.get("currency")
    if not is_text(currency, 3, 3):
        raise errors.invalid("amount.currency")
    if amount.get("value") is None:
        raise errors.no_amount()
    # GUESS: the answer to a fraction is an invalid field, not invalid JSON.
    if not is_whole(amount["value"], limits.INT64):
        raise errors.invalid("amount.value")


def line_items(request: Request) -> None:
    """`lineItems` is a list of objects with text and whole numbers."""
    items = request.body.get("lineItems")
    if items is None:
        return
    if not isinstance(items, list):
        raise errors.invalid("lineItems")
    for number, item in enumerate(items):
        _check_item(item, f"lineItems[{number}]")


def _check_item(item: object, path: str) -> None:
    if not isinstance(item, Mapping):
        raise errors.invalid(path)
    for name in limits.ITEM_NUMBERS:
        if item.get(name) is not None and not is_whole(item[name], limits.INT64):
            raise errors.invalid(f"{path}.{name}")
    for name in limits.ITEM_TEXTS:
        check_text(item, name, 0, None, within=path)
    check_text(item, "description", 0, limits.ITEM_DESCRIPTION_MAX, within=path)


def check_text(
    fields: Mapping[str, Any], name: str, shortest: int, longest: int | None, *, within: str = ""
) -> None:
    """Raise an error unless a field is missing, or is text within these lengths."""
    if fields.get(name) is not None and not is_text(fields[name], shortest, longest):
        raise errors.invalid(f"{within}.{name}" if within else name)


def is_text(value: object, shortest: int, longest: int | None) -> bool:
    """Return whether this value is text within these lengths; `longest` None: no limit."""
    return (
        isinstance(value, str)
        and len(value) >= shortest
        and (longest is None or len(value) <= longest)
    )


def is_texts(values: object) -> bool:
    """Return whether this value is a list of strings."""
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def is_whole(value: object, within: range) -> bool:
    """Return whether this value is a whole number in the range."""
    # JSON's true is an int in Python, but not a number for Adyen.
    return isinstance(value, int) and not isinstance(value, bool) and value in within
