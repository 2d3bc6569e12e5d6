"""A subscription: what was agreed, its state, and the period it is in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from kasir.money import Money
from kasir.subscriptions import calendar
from kasir.subscriptions.plan import Interval, Plan, Unit
from kasir.subscriptions.renewal import Loss, Outcome, Renewal
from kasir.subscriptions.states import ALIVE, Move, State, moved

SubscriptionId = NewType("SubscriptionId", str)

_A_DAY = Interval(Unit.DAY, 1)


class Permission(StrEnum):
    """Whether the shopper's token can be charged."""

    #: There is no token yet.
    MISSING = "missing"
    #: The token can be charged.
    GIVEN = "given"
    #: The token can no longer be charged.
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One period of a subscription: from `start` up to `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription at one moment.

    Attributes:
        id: Kasir's id of the subscription.
        plan: The agreed plan.
        reference: The shop's id of the subscription; the references of its payments begin with it.
        shopper_reference: The shop's id of the shopper.
        return_url: Where the shopper returns after a payment.
        amount: The price of the next period.
        created_at: When the shopper signed up.
        starts_at: When the first period is to begin; None if it begins when the sign-up is paid.
        state: The state.
        begun_at: When the sign-up was paid; None while the subscription is incomplete.
        anchor: When the period `anchor_period` begins; None while the subscription is incomplete.
        anchor_period: The number of the period that begins at `anchor`: 1, or more after a pause.
        settled_period: The number of the last period that was paid, missed or given up.
        announced_period: The number of the last period that an event announced.
        cancel_at: When a planned cancel takes effect; None if none is planned.
        pause_at: When a planned pause begins; None if none is planned.
        resumes_at: When a pause ends as planned; None if no end is planned.
        trial_left: The rest of a paused trial; None if no trial is paused.
        behind_since: When the first renewal that is unpaid was due; None if no renewal is behind.
        token_id: Kasir's id of the token that is charged; empty until there is a token.
        permission: Whether that token can be charged.
        renewal: The open renewal; None between periods.
        losses: Disputes and full refunds that are not handled yet.
        due_at: When the next turn is due; None if none is.
    """

    id: SubscriptionId
    plan: Plan
    reference: str
    shopper_reference: str
    return_url: str
    amount: Money
    created_at: datetime
    starts_at: datetime | None = None
    state: State = State.INCOMPLETE
    begun_at: datetime | None = None
    anchor: datetime | None = None
    anchor_period: int = 1
    settled_period: int = 0
    announced_period: int = 0
    cancel_at: datetime | None = None
    pause_at: datetime | None = None
    resumes_at: datetime | None = None
    trial_left: timedelta | None = None
    behind_since: datetime | None = None
    token_id: str = ""
    permission: Permission = Permission.MISSING
    renewal: Renewal | None = None
    losses: tuple[Loss, ...] = ()
    due_at: datetime | None = None

    def start_of(self, period: int) -> datetime:
        """When a period begins.

        Raises:
            ValueError: The subscription is incomplete, or the period is before `anchor_period`.
        """
        if self.anchor is None or period < self.anchor_period:
            raise ValueError(f"period {period} of {self.id} has no known beginning")
        number = period - self.anchor_period
        plan = self.plan
        return calendar.start_of(number, self.anchor, plan.interval, plan.time_zone)

    @property
    def period(self) -> int:
        """The number of the current period: of the open renewal, else the last settled period."""
        return self.renewal.period if self.renewal else self.settled_period

    @property
    def current_period(self) -> Period | None:
        """Beginning and end of the current period; None while the subscription is incomplete."""
        if self.begun_at is None or self.anchor is None:
            return None
        if self.state is State.TRIALING or self.period < self.anchor_period:
            # A trial, or a paid period that ended during a pause.
            return Period(start=min(self.begun_at, self.anchor), end=self.anchor)
        return Period(start=self.start_of(self.period), end=self.start_of(self.period + 1))

    @property
    def paid_until(self) -> datetime | None:
        """When the paid time or the trial ends.

        None if the subscription is incomplete, or is past due and has no open renewal.

        An open period counts as paid while its charge may still succeed. If the charge was refused,
        the paid time ended when that period began.
        """
        if self.begun_at is None:
            return None
        if renewal := self.renewal:
            return self.start_of(renewal.period + 1) if renewal.may_be_paid else renewal.due_at
        return None if self.state is State.PAST_DUE else self.start_of(self.settled_period + 1)

    def is_paid_for(self, now: datetime) -> bool:
        """Whether paid time or a trial is left; a paused trial does not run out."""
        until = self.paid_until
        return self.trial_left is not None or (until is not None and now < until)

    def with_newest(self, renewal: Renewal) -> Subscription:
        """This subscription with its newest renewal if that is open; otherwise unchanged.

        If the newest renewal was given up and is paid after all, it is opened again, so that its
        payment is settled. This applies only while the subscription is in a trial, active or past
        due, and no later period is settled.
        """
        if renewal.outcome is Outcome.OPEN:
            return replace(self, renewal=renewal)
        is_given_up = renewal.outcome is Outcome.UNPAID and renewal.period == self.settled_period
        if is_given_up and renewal.paid and self.state in ALIVE:
            reopened = replace(renewal, outcome=Outcome.OPEN)
            return replace(self, renewal=reopened, settled_period=self.settled_period - 1)
        return self

    @property
    def all_periods_settled(self) -> bool:
        """Whether the last period of the plan is settled."""
        return self.plan.cycles is not None and self.settled_period >= self.plan.cycles

    def after(self, move: Move) -> Subscription:
        """This subscription after a move.

        Raises:
            IllegalMove: The move cannot be made from its state.
        """
        return replace(self, state=moved(self.state, move))

    def begun(self, at: datetime) -> Subscription:
        """This subscription, complete since `at`. Its trial or its first period begins at `at`.

        If `starts_at` is later, the trial or the first period begins at `starts_at`.
        """
        start = max(at, self.starts_at) if self.starts_at else at
        zone, days = self.plan.time_zone, self.plan.trial_days
        anchor = calendar.start_of(days, start, _A_DAY, zone)
        return replace(self, begun_at=at, anchor=anchor, anchor_period=1)


def first_period(plan: Plan) -> int:
    """The number of the period that the sign-up pays: 0 (a trial) or 1."""
    return 0 if plan.trial_days else 1


def first_amount(plan: Plan) -> Money:
    """The price of the sign-up."""
    return plan.trial_amount if plan.trial_days else plan.amount
