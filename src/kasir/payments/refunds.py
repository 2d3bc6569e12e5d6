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
    #: It was declined or rejected, or failed afterwards: the shop keeps the money.
    FAILED = "failed"
    #: It was refunded, and the money returned to the shop.
    REVERSED = "reversed"


#: The first of these that is known decides the status: results come before requests. None means
#: that there is no refund: the provider rejected it, or the whole payment was cancelled.
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
        name: Its pspReference where that is known, else the idempotency key of our call.
        amount: What is refunded; while it is requested, the most that may be. Zero where it ended
            and no amount is known.
        status: Its status.
        attempt: The attempt that it refunds; None where that is not known.
        is_reversal: Whether it reverses the whole, whatever is captured by then.
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
        whole_of: The most that could be refunded of an attempt.
    """
    found = (_refund(change, whole_of(change.attempt)) for change in changes)
    return tuple(refund for refund in found if refund)


def _refund(change: Change, whole: Money) -> Refund | None:
    status = next((status for says, status in _PRECEDENCE if says in change.said), None)
    if status is None:
        return None
    is_reversal = Says.REVERSAL_ASKED in change.said
    # A confirmed amount counts before a requested one.
    minor_units = change.money(*(says for says, _ in _PRECEDENCE))
    if status is RefundStatus.REQUESTED and (is_reversal or not minor_units):
        minor_units = whole.minor_units
    amount = Money(whole.currency, min(minor_units, whole.minor_units))
    return Refund(change.name, amount, status, change.attempt, is_reversal)
