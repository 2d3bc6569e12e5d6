"""What a subscription does at one look: how it then stands, what is told, written and charged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from kasir.subscriptions.events import OF_MOVE, SILENT, Change, News, SubscriptionEvent
from kasir.subscriptions.renewal import Attempt, Loss, Outcome, Renewal, closed
from kasir.subscriptions.states import Move, State
from kasir.subscriptions.subscription import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What came of going on, or of a wish.

    Attributes:
        subscription: As it stands now, with when there is something to do next.
        news: What the shop is told, in order.
        changes: The moves that were made, in order.
        renewals: Every renewal that was opened, changed or closed, as it now is.
        invitations: Renewals that the shopper is to pay by the link they name.
        charge: The attempt to be made, if any: the last one of the last of `renewals`.
        dealt_with: Losses of which all was done that the plan says.
    """

    subscription: Subscription
    news: tuple[News, ...] = ()
    changes: tuple[Change, ...] = ()
    renewals: tuple[Renewal, ...] = ()
    invitations: tuple[Renewal, ...] = ()
    charge: Attempt | None = None
    dealt_with: tuple[Loss, ...] = ()

    def then(self, later: Turn) -> Turn:
        """This turn and what came after it."""
        return Turn(
            subscription=later.subscription,
            news=self.news + later.news,
            changes=self.changes + later.changes,
            renewals=self.renewals + later.renewals,
            invitations=self.invitations + later.invitations,
            charge=self.charge or later.charge,
            dealt_with=self.dealt_with + later.dealt_with,
        )


def made(subscription: Subscription, move: Move, at: datetime, *, told: Renewal | None) -> Turn:
    """A move, with its news.

    Raises:
        IllegalMove: It cannot be made from where the subscription stands.
    """
    after = subscription.after(move)
    change = Change(at=at, was=subscription.state, now_is=after.state, move=move)
    reason = told.counts.reason if told and told.counts else None
    news = (
        () if move in SILENT else (News(event=OF_MOVE[move], at=at, renewal=told, reason=reason),)
    )
    return Turn(subscription=after, news=news, changes=(change,))


def settled(it: Subscription) -> Turn:
    """The renewal that was paid, dealt with; nothing where none was."""
    renewal = it.renewal
    if renewal is None or renewal.paid is None or it.state is State.INCOMPLETE:
        return Turn(subscription=it)
    done, at = closed(renewal, Outcome.PAID), renewal.paid.at
    news = News(event=SubscriptionEvent.RENEWAL_SUCCEEDED, at=at, renewal=done)
    it = replace(it, dealt=renewal.period, renewal=None, behind_since=None)
    turn = Turn(subscription=it, news=(news,), renewals=(done,))
    if it.state is State.PAST_DUE:
        return turn.then(made(it, Move.RECOVER, at, told=done))
    return turn


def ended(it: Subscription, move: Move, at: datetime) -> Turn:
    """A move after which nothing follows: what is owed is given up, and every plan is over.

    Raises:
        IllegalMove: It cannot be made from where the subscription stands.
    """
    done = closed(it.renewal, Outcome.UNPAID) if it.renewal else None
    turn = made(it, move, at, told=done)
    over = replace(turn.subscription, renewal=None, trial_left=None, due_at=None)
    over = replace(over, cancel_at=None, pause_at=None, resumes_at=None)
    return replace(turn, subscription=over, renewals=(done,) if done else ())
