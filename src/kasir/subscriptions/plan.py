"""A plan: what is paid, how often, and for how many periods. A plan never changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final, NewType

from kasir.money import Money

PlanId = NewType("PlanId", str)

#: The time zone of a plan that sets none.
HOME_ZONE: Final = "Asia/Jakarta"
_MONTHS_A_YEAR: Final = 12


class Unit(StrEnum):
    """The unit of a plan's periods."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


#: The longest period, in each unit.
COUNT_MAX: Final = {Unit.DAY: 366, Unit.WEEK: 104, Unit.MONTH: 60, Unit.YEAR: 10}

#: How many of each unit a month has, on average, if a year has 365 days.
_A_MONTH: Final = {
    Unit.DAY: Fraction(365, _MONTHS_A_YEAR),
    Unit.WEEK: Fraction(365, 7 * _MONTHS_A_YEAR),
    Unit.MONTH: Fraction(1),
    Unit.YEAR: Fraction(1, _MONTHS_A_YEAR),
}


class WhenUnpaid(StrEnum):
    """What happens if a renewal is still unpaid after all retries."""

    #: The subscription is cancelled.
    CANCEL = "cancel"
    #: The subscription stays past due, and the next period is charged when it begins.
    KEEP = "keep"


class WhenTakenBack(StrEnum):
    """What happens after a dispute or a full refund of a payment."""

    #: Nothing changes.
    CONTINUE = "continue"
    #: The subscription is paused until the shop resumes it.
    PAUSE = "pause"
    #: The subscription is cancelled.
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Interval:
    """How long a period lasts: `count` units."""

    unit: Unit
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a shop sells by subscription.

    Attributes:
        id: Kasir's id of the plan.
        reference: The shop's id of the plan.
        amount: The price of a period, unless the shop changed the amount of the subscription.
        interval: How long a period lasts.
        time_zone: The time zone that the periods follow (IANA name).
        trial_days: Days of trial before the first period; 0 for no trial.
        trial_amount: The price of the trial; never free, because a token needs a payment.
        cycles: How many periods there are; None for no end.
        when_unpaid: What happens if a renewal is still unpaid after all retries.
        on_dispute: What happens after a dispute of a payment.
        on_full_refund: What happens after a full refund of a payment.
        notice_days: How many days before its beginning a period is announced by an event; 0 for no
            event.
        created_at: When the plan was created.
    """

    id: PlanId
    reference: str
    amount: Money
    interval: Interval
    time_zone: str = HOME_ZONE
    trial_days: int = 0
    trial_amount: Money
    cycles: int | None = None
    when_unpaid: WhenUnpaid = WhenUnpaid.CANCEL
    on_dispute: WhenTakenBack = WhenTakenBack.CONTINUE
    on_full_refund: WhenTakenBack = WhenTakenBack.CONTINUE
    notice_days: int = 3
    created_at: datetime


def monthly(amount: Money, interval: Interval) -> Fraction:
    """Converts an amount per period to an amount per month, in minor units, not rounded."""
    return amount.minor_units * _A_MONTH[interval.unit] / interval.count
