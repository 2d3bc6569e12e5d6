"""Money going back because the shop wants it to: each refund, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kasir.money import Money
from kasir.payments.changes import Change
from kasir.payments.facts import Says


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


#: What wins where several things were said of one refund. An end outranks its beginnings. Where
#: nothing stands beside it there is no refund: it was not taken, or the whole was cancelled.
_PRECEDENCE: Final[tuple[tuple[Says, RefundStatus | None], ...]] = (
    (Says.REFUND_REVERSED, RefundStatus.REVERSED),
    (Says.REFUND_FAILED, RefundStatus.FAILED),
    (Says.REFUND_CONFIRMED, RefundStatus.SUCCEEDED),
    (Says.REFUND_REJECTED, RefundStatus.FAILED),
    (Says.REFUND_DECLINED, None),
    (Says.VOIDED, None),
    (Says.REVERSAL_ASKED, RefundStatus.REQUESTED),
    (Says.REFUND_ASKED, RefundStatus.REQUESTED),
    (Says.REFUND_RECEIVED, RefundStatus.REQUESTED),
)


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund, or a reversal that is not known to be a cancel.

    Attributes:
        name: The provider's where it is known, else our key of the asking.
        amount: What goes back; while that is open, all that may. Nothing where it ended and no
            sum was told.
        status: Where it stands.
        attempt: The attempt it gives back; None where that cannot be told.
        is_reversal: Whether it undoes the whole, whatever that is when its turn comes.
    """

    name: str
    amount: Money
    status: RefundStatus
    attempt: str | None = None
    is_reversal: bool = False


def refunds(
    changes: Iterable[Change], whole_of: Callable[[str | None], Money]
) -> tuple[Refund, ...]:
    """Every refund among these changes, by name.

    Args:
        changes: Those of one payment.
        whole_of: All that could go back of an attempt.
    """
    found = (_refund(change, whole_of(change.attempt)) for change in changes)
    return tuple(refund for refund in found if refund)


def _refund(change: Change, whole: Money) -> Refund | None:
    status = next((status for says, status in _PRECEDENCE if says in change.said), None)
    if status is None:
        return None
    is_reversal = Says.REVERSAL_ASKED in change.said
    # What was confirmed counts before what was asked.
    told = change.money(*(says for says, _ in _PRECEDENCE))
    if status is RefundStatus.REQUESTED and (is_reversal or not told):
        told = whole.minor_units
    amount = Money(whole.currency, min(told, whole.minor_units))
    return Refund(change.name, amount, status, change.attempt, is_reversal)
