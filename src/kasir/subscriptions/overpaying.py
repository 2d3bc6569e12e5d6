"""Which payments of a subscription are overpaid: payments whose period was already paid or given
up.

Kasir does not refund overpaid payments, because the shop decides which of two payments to refund.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kasir.subscriptions.renewal import Outcome
from kasir.subscriptions.states import ALIVE, State


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidAttempt:
    """An attempt whose payment is authorised, with the values that decide whether it is overpaid.

    Attributes:
        period: The number of the period.
        number: The number of the attempt among the attempts of the period.
        outcome: The stored outcome of the period's renewal.
        is_settled: Whether a turn has written that this attempt paid the period.
        is_overpaid: Whether an earlier turn marked this attempt as overpaid.
    """

    period: int
    number: int
    outcome: Outcome
    is_settled: bool = False
    is_overpaid: bool = False


def overpaid(
    paid: Sequence[PaidAttempt], settled_period: int, state: State
) -> tuple[PaidAttempt, ...]:
    """The attempts that are overpaid and are not marked as overpaid yet.

    An attempt is overpaid if another attempt pays its period: the attempt with which a turn settled
    the period, or an earlier attempt. An attempt is also overpaid if its period was given up, and
    either a later period is settled, or the subscription is paused or over.

    Args:
        paid: Every paid attempt of one subscription, read under its lock.
        settled_period: The last period of the subscription that was paid, missed or given up.
        state: The state of the subscription.
    """
    return tuple(
        one
        for one in paid
        if not (one.is_settled or one.is_overpaid)
        and (_is_paid_by_another(one, paid) or _is_given_up(one, settled_period, state))
    )


def _is_paid_by_another(attempt: PaidAttempt, paid: Sequence[PaidAttempt]) -> bool:
    return any(
        other.period == attempt.period
        and not other.is_overpaid
        and (other.is_settled or other.number < attempt.number)
        for other in paid
        if other.number != attempt.number
    )


def _is_given_up(attempt: PaidAttempt, settled_period: int, state: State) -> bool:
    is_past = attempt.period < settled_period or state not in ALIVE
    return attempt.outcome is Outcome.UNPAID and is_past
