"""Groups the facts of a payment by change: one capture, refund, cancel, reversal or dispute.

A change has two ids: the idempotency key of Kasir's call (`about`), and the provider's pspReference
of the change (`modification`). The answer to the call has both ids, and so links them. A change
that was made in the provider's back office has only a pspReference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kasir.money import Currency
from kasir.payments.facts import Fact, Says, Source

#: Meanings that only facts of changes have.
OF_CHANGES: Final = frozenset(
    {
        Says.CANCEL_ASKED,
        Says.CANCEL_REJECTED,
        Says.CAPTURED,
        Says.CAPTURE_ASKED,
        Says.CAPTURE_FAILED,
        Says.CAPTURE_REJECTED,
        Says.CHANGE_DECLINED,
        Says.CHANGE_RECEIVED,
        Says.CHARGEBACK_REVERSED,
        Says.CHARGED_BACK,
        Says.DISPUTE_ANNOUNCED,
        Says.REFUND_ASKED,
        Says.REFUND_CONFIRMED,
        Says.REFUND_DECLINED,
        Says.REFUND_FAILED,
        Says.REFUND_RECEIVED,
        Says.REFUND_REJECTED,
        Says.REFUND_REVERSED,
        Says.REVERSAL_ASKED,
        Says.SECOND_CHARGEBACK,
        Says.VOIDED,
    }
)

#: Meanings of answers that have the pspReference of a requested change.
_GIVE_NAMES: Final = frozenset({Says.CHANGE_RECEIVED, Says.REFUND_RECEIVED})

#: What was requested, by `Fact.words`. Earlier versions did not record it in `says`.
_ASKED_BEFORE: Final[Mapping[str, Says]] = {
    "captures": Says.CAPTURE_ASKED,
    "cancels": Says.CANCEL_ASKED,
    "cancels_by_reference": Says.CANCEL_ASKED,
    "reversals": Says.REVERSAL_ASKED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """All facts of one change.

    Attributes:
        name: The change's pspReference if that is known, else the idempotency key of Kasir's call.
        attempt: The pspReference of the changed attempt; None if it is not known.
        meanings: Each meaning among the facts, with its largest amount in minor units; 0 if no fact
            with that meaning has an amount in the payment's currency.
    """

    name: str
    attempt: str | None
    meanings: Mapping[Says, int]

    def money(self, *says: Says) -> int:
        """The amount, in minor units, of the first of these meanings with an amount; 0 if none."""
        return next((self.meanings[each] for each in says if self.meanings.get(each)), 0)


def changes(
    facts: Iterable[Fact], attempts: Collection[str], currency: Currency
) -> tuple[Change, ...]:
    """Every change in these facts, sorted by name.

    Args:
        facts: All facts of a payment.
        attempts: The pspReferences of the payment's paid attempts.
        currency: The payment's currency. Amounts in other currencies count as 0.
    """
    # Sorted, because the iteration order of a set differs between processes.
    known = sorted((fact for fact in facts if _is_of_change(fact)), key=lambda fact: fact.key)
    # The pspReference of each change, by the idempotency key of the call.
    psp_references = {
        fact.about: fact.modification
        for fact in known
        if meaning(fact) in _GIVE_NAMES and fact.about and fact.modification
    }
    grouped: dict[str, list[Fact]] = {}
    for fact in known:
        psp_reference = fact.modification or psp_references.get(fact.about)
        name = psp_reference or fact.about or fact.psp_reference
        grouped.setdefault(name, []).append(fact)
    return tuple(
        Change(name, _attempt(group, attempts), _meanings(group, currency))
        for name, group in sorted(grouped.items())
    )


def meaning(fact: Fact) -> Says:
    """The meaning of a fact, as the current version would record it.

    Earlier versions recorded captures, cancels, reversals and the answers to them as *noted*. They
    recorded a reversal of captured money as a refund of the captured amount.
    """
    if fact.source is Source.SHOP and fact.says in {Says.NOTED, Says.REFUND_ASKED}:
        return _ASKED_BEFORE.get(fact.words, fact.says)
    if fact.source is Source.REPLY and fact.says is Says.NOTED:
        return Says.CHANGE_RECEIVED if fact.modification else Says.CHANGE_DECLINED
    return fact.says


def _is_of_change(fact: Fact) -> bool:
    says = meaning(fact)
    # Earlier versions recorded as *noted* that a change ended without effect.
    is_end = says is Says.NOTED and fact.source is Source.NOTIFICATION and fact.modification
    return says in OF_CHANGES or bool(is_end)


def _attempt(facts: Iterable[Fact], attempts: Collection[str]) -> str | None:
    """The pspReference of the paid attempt that a change belongs to; None if it is not known.

    If no fact of the change names an attempt, it is the payment's only paid attempt.
    """
    named = {fact.psp_reference for fact in facts if fact.psp_reference}
    if not named and len(attempts) == 1:
        return next(iter(attempts))
    return min(named.intersection(attempts), default=None)


def _meanings(facts: Iterable[Fact], currency: Currency) -> Mapping[Says, int]:
    """The meanings of the facts of one change, as in `Change.meanings`."""
    meanings: dict[Says, int] = {}
    for fact in facts:
        says, amount = meaning(fact), fact.amount
        minor_units = amount.minor_units if amount and amount.currency == currency else 0
        meanings[says] = max(minor_units, meanings.get(says, 0))
    return meanings
