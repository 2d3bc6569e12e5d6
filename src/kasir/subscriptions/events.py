"""What the shop is told of its subscriptions, so that it can write to its customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kasir.subscriptions.dunning import Reason
from kasir.subscriptions.renewal import Loss, Renewal
from kasir.subscriptions.states import Move, State


class SubscriptionEvent(StrEnum):
    """Every event of a subscription."""

    #: The first payment and the token are there: deliver.
    ACTIVATED = "subscription.activated"
    #: A period begins in a few days and will be charged.
    RENEWAL_DUE = "subscription.renewal_due"
    #: A renewal was refused, and is being asked for again.
    PAST_DUE = "subscription.past_due"
    #: It was paid after all.
    RECOVERED = "subscription.recovered"
    #: To be stopped for a while, when what was paid for is over: see `pauseAt`.
    PAUSE_PLANNED = "subscription.pause_planned"
    #: Not to be stopped after all.
    PAUSE_WITHDRAWN = "subscription.pause_withdrawn"
    #: Stopped for a while.
    PAUSED = "subscription.paused"
    #: To go on by itself: see `resumesAt`.
    RESUME_PLANNED = "subscription.resume_planned"
    #: Not to go on by itself any more.
    RESUME_WITHDRAWN = "subscription.resume_withdrawn"
    #: Goes on after a pause.
    RESUMED = "subscription.resumed"
    #: To be over when what was paid for is: see `cancelAt`.
    CANCEL_PLANNED = "subscription.cancel_planned"
    #: Not to be cancelled after all.
    CANCEL_WITHDRAWN = "subscription.cancel_withdrawn"
    #: Over before its time.
    CANCELLED = "subscription.cancelled"
    #: All its periods are over.
    ENDED = "subscription.ended"
    #: A period was paid.
    RENEWAL_SUCCEEDED = "renewal.succeeded"
    #: A period was asked for and refused, or its token is lost: see `reason` and `nextTry`.
    RENEWAL_FAILED = "renewal.failed"
    #: A period was given up unpaid; another one begins.
    RENEWAL_UNPAID = "renewal.unpaid"
    #: A period went by while Kasir was away; it is not charged afterwards.
    RENEWAL_MISSED = "renewal.missed"
    #: Money came for a period that needed none any more: paid already, given up, or over.
    RENEWAL_OVERPAID = "renewal.overpaid"


#: The event of each move. Completing, with or without a trial, is one event.
OF_MOVE = {
    Move.COMPLETE: SubscriptionEvent.ACTIVATED,
    Move.BEGIN_TRIAL: SubscriptionEvent.ACTIVATED,
    Move.LAPSE: SubscriptionEvent.CANCELLED,
    Move.FALL_BEHIND: SubscriptionEvent.PAST_DUE,
    Move.RECOVER: SubscriptionEvent.RECOVERED,
    Move.GIVE_UP: SubscriptionEvent.CANCELLED,
    Move.PAUSE: SubscriptionEvent.PAUSED,
    Move.RESUME: SubscriptionEvent.RESUMED,
    Move.RESUME_TRIAL: SubscriptionEvent.RESUMED,
    Move.CANCEL: SubscriptionEvent.CANCELLED,
    Move.END: SubscriptionEvent.ENDED,
}
#: Moves that are no news of their own: the first renewal is.
SILENT = frozenset({Move.END_TRIAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, with what it speaks of.

    Attributes:
        kind: What happened.
        at: When it counts as happening.
        renewal: The renewal it speaks of, if any.
        due_at: When the coming period is charged, for `renewal_due`.
        reason: Why it was refused, where it was; or why a coming period will be.
        loss: The payment that was taken back, where that is why.
    """

    kind: SubscriptionEvent
    at: datetime
    renewal: Renewal | None = None
    due_at: datetime | None = None
    reason: Reason | None = None
    loss: Loss | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One move, or a change of the amount; for the history, which the metrics are folds over."""

    at: datetime
    was: State
    now_is: State
    move: Move | None = None
