"""Disputes: each dispute of a payment, its status and its details.

All facts of one dispute have the same pspReference. The order in which facts arrive does not
matter: the latest known stage of a dispute decides its status. If several facts have details, the
latest details by the provider's clock count.
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
    """The status of a dispute."""

    #: The dispute was announced; no money has moved.
    OPEN = "open"
    #: The dispute took the money from the shop.
    CHARGED_BACK = "charged_back"
    #: The shop won the dispute and got the money back.
    REVERSED = "reversed"
    #: The dispute took the money again, finally.
    LOST = "lost"


#: The first of these meanings that is known decides the status.
_PRECEDENCE: Final = (
    (Says.SECOND_CHARGEBACK, DisputeStatus.LOST),
    (Says.CHARGEBACK_REVERSED, DisputeStatus.REVERSED),
    (Says.CHARGED_BACK, DisputeStatus.CHARGED_BACK),
    (Says.DISPUTE_ANNOUNCED, DisputeStatus.OPEN),
)
_OF_DISPUTES: Final = frozenset(says for says, _ in _PRECEDENCE)
#: Statuses in which the shop does not have the money.
TAKEN: Final = frozenset({DisputeStatus.CHARGED_BACK, DisputeStatus.LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One dispute.

    Attributes:
        name: The dispute's pspReference.
        attempt: The pspReference of the disputed attempt; None if that is not known.
        amount: The disputed money; zero if no amount is known.
        status: The status of the dispute.
        opened_at: The time of the dispute's first fact, by the provider's clock.
        is_announced: Whether the dispute was announced, before the money moved or later.
        reason: The provider's text of the reason; empty if unknown.
        reason_code: The payment method's code of the reason; empty if unknown.
        deadline: Until when the shop can defend the dispute; None if unknown.
        provider_status: The provider's name of the status; empty if unknown.
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
        changes: The changes of one payment.
        facts: All facts of the payment.
        nothing: Zero, in the payment's currency.
    """
    known = [fact for fact in facts if fact.dispute or fact.says in _OF_DISPUTES]
    found = [each for change in changes if (each := _dispute(change, known, nothing))]
    return tuple(sorted(found, key=lambda dispute: (dispute.opened_at, dispute.name)))


def _dispute(change: Change, known: Iterable[Fact], nothing: Money) -> Dispute | None:
    """The dispute of a change; None if the change is no dispute."""
    status = next((status for says, status in _PRECEDENCE if says in change.meanings), None)
    of_change = sorted(
        (fact for fact in known if _name(fact) == change.name),
        key=lambda fact: (fact.at, fact.key),
    )
    if status is None or not of_change:
        return None
    minor_units = change.money(*(says for says, _ in _PRECEDENCE))
    return Dispute(
        name=change.name,
        attempt=change.attempt,
        amount=Money(nothing.currency, minor_units),
        status=status,
        opened_at=of_change[0].at,
        is_announced=Says.DISPUTE_ANNOUNCED in change.meanings,
        reason=_last(of_change, lambda details: details.reason) or "",
        reason_code=_last(of_change, lambda details: details.reason_code) or "",
        deadline=_last(of_change, lambda details: details.deadline),
        provider_status=_last(of_change, lambda details: details.status) or "",
    )


def _name(fact: Fact) -> str:
    """The name of the dispute that a fact belongs to, by the same rule as in `changes`."""
    return fact.modification or fact.about or fact.psp_reference


def _last(facts: Iterable[Fact], detail: Callable[[DisputeDetails], T]) -> T | None:
    """The last value of a detail that is not empty; None if there is none.

    Args:
        facts: The facts of one dispute, sorted by the provider's clock.
        detail: Returns the detail.
    """
    values = [detail(fact.dispute) for fact in facts if fact.dispute]
    return next((value for value in reversed(values) if value), None)
