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
from kasir.subscriptions.events import Change, News, SubscriptionEvent
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


def cancel(it: Subscription, now: datetime, at: When) -> Turn:
    """End it, now or when what was paid for is over; or withdraw the plan to.

    A charge that was decided on and never sent is withdrawn. One that may have been sent stays
    what it is, and its end is heard.

    Raises:
        IllegalMove: It is over already.
    """
    moved(it.state, Move.CANCEL)
    if at is When.NEVER:
        withdrawn = replace(it, cancel_at=None)
        return _planned(it, withdrawn, now, SubscriptionEvent.CANCEL_WITHDRAWN)
    if at is When.PERIOD_END and it.is_paid_for(now):
        planned = replace(it, cancel_at=it.paid_until)
        return _planned(it, planned, now, SubscriptionEvent.CANCEL_PLANNED)
    heard = settled(it)
    return heard.then(ended(heard.subscription, Move.CANCEL, now))


def pause(it: Subscription, now: datetime, at: When, resumes_at: datetime | None = None) -> Turn:
    """Charge nothing until it is resumed, from now or from when what was paid for is over.

    Args:
        it: The subscription.
        now: What time it is.
        at: When; `NEVER` withdraws a pause that is planned, with the resume planned for its end.
        resumes_at: When it is resumed by itself; None leaves what is planned as it is.

    Raises:
        IllegalMove: It is neither in a trial, nor active, nor past due.
    """
    moved(it.state, Move.PAUSE)
    if at is When.NEVER:
        withdrawn = replace(it, pause_at=None, resumes_at=None)
        return _planned(it, withdrawn, now, SubscriptionEvent.PAUSE_WITHDRAWN)
    to_resume = replace(it, resumes_at=resumes_at or it.resumes_at)
    if at is When.PERIOD_END and it.is_paid_for(now):
        planned = replace(to_resume, pause_at=it.paid_until)
        return _planned(it, planned, now, SubscriptionEvent.PAUSE_PLANNED)
    heard = settled(to_resume)
    return _woken(heard.then(paused(heard.subscription, now)), now)


def resume(it: Subscription, now: datetime) -> Turn:
    """Go on after a pause, now.

    Raises:
        IllegalMove: It is not paused.
    """
    return _woken(resumed(it, now), now)


def resume_later(it: Subscription, now: datetime, at: datetime | None) -> Turn:
    """Have a pause end at a moment; None withdraws that plan, and it ends when the shop says so.

    Raises:
        IllegalMove: It is not paused, and no pause is planned.
    """
    if it.pause_at is None and it.state is not State.PAUSED:
        raise IllegalMove(it.state, Move.RESUME)
    told = SubscriptionEvent.RESUME_PLANNED if at else SubscriptionEvent.RESUME_WITHDRAWN
    return _planned(it, replace(it, resumes_at=at), now, told)


def change_amount(it: Subscription, now: datetime, amount: Money) -> Turn:
    """Let the next period cost another amount; the shop is told of that period anew.

    Raises:
        IllegalMove: It is over.
    """
    _still_on(it)
    change = Change(at=now, was=it.state, now_is=it.state)
    it = replace(it, amount=amount, noticed=min(it.noticed, it.period))
    return _woken(Turn(subscription=it, changes=(change,)), now)


def use_token(it: Subscription, now: datetime, token_id: str) -> Turn:
    """Charge another token from now on; a renewal that stands refused is asked for at once.

    Raises:
        IllegalMove: It is over.
    """
    _still_on(it)
    it = replace(it, token_id=token_id, permission=Permission.GIVEN)
    renewal = it.renewal
    if renewal is None or renewal.unresolved or it.state is not State.PAST_DUE:
        return _woken(Turn(subscription=it), now)
    asked_again = replace(renewal, next_try=now)
    turn = Turn(subscription=replace(it, renewal=asked_again), renewals=(asked_again,))
    return _woken(turn, now)


def _still_on(it: Subscription) -> None:
    if it.state in OVER:
        raise IllegalMove(it.state, Move.CANCEL)


def _planned(
    it: Subscription, after: Subscription, now: datetime, event: SubscriptionEvent
) -> Turn:
    """A change of what is planned, told once: wishing the same again changes and tells nothing."""
    news = () if after == it else (News(event=event, at=now),)
    return _woken(Turn(subscription=after, news=news), now)


def _woken(turn: Turn, now: datetime) -> Turn:
    """To be looked at now: what its due moment is, the engine knows."""
    return replace(turn, subscription=replace(turn.subscription, due_at=now))
