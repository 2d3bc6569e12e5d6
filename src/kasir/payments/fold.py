"""From facts to the computed part of a payment: status, pspReference, sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kasir.payments.facts import Fact
from kasir.payments.payment import Intent, Payment, Standing
from kasir.payments.status import standing, status
from kasir.payments.sums import sums


def payment(intent: Intent, facts: Sequence[Fact]) -> Payment:
    """A payment with its facts, folded."""
    return Payment(intent=intent, standing=fold(intent, facts), facts=tuple(facts))


def fold(intent: Intent, facts: Iterable[Fact]) -> Standing:
    """What these facts come to. The same set gives the same answer, in any order."""
    known = frozenset(facts)
    money = sums(intent, known)
    return Standing(
        status=status(known),
        psp_reference=_psp_reference(known),
        captured=money.captured,
        refunded=money.refunded,
        charged_back=money.charged_back,
        refunds=money.refunds,
    )


def _psp_reference(facts: frozenset[Fact]) -> str:
    """The attempt that stands; else any attempt heard of, by an order that is not time's."""
    heard = {fact.psp_reference for fact in facts if fact.psp_reference}
    return min(standing(facts) or heard, default="")
