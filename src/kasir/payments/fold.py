"""Computes the summary of a payment from its facts: status, pspReference, sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kasir.money import Money
from kasir.payments.disputes import disputes
from kasir.payments.endings import endings
from kasir.payments.facts import Fact, Says
from kasir.payments.payment import Intent, Payment, Summary
from kasir.payments.status import paid_attempts, status
from kasir.payments.sums import Sums, sums


def payment(intent: Intent, facts: Sequence[Fact]) -> Payment:
    """A payment with its facts and their summary."""
    return Payment(intent=intent, summary=fold(intent, facts), facts=tuple(facts))


def fold(intent: Intent, facts: Iterable[Fact]) -> Summary:
    """The summary of these facts. The same set of facts gives the same summary, in any order."""
    known = frozenset(facts)
    payment_sums = sums(intent, known)
    return Summary(
        status=status(known),
        psp_reference=_psp_reference(known),
        captured=payment_sums.captured,
        refunded=payment_sums.refunded,
        charged_back=payment_sums.charged_back,
        refunds=payment_sums.refunds,
        endings=endings(payment_sums.changes, known),
        disputes=disputes(payment_sums.changes, known, Money(intent.amount.currency, 0)),
        is_given_back=_is_given_back(known, payment_sums),
    )


def _is_given_back(facts: frozenset[Fact], payment_sums: Sums) -> bool:
    """Whether the payment was paid, and then cancelled or refunded in full."""
    if not any(fact.says is Says.AUTHORISED for fact in facts):
        return False
    refunded = payment_sums.refunded.minor_units
    return not paid_attempts(facts) or 0 < refunded >= payment_sums.captured.minor_units


def _psp_reference(facts: frozenset[Fact]) -> str:
    """The pspReference of a paid attempt, else of any attempt; the first in sorted order."""
    known = {fact.psp_reference for fact in facts if fact.psp_reference}
    return min(paid_attempts(facts) or known, default="")
