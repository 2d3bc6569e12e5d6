"""What was said of each change of a payment: of one capture, refund, cancel, reversal or dispute.

A change has two names: the idempotency key of our asking (`about`), and the pspReference the
provider gives it (`modification`). The answer to our asking joins the two. A change made in the
provider's own back office has only the second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kasir.money import Currency
from kasir.payments.facts import Fact, Says, Source

#: What is said of changes, and of nothing else.
SAID: Final = frozenset(
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

_GIVE_NAMES: Final = frozenset({Says.CHANGE_RECEIVED, Says.REFUND_RECEIVED})

#: What was asked for, by its words, in facts that were written when there was no word for it.
_ASKED_BEFORE: Final[Mapping[str, Says]] = {
    "captures": Says.CAPTURE_ASKED,
    "cancels": Says.CANCEL_ASKED,
    "cancels_by_reference": Says.CANCEL_ASKED,
    "reversals": Says.REVERSAL_ASKED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """All that was said of one change.

    Attributes:
        name: The provider's where it is known, else our key of the asking.
        attempt: The attempt that it changes; None where that cannot be told: it may be any.
        said: What was said, and of how much money; 0 where no sum was told that could be meant.
    """

    name: str
    attempt: str | None
    said: Mapping[Says, int]

    def money(self, *says: Says) -> int:
        """The sum that was told by the first of these that told one; 0 if none did."""
        return next((self.said[one] for one in says if self.said.get(one)), 0)


def changes(
    facts: Iterable[Fact], attempts: Collection[str], currency: Currency
) -> tuple[Change, ...]:
    """Every change these facts speak of, by name.

    Args:
        facts: All that is known of a payment.
        attempts: The attempts at it that were paid.
        currency: The payment's own. A sum in another one, or of nothing, or less, tells nothing.
    """
    # A set has no order of its own, and in another process it has another one.
    known = sorted((fact for fact in facts if _is_of_change(fact)), key=lambda fact: fact.key)
    given = {
        fact.about: fact.modification
        for fact in known
        if meaning(fact) in _GIVE_NAMES and fact.about and fact.modification
    }
    told: dict[str, list[Fact]] = {}
    for fact in known:
        name = fact.modification or given.get(fact.about) or fact.about or fact.psp_reference
        told.setdefault(name, []).append(fact)
    return tuple(
        Change(name, _attempt(about_it, attempts), _said(about_it, currency))
        for name, about_it in sorted(told.items())
    )


def meaning(fact: Fact) -> Says:
    """What a fact says, in the words there are now.

    Captures, cancels and reversals were once written down as *noted*, and so were the answers to
    them; a reversal of captured money was written down as a refund of what was captured then.
    """
    if fact.source is Source.SHOP and fact.says in {Says.NOTED, Says.REFUND_ASKED}:
        return _ASKED_BEFORE.get(fact.words, fact.says)
    if fact.source is Source.REPLY and fact.says is Says.NOTED:
        return Says.CHANGE_RECEIVED if fact.modification else Says.CHANGE_DECLINED
    return fact.says


def _is_of_change(fact: Fact) -> bool:
    says = meaning(fact)
    # What is noted under the name of a change is how an end without effect was once written down.
    is_end = says is Says.NOTED and fact.source is Source.NOTIFICATION and fact.modification
    return says in SAID or bool(is_end)


def _attempt(facts: Iterable[Fact], attempts: Collection[str]) -> str | None:
    named = {fact.psp_reference for fact in facts if fact.psp_reference}
    if not named and len(attempts) == 1:
        return next(iter(attempts))
    return min(named.intersection(attempts), default=None)


def _said(facts: Iterable[Fact], currency: Currency) -> Mapping[Says, int]:
    said: dict[Says, int] = {}
    for fact in facts:
        says, amount = meaning(fact), fact.amount
        told = amount.minor_units if amount and amount.currency == currency else 0
        said[says] = max(told, said.get(says, 0))
    return said
