"""Plans and subscriptions in the shapes that shops read, both over HTTP and in events."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kasir.money import Money
from kasir.shop_events.shapes import AmountOut, Moment
from kasir.subscriptions.events import Event
from kasir.subscriptions.plan import Plan
from kasir.subscriptions.renewal import Loss, Outcome, Renewal
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import Subscription, first_period


class IntervalOut(msgspec.Struct):
    """The length of a period: `count` units, such as 1 `month`."""

    unit: str
    count: int


class PlanOut(msgspec.Struct, rename="camel", omit_defaults=True):
    """A plan. It never changes."""

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
    created_at: Moment
    cycles: int | None = None
    trial_amount: AmountOut | None = None


class PeriodOut(msgspec.Struct):
    """A period; `end` is the start of the next one."""

    start: Moment
    end: Moment


class OverpaymentOut(msgspec.Struct, rename="camel"):
    """A payment for a period that did not need it."""

    payment_id: str
    psp_reference: str


class RenewalOut(msgspec.Struct, rename="camel", omit_defaults=True):
    """The charge of one period.

    Attributes:
        status: The status of its payment; `missed` if the period was missed.
        next_try: When it is retried; None if no retry is planned.
        overpayments: Other payments for the period that were paid as well.
    """

    period: int
    status: str
    reference: str
    amount: AmountOut
    due_at: Moment
    outcome: str
    psp_reference: str = ""
    payment_id: str = ""
    reason: str = ""
    next_try: Moment | None = None
    link_url: str = ""
    overpayments: list[OverpaymentOut] = []


class DunningOut(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A renewal that was refused and is not paid yet.

    Attributes:
        since: Since when a payment is owed.
        period: The period that is not paid.
        attempts: How many payments were tried for it.
        reason: Why the last one was refused.
        next_try: When it is charged again; None if only the shopper can pay it.
        link_url: Where the shopper can pay it.
    """

    since: Moment
    period: int
    attempts: int
    reason: str = ""
    next_try: Moment | None = None
    link_url: str = ""


class TakenBackOut(msgspec.Struct, rename="camel"):
    """A payment of a subscription that was disputed or refunded; `why` says which."""

    why: str
    period: int
    payment_id: str
    psp_reference: str


class SubscriptionOut(msgspec.Struct, rename="camel", omit_defaults=True):
    """A subscription. `signUp` is its first payment, `renewals` are the charges since then."""

    id: str
    reference: str
    status: str
    plan: str
    shopper_reference: str
    amount: AmountOut
    interval: IntervalOut
    time_zone: str
    created_at: Moment
    current_period: PeriodOut | None = None
    cancel_at: Moment | None = None
    pause_at: Moment | None = None
    resumes_at: Moment | None = None
    past_due_since: Moment | None = None
    token: str = ""
    sign_up: RenewalOut | None = None
    #: In every response over HTTP. An event has only the renewal that it is about, in `renewal`.
    renewals: list[RenewalOut] | msgspec.UnsetType = msgspec.UNSET
    renewal: RenewalOut | None = None
    due_at: Moment | None = None
    reason: str = ""
    #: In every response over HTTP, while a renewal is past due.
    dunning: DunningOut | None = None
    #: In an event: the payment that was disputed or refunded, if that is the cause.
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
    subscription: Subscription, renewals: Sequence[Renewal], public_url: str
) -> SubscriptionOut:
    """A subscription in the shape that shops read.

    Args:
        subscription: The subscription.
        renewals: Its renewals, in order; the sign-up is one of them.
        public_url: The base URL of payment links.
    """
    first = first_period(subscription.plan)
    later = [_renewal(one, public_url) for one in renewals if one.period != first]
    sign_ups = (_renewal(one, public_url) for one in renewals if one.period == first)
    return msgspec.structs.replace(
        _bare(subscription),
        sign_up=next(sign_ups, None),
        renewals=later,
        dunning=_dunning(subscription, public_url),
    )


def event_data(subscription: Subscription, event: Event, public_url: str) -> SubscriptionOut:
    """The data of an event: the subscription after the change, and the event's subject."""
    return msgspec.structs.replace(
        _bare(subscription),
        renewal=_renewal(event.renewal, public_url) if event.renewal else None,
        due_at=event.due_at,
        reason=event.reason or "",
        because=_taken_back(event.loss) if event.loss else None,
    )


def _taken_back(loss: Loss) -> TakenBackOut:
    return TakenBackOut(loss.why, loss.period, loss.payment_id, loss.psp_reference)


def _bare(subscription: Subscription) -> SubscriptionOut:
    """The subscription without its renewals, and without the subject of an event."""
    period, interval = subscription.current_period, subscription.plan.interval
    return SubscriptionOut(
        id=subscription.id,
        reference=subscription.reference,
        status=subscription.state,
        plan=subscription.plan.id,
        shopper_reference=subscription.shopper_reference,
        amount=_amount(subscription.amount),
        interval=IntervalOut(interval.unit, interval.count),
        time_zone=subscription.plan.time_zone,
        created_at=subscription.created_at,
        current_period=PeriodOut(period.start, period.end) if period else None,
        cancel_at=subscription.cancel_at,
        pause_at=subscription.pause_at,
        resumes_at=subscription.resumes_at,
        past_due_since=subscription.behind_since,
        token=subscription.token_id,
    )


def _dunning(subscription: Subscription, public_url: str) -> DunningOut | None:
    """The renewal that is past due; None if none is."""
    owed, since = subscription.renewal, subscription.behind_since
    if subscription.state is not State.PAST_DUE or owed is None or since is None:
        return None
    shown = _renewal(owed, public_url)
    return DunningOut(
        since=since,
        period=owed.period,
        attempts=len(owed.attempts),
        reason=shown.reason,
        next_try=shown.next_try,
        link_url=shown.link_url,
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
