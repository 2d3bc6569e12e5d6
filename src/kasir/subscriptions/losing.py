"""What a plan says of money that did not stay: a dispute or a full refund. Pure.

Each is acted on once, however often it is told and whatever becomes of it. The shop can then go on
with the subscription, and is not stopped again for the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from kasir.subscriptions.events import News, SubscriptionEvent
from kasir.subscriptions.pausing import paused
from kasir.subscriptions.plan import WhenTakenBack
from kasir.subscriptions.renewal import Loss, TakenBack
from kasir.subscriptions.states import MOVES, Move, State
from kasir.subscriptions.subscription import Subscription
from kasir.subscriptions.turn import Turn, ended, settled


def next_loss(it: Subscription) -> Loss | None:
    """The next loss that something can be done about from where the subscription stands.

    A loss that leads to a pause waits until the sign-up is complete.
    """
    return next((one for one in it.losses if _can_be_dealt_with(it, one)), None)


def taken_back(it: Subscription, loss: Loss, now: datetime) -> Turn:
    """Do as the plan says of a payment that was taken back, and tell the shop why."""
    rest = replace(it, losses=tuple(one for one in it.losses if one != loss))
    wanted = _wanted(it, loss)
    if wanted is WhenTakenBack.CONTINUE:
        turn = Turn(subscription=rest)
    elif wanted is WhenTakenBack.CANCEL:
        # What was paid by now is dealt with first, as before any wish.
        heard = settled(rest)
        turn = heard.then(_because(loss, ended(heard.subscription, Move.CANCEL, now)))
    elif it.state is State.PAUSED:
        turn = _because(loss, _stays_paused(rest, now))
    else:
        heard = settled(replace(rest, resumes_at=None))
        turn = heard.then(_because(loss, paused(heard.subscription, now)))
    return replace(turn, dealt_with=(loss,))


def _wanted(it: Subscription, loss: Loss) -> WhenTakenBack:
    return it.plan.on_dispute if loss.why is TakenBack.DISPUTED else it.plan.on_full_refund


def _can_be_dealt_with(it: Subscription, loss: Loss) -> bool:
    if _wanted(it, loss) is not WhenTakenBack.PAUSE:
        return True
    return it.state is State.PAUSED or (it.state, Move.PAUSE) in MOVES


def _stays_paused(it: Subscription, now: datetime) -> Turn:
    """It is paused already: what was planned for the end of that pause is withdrawn."""
    if it.resumes_at is None:
        return Turn(subscription=it)
    news = News(event=SubscriptionEvent.RESUME_WITHDRAWN, at=now)
    return Turn(subscription=replace(it, resumes_at=None), news=(news,))


def _because(loss: Loss, turn: Turn) -> Turn:
    """The same, told with the payment that it was done for."""
    return replace(turn, news=tuple(replace(one, loss=loss) for one in turn.news))
