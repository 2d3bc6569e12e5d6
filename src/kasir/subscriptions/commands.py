"""Commands of a shop: cancel, pause, resume, change the amount, use another token.

Each function returns a turn, or raises an error if the command is not allowed. The engine does
later steps, such as the charge after a pause or the cancel at the end of a period.

A planned cancel or pause stays planned until it is done, or until the same command withdraws it
with `When.NEVER`. No other command withdraws it. Planning and withdrawing both send an event.

Before a cancel or pause takes effect, an open renewal that is paid is settled. So the result does
not depend on whether the command or the worker that settles the renewal came first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from kasir.money import Money
from kasir.subscriptions.events import Change, Event, SubscriptionEvent
from kasir.subscriptions.pausing import paused, resumed
from kasir.subscriptions.states import OVER, IllegalMove, Move, State, moved
from kasir.subscriptions.subscription import Permission, Subscription
from kasir.subscriptions.turn import Turn, ended, settled


class When(StrEnum):
    """When a command takes effect."""

    #: At once.
    NOW = "now"
    #: At the end of the paid time; at once if the paid time is over.
    PERIOD_END = "periodEnd"
    #: Never: the command withdraws a planned cancel or pause.
    NEVER = "never"


def cancel(subscription: Subscription, now: datetime, at: When) -> Turn:
    """Cancel a subscription now or at the end of the paid time, or withdraw a planned cancel.

    A charge that was never sent is withdrawn. If a charge may have been sent, Kasir still waits for
    its outcome.

    Raises:
        IllegalMove: The subscription is over already.
    """
    moved(subscription.state, Move.CANCEL)
    if at is When.NEVER:
        withdrawn = replace(subscription, cancel_at=None)
        return _planned(subscription, withdrawn, now, SubscriptionEvent.CANCEL_WITHDRAWN)
    if at is When.PERIOD_END and subscription.is_paid_for(now):
        planned = replace(subscription, cancel_at=subscription.paid_until)
        return _planned(subscription, planned, now, SubscriptionEvent.CANCEL_PLANNED)
    settled_before = settled(subscription)
    return settled_before.then(ended(settled_before.subscription, Move.CANCEL, now))


def pause(
    subscription: Subscription, now: datetime, at: When, resumes_at: datetime | None = None
) -> Turn:
    """Pause a subscription now or at the end of the paid time, or withdraw a planned pause.

    Args:
        subscription: The subscription, read under its lock.
        now: The current time.
        at: When the pause begins; `NEVER` withdraws a planned pause and its planned end.
        resumes_at: When the subscription is to be resumed; None keeps the planned time, if any.

    Raises:
        IllegalMove: The subscription is not in a trial, active or past due.
    """
    moved(subscription.state, Move.PAUSE)
    if at is When.NEVER:
        withdrawn = replace(subscription, pause_at=None, resumes_at=None)
        return _planned(subscription, withdrawn, now, SubscriptionEvent.PAUSE_WITHDRAWN)
    to_resume = replace(subscription, resumes_at=resumes_at or subscription.resumes_at)
    if at is When.PERIOD_END and subscription.is_paid_for(now):
        planned = replace(to_resume, pause_at=subscription.paid_until)
        return _planned(subscription, planned, now, SubscriptionEvent.PAUSE_PLANNED)
    settled_before = settled(to_resume)
    return _due_now(settled_before.then(paused(settled_before.subscription, now)), now)


def resume(subscription: Subscription, now: datetime) -> Turn:
    """End a pause now.

    Raises:
        IllegalMove: The subscription is not paused.
    """
    return _due_now(resumed(subscription, now), now)


def resume_later(subscription: Subscription, now: datetime, at: datetime | None) -> Turn:
    """Plan the end of a pause at `at`; None withdraws the planned end.

    A pause without a planned end lasts until the shop resumes the subscription.

    Raises:
        IllegalMove: The subscription is not paused, and no pause is planned.
    """
    if subscription.pause_at is None and subscription.state is not State.PAUSED:
        raise IllegalMove(subscription.state, Move.RESUME)
    kind = SubscriptionEvent.RESUME_PLANNED if at else SubscriptionEvent.RESUME_WITHDRAWN
    return _planned(subscription, replace(subscription, resumes_at=at), now, kind)


def change_amount(subscription: Subscription, now: datetime, amount: Money) -> Turn:
    """Change the amount from the next period on. The next period is announced again.

    Raises:
        IllegalMove: The subscription is over.
    """
    _refuse_if_over(subscription)
    change = Change(at=now, was=subscription.state, now_is=subscription.state)
    subscription = replace(
        subscription,
        amount=amount,
        announced_period=min(subscription.announced_period, subscription.period),
    )
    return _due_now(Turn(subscription=subscription, changes=(change,)), now)


def use_token(subscription: Subscription, now: datetime, token_id: str) -> Turn:
    """Charge another token from now on; a refused renewal is retried at once.

    Raises:
        IllegalMove: The subscription is over.
    """
    _refuse_if_over(subscription)
    subscription = replace(subscription, token_id=token_id, permission=Permission.GIVEN)
    renewal = subscription.renewal
    if renewal is None or renewal.unresolved or subscription.state is not State.PAST_DUE:
        return _due_now(Turn(subscription=subscription), now)
    retried = replace(renewal, next_try=now)
    turn = Turn(subscription=replace(subscription, renewal=retried), renewals=(retried,))
    return _due_now(turn, now)


def _refuse_if_over(subscription: Subscription) -> None:
    if subscription.state in OVER:
        raise IllegalMove(subscription.state, Move.CANCEL)


def _planned(
    subscription: Subscription, after: Subscription, now: datetime, kind: SubscriptionEvent
) -> Turn:
    """A turn to `after`, with an event of this kind if anything changed."""
    events = () if after == subscription else (Event(kind=kind, at=now),)
    return _due_now(Turn(subscription=after, events=events), now)


def _due_now(turn: Turn, now: datetime) -> Turn:
    """This turn, with the subscription due now; the next turn sets a later due time."""
    return replace(turn, subscription=replace(turn.subscription, due_at=now))
