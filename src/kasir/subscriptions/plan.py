"""A plan: what is paid, how often, and for how many periods. It never changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final, NewType

from kasir.money import Money

PlanId = NewType("PlanId", str)

#: Where shoppers are, unless a plan says otherwise.
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

#: How many of each unit are in a month, on average over a year of 365 days.
_A_MONTH: Final = {
    Unit.DAY: Fraction(365, _MONTHS_A_YEAR),
    Unit.WEEK: Fraction(365, 7 * _MONTHS_A_YEAR),
    Unit.MONTH: Fraction(1),
    Unit.YEAR: Fraction(1, _MONTHS_A_YEAR),
}


class WhenUnpaid(StrEnum):
    """What a renewal that stays refused leads to."""

    #: It is cancelled.
    CANCEL = "cancel"
    #: It stays past due, and the next period is charged when it begins.
    KEEP = "keep"


class WhenTakenBack(StrEnum):
    """What a dispute or the full refund of a payment leads to."""

    #: Nothing changes.
    CONTINUE = "continue"
    #: It is paused until the shop resumes it.
    PAUSE = "pause"
    #: It is cancelled.
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
        id: Kasir's own name for it.
        reference: The shop's name for it.
        amount: What a period costs, unless the subscription has an amount of its own.
        interval: How long a period lasts.
        time_zone: The time zone that the periods follow (IANA name).
        trial_days: Days before the first period; 0 for none.
        trial_amount: What signing up for a trial costs: no token is made without a payment.
        cycles: How many periods there are; None for no end.
        when_unpaid: What a renewal that stays refused leads to.
        on_dispute: What a dispute of a payment leads to.
        on_full_refund: What the full refund of a payment leads to.
        notice_days: How many days before a charge its event is sent; 0 for none.
        created_at: When it was made.
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
    """What an amount per period is per month, in minor units, unrounded."""
    return amount.minor_units * _A_MONTH[interval.unit] / interval.count
