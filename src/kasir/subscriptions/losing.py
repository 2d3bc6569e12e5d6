"""What follows from a dispute or a full refund, as the plan says.

The dispute or the full refund of a payment is handled once, however many notifications come and
whatever the outcome is. If the shop resumes the subscription afterwards, the same dispute or refund
does not stop the subscription again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from kasir.subscriptions.events import Event, SubscriptionEvent
from kasir.subscriptions.pausing import paused
from kasir.subscriptions.plan import WhenTakenBack
from kasir.subscriptions.renewal import Loss, TakenBack
from kasir.subscriptions.states import MOVES, Move, State
from kasir.subscriptions.subscription import Subscription
from kasir.subscriptions.turn import Turn, ended, settled


def next_loss(subscription: Subscription) -> Loss | None:
    """The next loss that can be handled in the subscription's state; None if there is none.

    A loss that leads to a pause waits until the sign-up is complete.
    """
    return next((one for one in subscription.losses if _can_be_handled(subscription, one)), None)


def taken_back(subscription: Subscription, loss: Loss, now: datetime) -> Turn:
    """A turn that handles a disputed or refunded payment, as the plan defines."""
    losses = tuple(one for one in subscription.losses if one != loss)
    without_loss = replace(subscription, losses=losses)
    reaction = _reaction(subscription, loss)
    if reaction is WhenTakenBack.CONTINUE:
        turn = Turn(subscription=without_loss)
    elif reaction is WhenTakenBack.CANCEL:
        # A renewal that is paid by now is settled first, as before any command.
        settled_before = settled(without_loss)
        turn = settled_before.then(
            _because(loss, ended(settled_before.subscription, Move.CANCEL, now))
        )
    elif subscription.state is State.PAUSED:
        turn = _because(loss, _stays_paused(without_loss, now))
    else:
        settled_before = settled(replace(without_loss, resumes_at=None))
        turn = settled_before.then(_because(loss, paused(settled_before.subscription, now)))
    return replace(turn, handled_losses=(loss,))


def _reaction(subscription: Subscription, loss: Loss) -> WhenTakenBack:
    """What the plan defines for this kind of loss."""
    return (
        subscription.plan.on_dispute
        if loss.why is TakenBack.DISPUTED
        else subscription.plan.on_full_refund
    )


def _can_be_handled(subscription: Subscription, loss: Loss) -> bool:
    if _reaction(subscription, loss) is not WhenTakenBack.PAUSE:
        return True
    return subscription.state is State.PAUSED or (subscription.state, Move.PAUSE) in MOVES


def _stays_paused(subscription: Subscription, now: datetime) -> Turn:
    """A turn that only withdraws the planned end of the pause."""
    if subscription.resumes_at is None:
        return Turn(subscription=subscription)
    event = Event(kind=SubscriptionEvent.RESUME_WITHDRAWN, at=now)
    return Turn(subscription=replace(subscription, resumes_at=None), events=(event,))


def _because(loss: Loss, turn: Turn) -> Turn:
    """This turn, with the disputed or refunded payment in its events."""
    return replace(turn, events=tuple(replace(one, loss=loss) for one in turn.events))
