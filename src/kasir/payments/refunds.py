"""Money going back: what was asked for, what became of it, and what may still be asked.

A refund has two names: the idempotency key of our asking (`about`), and the pspReference the
provider gives it (`modification`). The answer to our asking joins the two. A refund made in the
provider's own back office has only the second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kasir.money import Money
from kasir.payments.facts import Fact, Says


class RefundStatus(StrEnum):
    """Where a refund stands."""

    #: Asked for; the provider has not said how it ended.
    REQUESTED = "requested"
    #: The money goes back.
    SUCCEEDED = "succeeded"
    #: It was declined, rejected, or bounced: the money stays with the shop.
    FAILED = "failed"
    #: It went back and returned.
    REVERSED = "reversed"


#: What wins where several things were said of one refund. An end outranks its beginnings.
_PRECEDENCE: Final = (
    (Says.REFUND_REVERSED, RefundStatus.REVERSED),
    (Says.REFUND_FAILED, RefundStatus.FAILED),
    (Says.REFUND_CONFIRMED, RefundStatus.SUCCEEDED),
    (Says.REFUND_REJECTED, RefundStatus.FAILED),
    (Says.VOIDED, RefundStatus.FAILED),
    (Says.REFUND_ASKED, RefundStatus.REQUESTED),
    (Says.REFUND_RECEIVED, RefundStatus.REQUESTED),
)
_ABOUT_REFUNDS: Final = frozenset(says for says, _ in _PRECEDENCE) | {Says.REFUND_DECLINED}


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund. `name` is the provider's where it is known, else our key of the asking."""

    name: str
    amount: Money
    status: RefundStatus


def refunds(facts: Iterable[Fact], nothing: Money) -> tuple[Refund, ...]:
    """Every refund these facts speak of, by name.

    Args:
        facts: All that is known of a payment.
        nothing: Zero, in the payment's currency.
    """
    known = [
        fact
        # A set has no order of its own, and in another process it has another one.
        for fact in sorted(facts, key=lambda fact: fact.key)
        if fact.says in _ABOUT_REFUNDS
        and (fact.amount is None or fact.amount.currency == nothing.currency)
    ]
    given = {fact.about: fact.modification for fact in known if fact.says is Says.REFUND_RECEIVED}
    told: dict[str, list[Fact]] = {}
    for fact in known:
        name = fact.modification or given.get(fact.about) or fact.about
        told.setdefault(name, []).append(fact)
    found = [_refund(name, about_it, nothing) for name, about_it in sorted(told.items())]
    return tuple(refund for refund in found if refund)


def _refund(name: str, facts: list[Fact], nothing: Money) -> Refund | None:
    said = {fact.says for fact in facts}
    if said == {Says.VOIDED} or Says.REFUND_DECLINED in said:
        return None  # A cancellation by itself is no refund, nor is one that was not even taken.
    status = next(status for says, status in _PRECEDENCE if says in said)
    amounts = {fact.says: fact.amount for fact in sorted(facts, key=lambda fact: fact.key)}
    # What was confirmed counts before what was asked.
    amount = next((amounts[says] for says, _ in _PRECEDENCE if amounts.get(says)), None)
    return Refund(name, amount or nothing, status)
