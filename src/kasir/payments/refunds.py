"""Refunds: each refund of a payment, and its status."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kasir.money import Money
from kasir.payments.changes import Change
from kasir.payments.facts import Says


class RefundStatus(StrEnum):
    """The status of a refund."""

    #: Requested; the provider has not reported a result.
    REQUESTED = "requested"
    #: The money is refunded.
    SUCCEEDED = "succeeded"
    #: The refund was rejected, or failed afterwards. The shop keeps the money.
    FAILED = "failed"
    #: The money was refunded, and then returned to the shop.
    REVERSED = "reversed"


#: The first of these meanings that is known decides the status, so a result overrides a request.
#: None means that there is no refund, because the provider declined it or the whole payment was
#: cancelled.
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
        name: The refund's pspReference if that is known, else the idempotency key of Kasir's call.
        amount: The refunded amount; the most that may be refunded if the refund is open; zero if
            the refund has ended and the amount is not known.
        status: The status of the refund.
        attempt: The pspReference of the refunded attempt; None if that is not known.
        is_reversal: Whether the refund is a reversal, which undoes the whole payment.
    """

    name: str
    amount: Money
    status: RefundStatus
    attempt: str | None = None
    is_reversal: bool = False


def refunds(
    changes: Iterable[Change], whole_of: Callable[[str | None], Money]
) -> tuple[Refund, ...]:
    """Every refund among these changes, in the order of the changes.

    Args:
        changes: The changes of one payment.
        whole_of: Returns the most that could be refunded of an attempt (its pspReference, or None
            if that is not known).
    """
    found = (_refund(change, whole_of(change.attempt)) for change in changes)
    return tuple(refund for refund in found if refund)


def _refund(change: Change, whole: Money) -> Refund | None:
    """The refund of a change; None if the change is no refund. `whole` limits its amount."""
    status = next((status for says, status in _PRECEDENCE if says in change.meanings), None)
    if status is None:
        return None
    is_reversal = Says.REVERSAL_ASKED in change.meanings
    # A confirmed amount counts before a requested amount, by the order of the meanings.
    minor_units = change.money(*(says for says, _ in _PRECEDENCE))
    if status is RefundStatus.REQUESTED and (is_reversal or not minor_units):
        minor_units = whole.minor_units
    amount = Money(whole.currency, min(minor_units, whole.minor_units))
    return Refund(change.name, amount, status, change.attempt, is_reversal)
