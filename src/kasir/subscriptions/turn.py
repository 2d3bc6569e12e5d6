"""What a subscription does at one look: how it then stands, what is told, written and charged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from kasir.subscriptions.events import OF_MOVE, SILENT, Change, Event, SubscriptionEvent
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
    events: tuple[Event, ...] = ()
    changes: tuple[Change, ...] = ()
    renewals: tuple[Renewal, ...] = ()
    invitations: tuple[Renewal, ...] = ()
    charge: Attempt | None = None
    handled_losses: tuple[Loss, ...] = ()

    def then(self, later: Turn) -> Turn:
        """This turn and what came after it."""
        return Turn(
            subscription=later.subscription,
            events=self.events + later.events,
            changes=self.changes + later.changes,
            renewals=self.renewals + later.renewals,
            invitations=self.invitations + later.invitations,
            charge=self.charge or later.charge,
            handled_losses=self.handled_losses + later.handled_losses,
        )


def made(subscription: Subscription, move: Move, at: datetime, *, renewal: Renewal | None) -> Turn:
    """A move, with its news.

    Raises:
        IllegalMove: It cannot be made from where the subscription stands.
    """
    after = subscription.after(move)
    change = Change(at=at, was=subscription.state, now_is=after.state, move=move)
    reason = renewal.counts.reason if renewal and renewal.counts else None
    events = (
        ()
        if move in SILENT
        else (Event(kind=OF_MOVE[move], at=at, renewal=renewal, reason=reason),)
    )
    return Turn(subscription=after, events=events, changes=(change,))


def settled(subscription: Subscription) -> Turn:
    """The renewal that was paid, dealt with; nothing where none was."""
    renewal = subscription.renewal
    if renewal is None or renewal.paid is None or subscription.state is State.INCOMPLETE:
        return Turn(subscription=subscription)
    done, at = closed(renewal, Outcome.PAID), renewal.paid.at
    event = Event(kind=SubscriptionEvent.RENEWAL_SUCCEEDED, at=at, renewal=done)
    subscription = replace(
        subscription, settled_period=renewal.period, renewal=None, behind_since=None
    )
    turn = Turn(subscription=subscription, events=(event,), renewals=(done,))
    if subscription.state is State.PAST_DUE:
        return turn.then(made(subscription, Move.RECOVER, at, renewal=done))
    return turn


def ended(subscription: Subscription, move: Move, at: datetime) -> Turn:
    """A move after which nothing follows: what is owed is given up, and every plan is over.

    Raises:
        IllegalMove: It cannot be made from where the subscription stands.
    """
    done = closed(subscription.renewal, Outcome.UNPAID) if subscription.renewal else None
    turn = made(subscription, move, at, renewal=done)
    over = replace(turn.subscription, renewal=None, trial_left=None, due_at=None)
    over = replace(over, cancel_at=None, pause_at=None, resumes_at=None)
    return replace(turn, subscription=over, renewals=(done,) if done else ())
