"""Disputes: the shopper's side asks for its money back, and what became of it.

All that is told of one dispute bears one name. The order in which it is told changes nothing: the
status follows from what a dispute can go through, and of the provider's own words those count that
were said last by its own clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from kasir.money import Money
from kasir.payments.changes import Change
from kasir.payments.facts import DisputeDetails, Fact, Says

T = TypeVar("T")


class DisputeStatus(StrEnum):
    """Where a dispute stands."""

    #: Announced; no money has moved.
    OPEN = "open"
    #: The shopper's side took the money.
    CHARGED_BACK = "charged_back"
    #: It gave it back: the dispute is won.
    REVERSED = "reversed"
    #: It took it again, and for good.
    LOST = "lost"


#: What wins where several things were said of one dispute.
_PRECEDENCE: Final = (
    (Says.SECOND_CHARGEBACK, DisputeStatus.LOST),
    (Says.CHARGEBACK_REVERSED, DisputeStatus.REVERSED),
    (Says.CHARGED_BACK, DisputeStatus.CHARGED_BACK),
    (Says.DISPUTE_ANNOUNCED, DisputeStatus.OPEN),
)
_SAID: Final = frozenset(says for says, _ in _PRECEDENCE)
#: Where the money is with the shopper's side.
TAKEN: Final = frozenset({DisputeStatus.CHARGED_BACK, DisputeStatus.LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One dispute.

    Attributes:
        name: The provider's.
        attempt: The disputed attempt; None where it cannot be told.
        amount: What it is about; nothing where no sum was told.
        status: Where it stands.
        opened_at: When it was first spoken of.
        is_announced: Whether it was announced before the money moved, or since.
        reason: Why, in the provider's words; empty where none were told.
        reason_code: The same as a code of the payment method's.
        deadline: Until when it can be answered.
        provider_status: Where it stands in the provider's word.
    """

    name: str
    attempt: str | None
    amount: Money
    status: DisputeStatus
    opened_at: datetime
    is_announced: bool
    reason: str = ""
    reason_code: str = ""
    deadline: datetime | None = None
    provider_status: str = ""


def disputes(
    changes: Iterable[Change], facts: Iterable[Fact], nothing: Money
) -> tuple[Dispute, ...]:
    """Every dispute among these changes, oldest first.

    Args:
        changes: Those of one payment.
        facts: All that is known of it.
        nothing: No money, in the payment's own currency.
    """
    told = [fact for fact in facts if fact.dispute or fact.says in _SAID]
    found = (_dispute(change, told, nothing) for change in changes)
    return tuple(sorted((one for one in found if one), key=lambda one: (one.opened_at, one.name)))


def _dispute(change: Change, told: Iterable[Fact], nothing: Money) -> Dispute | None:
    status = next((status for says, status in _PRECEDENCE if says in change.said), None)
    own = sorted(
        (fact for fact in told if _name(fact) == change.name),
        key=lambda fact: (fact.at, fact.key),
    )
    if status is None or not own:
        return None
    sum_told = change.money(*(says for says, _ in _PRECEDENCE))
    return Dispute(
        name=change.name,
        attempt=change.attempt,
        amount=Money(nothing.currency, sum_told),
        status=status,
        opened_at=own[0].at,
        is_announced=Says.DISPUTE_ANNOUNCED in change.said,
        reason=_last(own, lambda said: said.reason) or "",
        reason_code=_last(own, lambda said: said.reason_code) or "",
        deadline=_last(own, lambda said: said.deadline),
        provider_status=_last(own, lambda said: said.status) or "",
    )


def _name(fact: Fact) -> str:
    """The dispute that a fact speaks of; where it bears no name of its own, as `changes` has it."""
    return fact.modification or fact.about or fact.psp_reference


def _last(facts: Iterable[Fact], told: Callable[[DisputeDetails], T]) -> T | None:
    """The last that was said of this, by the provider's clock; None where nothing was."""
    said = [told(fact.dispute) for fact in facts if fact.dispute]
    return next((one for one in reversed(said) if one), None)
