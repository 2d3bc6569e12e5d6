"""A plan: what is paid, how often, from when, and until when. It never changes once it is made."""

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
    """What a plan counts its periods in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


#: The most of each unit that one period may last.
COUNT_MAX: Final = {Unit.DAY: 366, Unit.WEEK: 104, Unit.MONTH: 60, Unit.YEAR: 10}

#: How many of each unit a month has, on the average of years of 365 days.
_A_MONTH: Final = {
    Unit.DAY: Fraction(365, _MONTHS_A_YEAR),
    Unit.WEEK: Fraction(365, 7 * _MONTHS_A_YEAR),
    Unit.MONTH: Fraction(1),
    Unit.YEAR: Fraction(1, _MONTHS_A_YEAR),
}


class WhenUnpaid(StrEnum):
    """What becomes of a subscription whose renewal was refused to the end."""

    #: It is cancelled.
    CANCEL = "cancel"
    #: It stays past due, and the next period is tried when it begins.
    KEEP = "keep"


class WhenTakenBack(StrEnum):
    """What becomes of a subscription when a payment of it is disputed, or given back in full."""

    #: It goes on as before.
    CONTINUE = "continue"
    #: It is paused, until the shop says otherwise.
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
        reference: The shop's.
        amount: What a period costs, unless a subscription says otherwise.
        interval: How long a period lasts.
        time_zone: Whose wall clock the periods keep (IANA name).
        trial_days: Days before the first period; 0 for none.
        trial_amount: What signing up for a trial takes: no token is made without a payment.
        cycles: How many periods there are; None for no end.
        when_unpaid: What a renewal that stays refused leads to.
        on_dispute: What a dispute of one of its payments leads to.
        on_full_refund: What the full refund of one leads to.
        notice_days: How many days before a charge the shop is told of it; 0 for not at all.
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
    """What an amount per period comes to in a month, in minor units, unrounded."""
    return amount.minor_units * _A_MONTH[interval.unit] / interval.count
