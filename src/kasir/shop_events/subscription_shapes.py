"""The shapes in which shops see plans and subscriptions: over HTTP and inside events alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from kasir.money import Money
from kasir.shop_events.shapes import AmountOut
from kasir.subscriptions.events import Event
from kasir.subscriptions.plan import Plan
from kasir.subscriptions.renewal import Loss, Outcome, Renewal
from kasir.subscriptions.subscription import Subscription, first_period


class IntervalOut(msgspec.Struct):
    """How long a period lasts."""

    unit: str
    count: int


class PlanOut(msgspec.Struct, rename="camel", omit_defaults=True):
    """A plan, as it was made."""

    id: str
    reference: str
    amount: AmountOut
    interval: IntervalOut
    time_zone: str
    trial_days: int
    when_unpaid: str
    on_dispute: str
    on_full_refund: str
    notice_days: int
    created_at: datetime
    cycles: int | None = None
    trial_amount: AmountOut | None = None


class PeriodOut(msgspec.Struct):
    """From when to when."""

    start: datetime
    end: datetime


class OverpaymentOut(msgspec.Struct, rename="camel"):
    """A payment whose money came for a period that needed none any more."""

    payment_id: str
    psp_reference: str


class RenewalOut(msgspec.Struct, rename="camel", omit_defaults=True):
    """One period's payment. `status` is its payment's, or `missed` where none was made.

    `overpayments` are other payments of the period whose money came all the same.
    """

    period: int
    status: str
    reference: str
    amount: AmountOut
    due_at: datetime
    outcome: str
    psp_reference: str = ""
    payment_id: str = ""
    reason: str = ""
    next_try: datetime | None = None
    link_url: str = ""
    overpayments: list[OverpaymentOut] = []


class TakenBackOut(msgspec.Struct, rename="camel"):
    """A payment of a subscription that was taken back, and how: disputed or refunded."""

    why: str
    period: int
    payment_id: str
    psp_reference: str


class SubscriptionOut(msgspec.Struct, rename="camel", omit_defaults=True):
    """A subscription as it stands.

    `signUp` is the payment that began it, `renewals` those that Kasir charged since.
    """

    id: str
    reference: str
    status: str
    plan: str
    shopper_reference: str
    amount: AmountOut
    interval: IntervalOut
    time_zone: str
    created_at: datetime
    current_period: PeriodOut | None = None
    cancel_at: datetime | None = None
    pause_at: datetime | None = None
    resumes_at: datetime | None = None
    past_due_since: datetime | None = None
    token: str = ""
    sign_up: RenewalOut | None = None
    #: Always there where a subscription is asked for; an event tells of one renewal alone.
    renewals: list[RenewalOut] | msgspec.UnsetType = msgspec.UNSET
    renewal: RenewalOut | None = None
    due_at: datetime | None = None
    reason: str = ""
    #: Of an event: the payment that was taken back, where the plan says to act on it.
    because: TakenBackOut | None = None


def shown_plan(plan: Plan) -> PlanOut:
    """A plan in the shape that shops read."""
    return PlanOut(
        id=plan.id,
        reference=plan.reference,
        amount=_amount(plan.amount),
        interval=IntervalOut(plan.interval.unit, plan.interval.count),
        time_zone=plan.time_zone,
        trial_days=plan.trial_days,
        when_unpaid=plan.when_unpaid,
        on_dispute=plan.on_dispute,
        on_full_refund=plan.on_full_refund,
        notice_days=plan.notice_days,
        created_at=plan.created_at,
        cycles=plan.cycles,
        trial_amount=_amount(plan.trial_amount) if plan.trial_days else None,
    )


def shown_subscription(
    it: Subscription, renewals: Sequence[Renewal], public_url: str
) -> SubscriptionOut:
    """A subscription in the shape that shops read.

    Args:
        it: As it stands.
        renewals: Its renewals, in order; the one that signed up among them.
        public_url: Where shoppers reach Kasir, for the links.
    """
    first = first_period(it.plan)
    listed = [_renewal(one, public_url) for one in renewals if one.period != first]
    signed_up = (_renewal(one, public_url) for one in renewals if one.period == first)
    return msgspec.structs.replace(_bare(it), sign_up=next(signed_up, None), renewals=listed)


def shown_news(it: Subscription, news: Event, public_url: str) -> SubscriptionOut:
    """What an event carries: the subscription as it now stands, and what the event speaks of."""
    return msgspec.structs.replace(
        _bare(it),
        renewal=_renewal(news.renewal, public_url) if news.renewal else None,
        due_at=news.due_at,
        reason=news.reason or "",
        because=_taken_back(news.loss) if news.loss else None,
    )


def _taken_back(loss: Loss) -> TakenBackOut:
    return TakenBackOut(loss.why, loss.period, loss.payment_id, loss.psp_reference)


def _bare(it: Subscription) -> SubscriptionOut:
    period, interval = it.current_period, it.plan.interval
    return SubscriptionOut(
        id=it.id,
        reference=it.reference,
        status=it.state,
        plan=it.plan.id,
        shopper_reference=it.shopper_reference,
        amount=_amount(it.amount),
        interval=IntervalOut(interval.unit, interval.count),
        time_zone=it.plan.time_zone,
        created_at=it.created_at,
        current_period=PeriodOut(period.start, period.end) if period else None,
        cancel_at=it.cancel_at,
        pause_at=it.pause_at,
        resumes_at=it.resumes_at,
        past_due_since=it.behind_since,
        token=it.token_id,
    )


def _renewal(renewal: Renewal, public_url: str) -> RenewalOut:
    counts = renewal.counts
    status: str = counts.status if counts else renewal.outcome
    return RenewalOut(
        period=renewal.period,
        status=renewal.outcome if renewal.outcome is Outcome.MISSED else status,
        reference=renewal.reference,
        amount=_amount(renewal.amount),
        due_at=renewal.due_at,
        outcome=renewal.outcome,
        psp_reference=counts.psp_reference if counts else "",
        payment_id=(counts.payment_id or "") if counts else "",
        reason=(counts.reason or "") if counts else "",
        next_try=renewal.next_try,
        link_url=f"{public_url}/pay/{renewal.link_id}" if renewal.link_id else "",
        overpayments=[
            OverpaymentOut(one.payment_id or "", one.psp_reference)
            for one in renewal.attempts
            if one.is_overpaid
        ],
    )


def _amount(money: Money) -> AmountOut:
    return AmountOut(money.currency, money.minor_units)
