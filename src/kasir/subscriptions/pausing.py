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


def paused(it: Subscription, at: datetime) -> Turn:
    """Charge nothing until it is resumed. A renewal that stands refused is given up.

    So is one whose charge was never sent: it is withdrawn. A charge that may have been sent stays
    what it is; its end is heard all the same.

    Raises:
        IllegalMove: It is neither in a trial, nor active, nor past due.
    """
    done = _given_up(it)
    it = replace(it, pause_at=None, trial_left=_trial_left(it, at))
    if done:
        it = replace(it, renewal=None, dealt=done.period, behind_since=None)
        # What was paid for ended when this fell due: there is no rest of it to resume.
        it = replace(it, anchor=done.due_at, anchor_period=done.period + 1)
    turn = made(it, Move.PAUSE, at, told=done)
    return replace(turn, renewals=(done,) if done else ())


def resumed(it: Subscription, at: datetime) -> Turn:
    """Go on after a pause.

    What was paid for before the pause still counts. Where that is over, a new period begins at
    this moment and is charged: its shopper gets all of it.

    Raises:
        IllegalMove: It is not paused.
    """
    done = _given_up(it)
    if done:
        it = replace(it, renewal=None, dealt=done.period)
    move = Move.RESUME if it.trial_left is None else Move.RESUME_TRIAL
    turn = made(replace(it, resumes_at=None), move, at, told=None)
    it = turn.subscription
    if it.trial_left is not None:
        it = _trial_goes_on(it, at + it.trial_left)
    elif it.renewal is None and (done or it.start_of(it.dealt + 1) <= at):
        it = replace(it, anchor=at, anchor_period=it.dealt + 1)
    return replace(turn, subscription=it, renewals=(done,) if done else ())


def _given_up(it: Subscription) -> Renewal | None:
    renewal = it.renewal
    return closed(renewal, Outcome.UNPAID) if renewal and not renewal.may_be_paid else None


def _trial_left(it: Subscription, at: datetime) -> timedelta | None:
    in_trial = it.state is State.TRIALING and it.anchor is not None and at < it.anchor
    return it.anchor - at if in_trial and it.anchor else None


def _trial_goes_on(it: Subscription, ends_at: datetime) -> Subscription:
    """A trial that ends at this moment; the shop is told of its first charge anew."""
    cancel_at = ends_at if it.cancel_at else None
    return replace(it, anchor=ends_at, trial_left=None, cancel_at=cancel_at, noticed=it.dealt)
