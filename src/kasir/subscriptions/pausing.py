"""A pause and its end, whether the shop wishes them now or planned them for this moment. Pure.

A pause within a period takes nothing from it: what was paid for runs on. A trial stands still
meanwhile, and what is left of it comes after the pause.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from kasir.subscriptions.renewal import Outcome, Renewal, closed
from kasir.subscriptions.states import Move, State
from kasir.subscriptions.subscription import Subscription
from kasir.subscriptions.turn import Turn, made


def paused(subscription: Subscription, at: datetime) -> Turn:
    """Charge nothing until it is resumed. A renewal that stands refused is given up.

    So is one whose charge was never sent: it is withdrawn. A charge that may have been sent stays
    what it is; its end is heard all the same.

    Raises:
        IllegalMove: It is neither in a trial, nor active, nor past due.
    """
    done = _given_up(subscription)
    subscription = replace(subscription, pause_at=None, trial_left=_trial_left(subscription, at))
    if done:
        subscription = replace(
            subscription, renewal=None, settled_period=done.period, behind_since=None
        )
        # What was paid for ended when this fell due: there is no rest of it to resume.
        subscription = replace(subscription, anchor=done.due_at, anchor_period=done.period + 1)
    turn = made(subscription, Move.PAUSE, at, renewal=done)
    return replace(turn, renewals=(done,) if done else ())


def resumed(subscription: Subscription, at: datetime) -> Turn:
    """Go on after a pause.

    What was paid for before the pause still counts. Where that is over, a new period begins at
    this moment and is charged: its shopper gets all of it.

    Raises:
        IllegalMove: It is not paused.
    """
    done = _given_up(subscription)
    if done:
        subscription = replace(subscription, renewal=None, settled_period=done.period)
    move = Move.RESUME if subscription.trial_left is None else Move.RESUME_TRIAL
    turn = made(replace(subscription, resumes_at=None), move, at, renewal=None)
    subscription = turn.subscription
    if subscription.trial_left is not None:
        subscription = _trial_goes_on(subscription, at + subscription.trial_left)
    elif subscription.renewal is None and (
        done or subscription.start_of(subscription.settled_period + 1) <= at
    ):
        subscription = replace(
            subscription, anchor=at, anchor_period=subscription.settled_period + 1
        )
    return replace(turn, subscription=subscription, renewals=(done,) if done else ())


def _given_up(subscription: Subscription) -> Renewal | None:
    renewal = subscription.renewal
    return closed(renewal, Outcome.UNPAID) if renewal and not renewal.may_be_paid else None


def _trial_left(subscription: Subscription, at: datetime) -> timedelta | None:
    in_trial = (
        subscription.state is State.TRIALING
        and subscription.anchor is not None
        and at < subscription.anchor
    )
    return subscription.anchor - at if in_trial and subscription.anchor else None


def _trial_goes_on(subscription: Subscription, ends_at: datetime) -> Subscription:
    """A trial that ends at this moment; the shop is told of its first charge anew."""
    cancel_at = ends_at if subscription.cancel_at else None
    return replace(
        subscription,
        anchor=ends_at,
        trial_left=None,
        cancel_at=cancel_at,
        noticed=subscription.settled_period,
    )
