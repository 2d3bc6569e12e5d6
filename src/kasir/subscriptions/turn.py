"""A turn of a subscription as a value: its new state, its events, and what to charge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from kasir.subscriptions.events import OF_MOVE, SILENT, Change, Event, SubscriptionEvent
from kasir.subscriptions.renewal import Attempt, Loss, Outcome, Renewal, closed
from kasir.subscriptions.states import Move, State
from kasir.subscriptions.subscription import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the engine, or a command of the shop, decided.

    Attributes:
        subscription: The subscription after the turn, with the time of its next turn.
        events: Events for the shop, in order.
        changes: The moves that were made, and changes of the amount, in order.
        renewals: Every renewal that was opened, changed or closed, in the order of the steps. If a
            period occurs several times, its last renewal counts.
        invitations: Renewals that the shopper is to pay by the payment link `link_id`.
        charge: The attempt to charge, if any: the last attempt of the last renewal.
        handled_losses: Losses that were handled as the plan defines.
    """

    subscription: Subscription
    events: tuple[Event, ...] = ()
    changes: tuple[Change, ...] = ()
    renewals: tuple[Renewal, ...] = ()
    invitations: tuple[Renewal, ...] = ()
    charge: Attempt | None = None
    handled_losses: tuple[Loss, ...] = ()

    def then(self, later: Turn) -> Turn:
        """This turn followed by a later one."""
        return Turn(
            subscription=later.subscription,
            events=self.events + later.events,
            changes=self.changes + later.changes,
            renewals=self.renewals + later.renewals,
            invitations=self.invitations + later.invitations,
            charge=self.charge or later.charge,
            handled_losses=self.handled_losses + later.handled_losses,
        )


def after_move(
    subscription: Subscription, move: Move, at: datetime, *, renewal: Renewal | None
) -> Turn:
    """A turn that makes one move, with the event of that move, if it has one.

    The event contains `renewal` and the reason of that renewal's refusal.

    Raises:
        IllegalMove: The move cannot be made from the subscription's state.
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
    """A turn that closes the open renewal if that renewal is paid; otherwise it changes nothing.

    The sign-up of an incomplete subscription is left to the engine.
    """
    renewal = subscription.renewal
    if renewal is None or renewal.paid is None or subscription.state is State.INCOMPLETE:
        return Turn(subscription=subscription)
    paid, at = closed(renewal, Outcome.PAID), renewal.paid.at
    event = Event(kind=SubscriptionEvent.RENEWAL_SUCCEEDED, at=at, renewal=paid)
    subscription = replace(
        subscription, settled_period=renewal.period, renewal=None, behind_since=None
    )
    turn = Turn(subscription=subscription, events=(event,), renewals=(paid,))
    if subscription.state is State.PAST_DUE:
        return turn.then(after_move(subscription, Move.RECOVER, at, renewal=paid))
    return turn


def ended(subscription: Subscription, move: Move, at: datetime) -> Turn:
    """A turn that ends the subscription.

    An open renewal is given up, and every planned cancel, pause and resumption is removed.

    Raises:
        IllegalMove: The move cannot be made from the subscription's state.
    """
    unpaid = closed(subscription.renewal, Outcome.UNPAID) if subscription.renewal else None
    turn = after_move(subscription, move, at, renewal=unpaid)
    over = replace(turn.subscription, renewal=None, trial_left=None, due_at=None)
    over = replace(over, cancel_at=None, pause_at=None, resumes_at=None)
    return replace(turn, subscription=over, renewals=(unpaid,) if unpaid else ())
