"""From facts to the computed part of a payment: status, pspReference, sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kasir.money import Money
from kasir.payments.facts import Fact, Says
from kasir.payments.payment import Intent, Payment, Standing
from kasir.payments.refunds import Refund, RefundStatus, refunds
from kasir.payments.status import standing, status


def payment(intent: Intent, facts: Sequence[Fact]) -> Payment:
    """A payment with its facts, folded."""
    return Payment(intent=intent, standing=fold(intent, facts), facts=tuple(facts))


def fold(intent: Intent, facts: Iterable[Fact]) -> Standing:
    """What these facts come to. The same set gives the same answer, in any order."""
    known = frozenset(facts)
    nothing = Money(intent.amount.currency, 0)
    every = refunds(known, nothing)
    back = (refund.amount for refund in every if refund.status is RefundStatus.SUCCEEDED)
    return Standing(
        status=status(known),
        psp_reference=_psp_reference(known),
        captured=_captured(intent, known),
        refunded=sum(back, start=nothing),
        charged_back=_charged_back(known, nothing),
        refunds=every,
    )


def refundable(payment: Payment) -> Money:
    """What may still be asked back: captured, less what was asked and has not failed."""
    left = payment.standing.captured
    for refund in payment.standing.refunds:
        if _holds(refund):
            left -= refund.amount
    return left


def _holds(refund: Refund) -> bool:
    return refund.status in {RefundStatus.REQUESTED, RefundStatus.SUCCEEDED}


def _psp_reference(facts: frozenset[Fact]) -> str:
    """The attempt that stands; else any attempt heard of, by an order that is not time's."""
    heard = {fact.psp_reference for fact in facts if fact.psp_reference}
    return min(standing(facts) or heard, default="")


def _captured(intent: Intent, facts: frozenset[Fact]) -> Money:
    """Money taken: of each attempt that stands, once, less what could not be taken after all."""
    stands = standing(facts)
    says = Says.AUTHORISED if intent.captures_itself else Says.CAPTURED
    # Told twice of one attempt or one capture, it is still taken once.
    taken = _once(facts, says, intent.amount)
    if intent.captures_itself:
        taken = {name: money for name, money in taken.items() if name in stands}
    failed = _once(facts, Says.CAPTURE_FAILED, intent.amount)
    nothing = Money(intent.amount.currency, 0)
    left = sum(taken.values(), start=nothing) - sum(failed.values(), start=nothing)
    return max(left, nothing, key=lambda money: money.minor_units)


def _charged_back(facts: frozenset[Fact], nothing: Money) -> Money:
    """Money lost to disputes: not where one was reversed, and again where it was taken anew.

    Which of them is the last word follows from what a dispute can go through, not from the order
    in which it was told.
    """
    taken = _once(facts, Says.CHARGED_BACK, nothing)
    returned = _once(facts, Says.CHARGEBACK_REVERSED, nothing)
    kept = {name: money for name, money in taken.items() if name not in returned}
    again = _once(facts, Says.SECOND_CHARGEBACK, nothing)
    return sum((kept | again).values(), start=nothing)


def _once(facts: frozenset[Fact], says: Says, unless_told: Money) -> dict[str, Money]:
    """The amounts of facts that say this, one per modification (or attempt)."""
    currency = unless_told.currency  # Money in another one is nothing that could be added up.
    telling = sorted(
        (
            fact
            for fact in facts
            if fact.says is says and (fact.amount is None or fact.amount.currency == currency)
        ),
        key=lambda fact: fact.key,
    )
    return {fact.modification or fact.psp_reference: fact.amount or unless_told for fact in telling}
