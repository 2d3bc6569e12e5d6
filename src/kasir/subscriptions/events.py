"""Events about subscriptions. The shop receives them, so that it can write to its customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kasir.subscriptions.dunning import Reason
from kasir.subscriptions.renewal import Loss, Renewal
from kasir.subscriptions.states import Move, State


class SubscriptionEvent(StrEnum):
    """The kinds of events about a subscription."""

    #: The first payment is paid and the token exists, so the shop can deliver.
    ACTIVATED = "subscription.activated"
    #: A period begins in a few days and will be charged.
    RENEWAL_DUE = "subscription.renewal_due"
    #: A renewal was refused, and is retried.
    PAST_DUE = "subscription.past_due"
    #: The refused renewal was paid after all.
    RECOVERED = "subscription.recovered"
    #: The subscription will be paused at the end of the paid period: see `pauseAt`.
    PAUSE_PLANNED = "subscription.pause_planned"
    #: The planned pause was withdrawn.
    PAUSE_WITHDRAWN = "subscription.pause_withdrawn"
    #: The subscription was paused.
    PAUSED = "subscription.paused"
    #: The subscription will be resumed automatically: see `resumesAt`.
    RESUME_PLANNED = "subscription.resume_planned"
    #: The subscription will not be resumed automatically any more.
    RESUME_WITHDRAWN = "subscription.resume_withdrawn"
    #: The subscription was resumed after a pause.
    RESUMED = "subscription.resumed"
    #: The subscription will be cancelled at the end of the paid period: see `cancelAt`.
    CANCEL_PLANNED = "subscription.cancel_planned"
    #: The planned cancel was withdrawn.
    CANCEL_WITHDRAWN = "subscription.cancel_withdrawn"
    #: The subscription is over before its last period.
    CANCELLED = "subscription.cancelled"
    #: The subscription is over after its last period.
    ENDED = "subscription.ended"
    #: A period was paid.
    RENEWAL_SUCCEEDED = "renewal.succeeded"
    #: The charge of a period was refused, or its token is lost: see `reason` and `nextTry`.
    RENEWAL_FAILED = "renewal.failed"
    #: A period was given up unpaid; the next one begins.
    RENEWAL_UNPAID = "renewal.unpaid"
    #: A period passed while Kasir was down; it is not charged afterwards.
    RENEWAL_MISSED = "renewal.missed"
    #: A payment came for a period that was paid already or given up.
    RENEWAL_OVERPAID = "renewal.overpaid"


#: The event of each move. Completion, with or without a trial, is one event.
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
#: Moves without an event. After the end of a trial, the event of the first renewal follows.
SILENT = frozenset({Move.END_TRIAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event and its subject.

    Attributes:
        kind: What happened.
        at: The time of the event.
        renewal: The renewal that the event is about, if any.
        due_at: When the coming period is charged, for `renewal_due`.
        reason: Why the renewal was refused, or why the coming renewal cannot be charged.
        loss: The disputed or refunded payment, if that is the cause.
    """

    kind: SubscriptionEvent
    at: datetime
    renewal: Renewal | None = None
    due_at: datetime | None = None
    reason: Reason | None = None
    loss: Loss | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A move, or a change of the amount, for the history that metrics are computed from.

    Attributes:
        at: When it happened.
        was: The state before.
        now_is: The state after.
        move: The move; None for a change of the amount.
    """

    at: datetime
    was: State
    now_is: State
    move: Move | None = None
