"""Begins and ends a pause, either by a command now or as planned before.

A paid period runs on during a pause. A trial does not: what is left of it follows the pause.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from kasir.subscriptions.renewal import Outcome, Renewal, closed
from kasir.subscriptions.states import Move, State
from kasir.subscriptions.subscription import Subscription
from kasir.subscriptions.turn import Turn, after_move


def paused(subscription: Subscription, at: datetime) -> Turn:
    """A turn that pauses a subscription.

    A refused renewal is given up. So is a renewal whose charge was never sent; the charge is
    withdrawn. The outcome of a charge that may have been sent is still found out.

    Raises:
        IllegalMove: The subscription is not in a trial, active or past due.
    """
    done = _given_up(subscription)
    subscription = replace(subscription, pause_at=None, trial_left=_trial_left(subscription, at))
    if done:
        subscription = replace(
            subscription, renewal=None, settled_period=done.period, behind_since=None
        )
        # The paid time ended when this renewal was due, so none of it is left.
        subscription = replace(subscription, anchor=done.due_at, anchor_period=done.period + 1)
    turn = after_move(subscription, Move.PAUSE, at, renewal=done)
    return replace(turn, renewals=(done,) if done else ())


def resumed(subscription: Subscription, at: datetime) -> Turn:
    """A turn that ends a pause.

    Time that was paid for before the pause still counts. If it is over, a full new period begins at
    `at` and is charged.

    Raises:
        IllegalMove: The subscription is not paused.
    """
    done = _given_up(subscription)
    if done:
        subscription = replace(subscription, renewal=None, settled_period=done.period)
    move = Move.RESUME if subscription.trial_left is None else Move.RESUME_TRIAL
    turn = after_move(replace(subscription, resumes_at=None), move, at, renewal=None)
    subscription = turn.subscription
    if subscription.trial_left is not None:
        subscription = _with_trial_until(subscription, at + subscription.trial_left)
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


def _with_trial_until(subscription: Subscription, ends_at: datetime) -> Subscription:
    """The subscription with a trial until `ends_at`; its first charge is announced again."""
    cancel_at = ends_at if subscription.cancel_at else None
    return replace(
        subscription,
        anchor=ends_at,
        trial_left=None,
        cancel_at=cancel_at,
        noticed=subscription.settled_period,
    )
