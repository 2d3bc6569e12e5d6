"""What Adyen demands of calls about what is there already: modifications and tokens."""

from collections.abc import Mapping
from typing import Final

from adyen_twin.core.state import Kind
from adyen_twin.protocol import errors, limits, payment_checks, rules


def modification_texts(asked: rules.Asked) -> None:
    """A modification's own fields are what the schema says."""
    rules.check_text(asked.body, "reference", 0, limits.REFERENCE_MAX)
    reason = asked.body.get("merchantRefundReason")
    if reason is not None and reason not in limits.REFUND_REASONS:
        raise errors.invalid("merchantRefundReason")


def payment_reference(asked: rules.Asked) -> None:
    """A cancel by reference says which. GUESS: the code."""
    if not rules.is_text(asked.body.get("paymentReference"), 1, None):
        raise errors.invalid("paymentReference")


def shopper(asked: rules.Asked) -> None:
    """A call about tokens says whose. GUESS: the code."""
    if not rules.is_text(asked.body.get("shopperReference"), 3, 256):
        raise errors.invalid("shopperReference")


def contract(body: rules.Body) -> set[str]:
    """Return the classic contracts that a list is narrowed to; none, if it is not."""
    recurring = body.get("recurring") or {}
    said = recurring.get("contract") if isinstance(recurring, Mapping) else ""
    if said is None:
        return set()
    if said not in limits.CONTRACTS:
        raise errors.invalid("recurring.contract")
    return set(str(said).split(","))


TOKENS: Final[tuple[rules.Rule, ...]] = (rules.merchant_account, shopper)

CANCELS: Final[tuple[rules.Rule, ...]] = (
    rules.merchant_account,
    payment_reference,
    modification_texts,
)

_OF_AMOUNT: Final = (rules.merchant_account, rules.amount, modification_texts, rules.line_items)
_OF_ALL: Final = (rules.merchant_account, modification_texts)
MODIFICATIONS: Final[dict[Kind, tuple[rules.Rule, ...]]] = {
    Kind.CAPTURE: _OF_AMOUNT,
    Kind.REFUND: _OF_AMOUNT,
    Kind.CANCEL: _OF_ALL,
    Kind.REVERSAL: _OF_ALL,
}

#: Every rule by name: what the knob `answers` may name.
RULE_NAMES: Final = frozenset(
    rule.__name__
    for rules_of_call in (
        payment_checks.PAYMENT_METHODS,
        payment_checks.PAYMENTS,
        CANCELS,
        TOKENS,
        _OF_AMOUNT,
    )
    for rule in rules_of_call
)
