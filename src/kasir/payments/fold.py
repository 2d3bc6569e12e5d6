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
    """The summary of these facts. The same set gives the same summary, in any order."""
    known = frozenset(facts)
    money = sums(intent, known)
    return Summary(
        status=status(known),
        psp_reference=_psp_reference(known),
        captured=money.captured,
        refunded=money.refunded,
        charged_back=money.charged_back,
        refunds=money.refunds,
        endings=endings(money.changes, known),
        disputes=disputes(money.changes, known, Money(intent.amount.currency, 0)),
        is_given_back=_is_given_back(known, money),
    )


def _is_given_back(facts: frozenset[Fact], money: Sums) -> bool:
    """Whether it was paid, and then cancelled, or refunded by at least the captured amount."""
    if not any(fact.says is Says.AUTHORISED for fact in facts):
        return False
    refunded = money.refunded.minor_units
    return not paid_attempts(facts) or 0 < refunded >= money.captured.minor_units


def _psp_reference(facts: frozenset[Fact]) -> str:
    """The paid attempt, or else any attempt. Of several the first by name, whatever their times."""
    known = {fact.psp_reference for fact in facts if fact.psp_reference}
    return min(paid_attempts(facts) or known, default="")
