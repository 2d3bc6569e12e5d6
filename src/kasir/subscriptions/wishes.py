"""What a shop may wish of a subscription: cancel, pause, resume, another amount, another token.

Pure; each gives the subscription as it then stands, or says why it cannot be. What follows in time
(the charge after a pause, the cancel at the end of a period) is the engine's to do.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from kasir.money import Money
from kasir.subscriptions.engine import Turn, made
from kasir.subscriptions.news import Change
from kasir.subscriptions.renewal import Outcome, Renewal, closed
from kasir.subscriptions.states import OVER, IllegalMove, Move, State, moved
from kasir.subscriptions.subscription import Permission, Subscription


def cancel(it: Subscription, now: datetime, *, at_period_end: bool) -> Turn:
    """End it, now or when the period that was paid for is over.

    A charge that was decided on and never sent is withdrawn. One that may have been sent stays
    what it is, and its end is heard.

    Raises:
        IllegalMove: It is over already.
    """
    moved(it.state, Move.CANCEL)
    period = it.current_period
    if at_period_end and period and now < period.end:
        return _going_on(replace(it, cancel_at=period.end), now)
    done = _given_up(it.renewal)
    turn = made(replace(it, renewal=None, cancel_at=None), Move.CANCEL, now, told=done)
    it = replace(turn.subscription, due_at=None)
    return replace(turn, subscription=it, renewals=(done,) if done else ())


def pause(it: Subscription, now: datetime) -> Turn:
    """Charge nothing until it is resumed. A renewal that stands refused is given up.

    So is one whose charge was never sent: it is withdrawn. A charge that may have been sent stays
    what it is; its end is heard all the same.

    Raises:
        IllegalMove: It is neither active nor past due.
    """
    done = None if _waits(it.renewal) else _given_up(it.renewal)
    if done:
        it = replace(it, renewal=None, dealt=done.period, behind_since=None)
        # What was paid for ended when this fell due: there is no rest of it to resume.
        it = replace(it, anchor=done.due_at, anchor_period=done.period + 1)
    turn = made(it, Move.PAUSE, now, told=done)
    return replace(
        turn, subscription=_woken(turn.subscription, now), renewals=(done,) if done else ()
    )


def resume(it: Subscription, now: datetime) -> Turn:
    """Go on after a pause, or take back the wish to cancel at the end of the period.

    What was paid for before the pause still counts. Where that is over, a new period begins at
    this moment and is charged: its shopper gets all of it.

    Raises:
        IllegalMove: It is not paused, and no cancel is planned.
    """
    if it.state is not State.PAUSED and it.state not in OVER and it.cancel_at is not None:
        return _going_on(replace(it, cancel_at=None), now)
    done = None if _waits(it.renewal) else _given_up(it.renewal)
    if done:
        it = replace(it, renewal=None, dealt=done.period)
    turn = made(replace(it, cancel_at=None), Move.RESUME, now, told=None)
    resumed = turn.subscription
    if resumed.renewal is None and (done or resumed.start_of(resumed.dealt + 1) <= now):
        resumed = replace(resumed, anchor=now, anchor_period=resumed.dealt + 1)
    return replace(turn, subscription=_woken(resumed, now), renewals=(done,) if done else ())


def change_amount(it: Subscription, now: datetime, amount: Money) -> Turn:
    """Let the next period cost another amount; the shop is told of that period anew.

    Raises:
        IllegalMove: It is over.
    """
    _still_on(it)
    change = Change(at=now, was=it.state, now_is=it.state)
    it = replace(it, amount=amount, noticed=min(it.noticed, it.period))
    return Turn(subscription=_woken(it, now), changes=(change,))


def use_token(it: Subscription, now: datetime, token_id: str) -> Turn:
    """Charge another token from now on; a renewal that stands refused is asked for at once.

    Raises:
        IllegalMove: It is over.
    """
    _still_on(it)
    it = replace(it, token_id=token_id, permission=Permission.GIVEN)
    renewal = it.renewal
    if renewal is None or renewal.unresolved or it.state is not State.PAST_DUE:
        return _going_on(it, now)
    asked_again = replace(renewal, next_try=now)
    return Turn(subscription=_woken(replace(it, renewal=asked_again), now), renewals=(asked_again,))


def _still_on(it: Subscription) -> None:
    if it.state in OVER:
        raise IllegalMove(it.state, Move.CANCEL)


def _given_up(renewal: Renewal | None) -> Renewal | None:
    return closed(renewal, Outcome.UNPAID) if renewal else None


def _waits(renewal: Renewal | None) -> bool:
    """Whether its outcome is yet to be heard; of what was never sent there is none."""
    return renewal is not None and renewal.unresolved is not None and renewal.unsent is None


def _going_on(it: Subscription, now: datetime) -> Turn:
    return Turn(subscription=_woken(it, now))


def _woken(it: Subscription, now: datetime) -> Subscription:
    """To be looked at now: what its due moment is, the engine knows."""
    return replace(it, due_at=now)
