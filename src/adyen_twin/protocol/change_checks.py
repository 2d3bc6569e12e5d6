"""The rules for modifications and for calls about tokens.

The name of a rule must not change, because the knob `answers` uses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adyen_twin.protocol import errors, limits, payment_checks, rules


def modification_texts(request: rules.Request) -> None:
    """`reference` and `merchantRefundReason` are valid."""
    rules.check_text(request.body, "reference", shortest=0, longest=limits.REFERENCE_MAX)
    reason = request.body.get("merchantRefundReason")
    if reason is not None and reason not in limits.REFUND_REASONS:
        raise errors.invalid("merchantRefundReason")


def payment_reference(request: rules.Request) -> None:
    """A cancel by reference has a `paymentReference`. GUESS: the error code."""
    if not rules.is_text(request.body.get("paymentReference"), shortest=1, longest=None):
        raise errors.invalid("paymentReference")


def shopper(request: rules.Request) -> None:
    """A call about tokens has a `shopperReference`. GUESS: the error code."""
    if not rules.is_text(request.body.get("shopperReference"), shortest=3, longest=256):
        raise errors.invalid("shopperReference")


def contract(body: rules.Body) -> set[str]:
    """Return the contracts by which /listRecurringDetails filters tokens; empty: no filter."""
    recurring = body.get("recurring") or {}
    # If `recurring` is not an object, "" makes the check below fail.
    names = recurring.get("contract") if isinstance(recurring, Mapping) else ""
    if names is None:
        return set()
    if names not in limits.CONTRACTS:
        raise errors.invalid("recurring.contract")
    return set(str(names).split(","))


TOKENS: Final[tuple[rules.Rule, ...]] = (rules.merchant_account, shopper)

CANCELS_BY_REFERENCE: Final[tuple[rules.Rule, ...]] = (
    rules.merchant_account,
    payment_reference,
    modification_texts,
)

_WITH_AMOUNT: Final = (rules.merchant_account, rules.amount, modification_texts, rules.line_items)
_WITHOUT_AMOUNT: Final = (rules.merchant_account, modification_texts)
#: The last part of a modification's path -> its rules.
MODIFICATIONS: Final[dict[str, tuple[rules.Rule, ...]]] = {
    "captures": _WITH_AMOUNT,
    "refunds": _WITH_AMOUNT,
    "cancels": _WITHOUT_AMOUNT,
    "reversals": _WITHOUT_AMOUNT,
}

#: The names of all rules, which are the valid keys of the knob `answers`.
#: `_WITHOUT_AMOUNT` has no other rules.
RULE_NAMES: Final = frozenset(
    rule.__name__
    for rules_of_call in (
        payment_checks.PAYMENT_METHODS,
        payment_checks.PAYMENTS,
        CANCELS_BY_REFERENCE,
        TOKENS,
        _WITH_AMOUNT,
    )
    for rule in rules_of_call
)
