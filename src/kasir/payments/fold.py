"""From facts to the computed part of a payment: status, pspReference, sums."""

from __future__ import annotations

from collections.abc import Iterable

from kasir.money import Money
from kasir.payments.facts import Fact, Says
from kasir.payments.payment import Intent, Standing
from kasir.payments.status import standing, status


def fold(intent: Intent, facts: Iterable[Fact]) -> Standing:
    """What these facts come to. The same set gives the same answer, in any order."""
    known = frozenset(facts)
    return Standing(
        status=status(known),
        psp_reference=_psp_reference(known),
        captured=_captured(intent, known),
        refunded=Money(intent.amount.currency, 0),
    )


def _psp_reference(facts: frozenset[Fact]) -> str:
    """The attempt that stands; else any attempt heard of, by an order that is not time's."""
    heard = {fact.psp_reference for fact in facts if fact.psp_reference}
    return min(standing(facts) or heard, default="")


def _captured(intent: Intent, facts: frozenset[Fact]) -> Money:
    """Money taken. GoPay takes it when it authorises it; each attempt counts once."""
    paid = {
        fact.psp_reference: fact.amount or intent.amount
        for fact in sorted(facts, key=lambda fact: fact.key)
        if fact.says is Says.AUTHORISED and fact.psp_reference in standing(facts)
    }
    return sum(paid.values(), start=Money(intent.amount.currency, 0))
