"""Figures by day: how many subscriptions begin, end, fall behind and recover, and their revenue.

The figures are sums over the history of changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from kasir.subscriptions.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How often one kind of change of state happened on a day.

    Attributes:
        day: The day.
        was: The state before.
        now_is: The state after.
        count: How many of these changes happened.
        monthly: By how much these changes raised the monthly revenue, in minor units; may be
            negative.
    """

    day: date
    was: State
    now_is: State
    count: int
    monthly: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The figures of one day: the numbers at the end of the day, and the changes on that day.

    Attributes:
        day: The day.
        active: Active subscriptions.
        trialing: Subscriptions in their trial.
        past_due: Subscriptions whose renewal was refused and is retried.
        paused: Subscriptions that are paused.
        new: Subscriptions that became complete on this day, with or without a trial.
        churned: Complete subscriptions that were cancelled or ended on this day.
        recovered: Subscriptions whose refused renewal was paid on this day.
        monthly: The monthly revenue of active and past due subscriptions, in minor units.
    """

    day: date
    active: int = 0
    trialing: int = 0
    past_due: int = 0
    paused: int = 0
    new: int = 0
    churned: int = 0
    recovered: int = 0
    monthly: Fraction = Fraction()


_OVER = frozenset({State.CANCELLED, State.ENDED})
_BEGUN = frozenset({State.ACTIVE, State.TRIALING})


def by_day(counted: Iterable[Counted], first: date, last: date) -> list[Day]:
    """The figures of every day from the first to the last, both included."""
    changes = sorted(counted, key=lambda one: one.day)
    current = Day(day=first)
    days: list[Day] = []
    position = 0
    while position < len(changes) and changes[position].day < first:
        current = _after(current, changes[position])
        position += 1
    while len(days) <= (last - first).days:
        day = first + timedelta(days=len(days))
        current = replace(current, day=day, new=0, churned=0, recovered=0)
        while position < len(changes) and changes[position].day == day:
            current = _after(current, changes[position])
            position += 1
        days.append(current)
    return days


def _after(day: Day, change: Counted) -> Day:
    """The figures of a day after another change on that day."""
    was, now_is, count = change.was, change.now_is, change.count

    def moved(state: State) -> int:
        """By how much the number of subscriptions in this state changed."""
        return count * ((now_is is state) - (was is state))

    begins = was is State.INCOMPLETE and now_is in _BEGUN
    leaves = was is not State.INCOMPLETE and now_is in _OVER
    recovers = was is State.PAST_DUE and now_is is State.ACTIVE
    return replace(
        day,
        active=day.active + moved(State.ACTIVE),
        trialing=day.trialing + moved(State.TRIALING),
        past_due=day.past_due + moved(State.PAST_DUE),
        paused=day.paused + moved(State.PAUSED),
        new=day.new + count * begins,
        churned=day.churned + count * leaves,
        recovered=day.recovered + count * recovers,
        monthly=day.monthly + change.monthly,
    )
