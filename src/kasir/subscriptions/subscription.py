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
    """The time that a subscription is paid for, or is being charged for."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription at one moment.

    Attributes:
        id: Kasir's id for it.
        plan: What was agreed.
        reference: The shop's name for it; the references of its payments begin with it.
        shopper_reference: The shop's name for the shopper.
        return_url: Where the shopper returns after a payment.
        amount: What the next period costs.
        created_at: When it was signed up for.
        starts_at: When the first period is to begin; None if as soon as it is paid.
        state: Its state.
        begun_at: When it became complete: its sign-up is paid, and its token exists. None before.
        anchor: When the period `anchor_period` begins; None until it is complete.
        anchor_period: The number of the period that begins at `anchor`: 1, or more after a pause.
        settled_period: The number of the last period that was paid, missed or given up.
        announced_period: The number of the last period that an event announced.
        cancel_at: When it is to be cancelled; None if that is not planned.
        pause_at: When it is to be paused; None if that is not planned.
        resumes_at: When it is to be resumed; None if that is not planned.
        trial_left: The rest of a trial that is paused; None if there is none.
        behind_since: When the first unpaid renewal was due; None unless past due.
        token_id: Kasir's id for the token that is charged; empty until there is one.
        permission: Whether that token can be charged.
        renewal: The renewal that is open; None between periods.
        losses: Payments that were taken back and are not handled yet.
        due_at: When its next turn is due; None if there is none.
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
            ValueError: The subscription is not complete yet, or the period is before the anchor's.
        """
        if self.anchor is None or period < self.anchor_period:
            raise ValueError(f"period {period} of {self.id} has no known beginning")
        number = period - self.anchor_period
        plan = self.plan
        return calendar.start_of(number, self.anchor, plan.interval, plan.time_zone)

    @property
    def period(self) -> int:
        """The number of the current period: the open one, else the last settled one."""
        return self.renewal.period if self.renewal else self.settled_period

    @property
    def current_period(self) -> Period | None:
        """Beginning and end of the current period; None until the subscription is complete."""
        if self.begun_at is None or self.anchor is None:
            return None
        if self.state is State.TRIALING or self.period < self.anchor_period:
            # A trial, or a paid period that ended during a pause.
            return Period(start=min(self.begun_at, self.anchor), end=self.anchor)
        return Period(start=self.start_of(self.period), end=self.start_of(self.period + 1))

    @property
    def paid_until(self) -> datetime | None:
        """When the paid time or the trial ends.

        None if the subscription is not complete, or is past due and has no open renewal.

        An open period counts as paid while its charge may still succeed. If the charge was refused,
        the paid time ended when the period began.
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
        """This subscription with its newest renewal, if that is open.

        If the newest renewal was given up and is paid after all, it counts as open again, so that
        its payment is settled. This does not apply once a later period is settled.
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
        """This subscription, complete since `at`, when its trial or its first period begins.

        If `starts_at` is later, the trial or the first period begins then.
        """
        start = max(at, self.starts_at) if self.starts_at else at
        zone, days = self.plan.time_zone, self.plan.trial_days
        anchor = calendar.start_of(days, start, _A_DAY, zone)
        return replace(self, begun_at=at, anchor=anchor, anchor_period=1)


def first_period(plan: Plan) -> int:
    """The number of the period that the sign-up pays for: 0, a trial, or 1."""
    return 0 if plan.trial_days else 1


def first_amount(plan: Plan) -> Money:
    """The price of the sign-up."""
    return plan.trial_amount if plan.trial_days else plan.amount
