"""What a shop may wish of a subscription: cancel, pause, resume, another amount, another token.

Pure; each gives the subscription as it then stands, or says why it cannot be. What follows in time
(the charge after a pause, the cancel at the end of a period) is the engine's to do.

A wish that is planned for later stays until it comes true, or until the same verb withdraws it
(`When.NEVER`); no other wish takes it away. Both are told.

What was paid by now is dealt with first, so that it does not matter who came first: the shop with
its wish, or the worker who was about to see the money.
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
    """When a wish is to come true."""

    #: At once.
    NOW = "now"
    #: When what was paid for is over; at once where that is so already.
    PERIOD_END = "periodEnd"
    #: Not at all: what was planned is withdrawn.
    NEVER = "never"


def cancel(subscription: Subscription, now: datetime, at: When) -> Turn:
    """End it, now or when what was paid for is over; or withdraw the plan to.

    A charge that was decided on and never sent is withdrawn. One that may have been sent stays
    what it is, and its end is heard.

    Raises:
        IllegalMove: It is over already.
    """
    moved(subscription.state, Move.CANCEL)
    if at is When.NEVER:
        withdrawn = replace(subscription, cancel_at=None)
        return _planned(subscription, withdrawn, now, SubscriptionEvent.CANCEL_WITHDRAWN)
    if at is When.PERIOD_END and subscription.is_paid_for(now):
        planned = replace(subscription, cancel_at=subscription.paid_until)
        return _planned(subscription, planned, now, SubscriptionEvent.CANCEL_PLANNED)
    settled_first = settled(subscription)
    return settled_first.then(ended(settled_first.subscription, Move.CANCEL, now))


def pause(
    subscription: Subscription, now: datetime, at: When, resumes_at: datetime | None = None
) -> Turn:
    """Charge nothing until it is resumed, from now or from when what was paid for is over.

    Args:
        subscription: As it stands.
        now: What time it is.
        at: When; `NEVER` withdraws a pause that is planned, with the resume planned for its end.
        resumes_at: When it is resumed by itself; None leaves what is planned as it is.

    Raises:
        IllegalMove: It is neither in a trial, nor active, nor past due.
    """
    moved(subscription.state, Move.PAUSE)
    if at is When.NEVER:
        withdrawn = replace(subscription, pause_at=None, resumes_at=None)
        return _planned(subscription, withdrawn, now, SubscriptionEvent.PAUSE_WITHDRAWN)
    to_resume = replace(subscription, resumes_at=resumes_at or subscription.resumes_at)
    if at is When.PERIOD_END and subscription.is_paid_for(now):
        planned = replace(to_resume, pause_at=subscription.paid_until)
        return _planned(subscription, planned, now, SubscriptionEvent.PAUSE_PLANNED)
    settled_first = settled(to_resume)
    return _woken(settled_first.then(paused(settled_first.subscription, now)), now)


def resume(subscription: Subscription, now: datetime) -> Turn:
    """Go on after a pause, now.

    Raises:
        IllegalMove: It is not paused.
    """
    return _woken(resumed(subscription, now), now)


def resume_later(subscription: Subscription, now: datetime, at: datetime | None) -> Turn:
    """Have a pause end at a moment; None withdraws that plan, and it ends when the shop says so.

    Raises:
        IllegalMove: It is not paused, and no pause is planned.
    """
    if subscription.pause_at is None and subscription.state is not State.PAUSED:
        raise IllegalMove(subscription.state, Move.RESUME)
    kind = SubscriptionEvent.RESUME_PLANNED if at else SubscriptionEvent.RESUME_WITHDRAWN
    return _planned(subscription, replace(subscription, resumes_at=at), now, kind)


def change_amount(subscription: Subscription, now: datetime, amount: Money) -> Turn:
    """Let the next period cost another amount; the shop is told of that period anew.

    Raises:
        IllegalMove: It is over.
    """
    _still_on(subscription)
    change = Change(at=now, was=subscription.state, now_is=subscription.state)
    subscription = replace(
        subscription, amount=amount, noticed=min(subscription.noticed, subscription.period)
    )
    return _woken(Turn(subscription=subscription, changes=(change,)), now)


def use_token(subscription: Subscription, now: datetime, token_id: str) -> Turn:
    """Charge another token from now on; a renewal that stands refused is asked for at once.

    Raises:
        IllegalMove: It is over.
    """
    _still_on(subscription)
    subscription = replace(subscription, token_id=token_id, permission=Permission.GIVEN)
    renewal = subscription.renewal
    if renewal is None or renewal.unresolved or subscription.state is not State.PAST_DUE:
        return _woken(Turn(subscription=subscription), now)
    asked_again = replace(renewal, next_try=now)
    turn = Turn(subscription=replace(subscription, renewal=asked_again), renewals=(asked_again,))
    return _woken(turn, now)


def _still_on(subscription: Subscription) -> None:
    if subscription.state in OVER:
        raise IllegalMove(subscription.state, Move.CANCEL)


def _planned(
    subscription: Subscription, after: Subscription, now: datetime, kind: SubscriptionEvent
) -> Turn:
    """A change of what is planned, told once: wishing the same again changes and tells nothing."""
    events = () if after == subscription else (Event(kind=kind, at=now),)
    return _woken(Turn(subscription=after, events=events), now)


def _woken(turn: Turn, now: datetime) -> Turn:
    """To be looked at now: what its due moment is, the engine knows."""
    return replace(turn, subscription=replace(turn.subscription, due_at=now))
