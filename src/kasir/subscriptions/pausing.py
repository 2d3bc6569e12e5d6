"""Begins and ends a pause, by a command or as planned.

A paid period continues during a pause. A trial stops: the rest of the trial follows the pause.
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

    A refused renewal is given up. A renewal whose charge was never sent is given up too, and the
    charge is withdrawn. If a charge may have been sent, Kasir still waits for its outcome.

    Raises:
        IllegalMove: The subscription is not in a trial, active or past due.
    """
    given_up = _given_up(subscription)
    subscription = replace(subscription, pause_at=None, trial_left=_trial_left(subscription, at))
    if given_up:
        subscription = replace(
            subscription, renewal=None, settled_period=given_up.period, behind_since=None
        )
        # The paid time ended when this renewal was due, so no paid time is left.
        subscription = replace(
            subscription, anchor=given_up.due_at, anchor_period=given_up.period + 1
        )
    turn = after_move(subscription, Move.PAUSE, at, renewal=given_up)
    return replace(turn, renewals=(given_up,) if given_up else ())


def resumed(subscription: Subscription, at: datetime) -> Turn:
    """A turn that ends a pause.

    Time that was paid before the pause still counts. If the paid time is over, a full new period
    begins at `at` and is charged.

    Raises:
        IllegalMove: The subscription is not paused.
    """
    given_up = _given_up(subscription)
    if given_up:
        subscription = replace(subscription, renewal=None, settled_period=given_up.period)
    move = Move.RESUME if subscription.trial_left is None else Move.RESUME_TRIAL
    turn = after_move(replace(subscription, resumes_at=None), move, at, renewal=None)
    subscription = turn.subscription
    if subscription.trial_left is not None:
        subscription = _with_trial_until(subscription, at + subscription.trial_left)
    elif subscription.renewal is None and (
        given_up or subscription.start_of(subscription.settled_period + 1) <= at
    ):
        subscription = replace(
            subscription, anchor=at, anchor_period=subscription.settled_period + 1
        )
    return replace(turn, subscription=subscription, renewals=(given_up,) if given_up else ())


def _given_up(subscription: Subscription) -> Renewal | None:
    """The open renewal, closed as unpaid; None if no renewal is open, or if it may be paid."""
    renewal = subscription.renewal
    return closed(renewal, Outcome.UNPAID) if renewal and not renewal.may_be_paid else None


def _trial_left(subscription: Subscription, at: datetime) -> timedelta | None:
    """How much of the trial is left at `at`; None if the subscription is not in a trial."""
    in_trial = (
        subscription.state is State.TRIALING
        and subscription.anchor is not None
        and at < subscription.anchor
    )
    return subscription.anchor - at if in_trial and subscription.anchor else None


def _with_trial_until(subscription: Subscription, ends_at: datetime) -> Subscription:
    """The subscription with a trial until `ends_at`. A planned cancel moves to that time.

    The first charge after the trial is announced again.
    """
    cancel_at = ends_at if subscription.cancel_at else None
    return replace(
        subscription,
        anchor=ends_at,
        trial_left=None,
        cancel_at=cancel_at,
        announced_period=subscription.settled_period,
    )
