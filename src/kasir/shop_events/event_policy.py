"""Which events a shop gets of its payments and tokens, and when. Pure: facts in, event types out.

A payment that went well is reported at once. A refusal, cancel or expiry is held back for a while
(`settle_after_s`), because a payment that succeeds may follow it; unless the shopper's own return,
or the response to the shop's own call, has already said so. What is no longer true when the wait
is over is not reported. The events of subscriptions are in `subscriptions/events.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from kasir.money import Money
from kasir.payments.disputes import TAKEN
from kasir.payments.endings import Ending
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.payment import Payment, Summary
from kasir.payments.refunds import RefundStatus
from kasir.payments.status import Status
from kasir.tokens.model import TokenFact, TokenSays, TokenState, fold


class EventType(StrEnum):
    """The type of every event of a payment or a token."""

    #: The call to Adyen got no response; Kasir asks again with the same key.
    PAYMENT_UNKNOWN = "payment.unknown"
    #: Adyen has it, without a result yet.
    PAYMENT_PENDING = "payment.pending"
    #: Paid: deliver the order.
    PAYMENT_AUTHORISED = "payment.authorised"
    #: The wallet refused it.
    PAYMENT_REFUSED = "payment.refused"
    #: Cancelled, by the shopper or by the shop.
    PAYMENT_CANCELLED = "payment.cancelled"
    #: The shopper did not finish it in time.
    PAYMENT_EXPIRED = "payment.expired"
    #: Adyen refused the request itself.
    PAYMENT_FAILED = "payment.failed"
    #: Another amount was paid than was asked for: do not deliver; look in Customer Area.
    PAYMENT_AMOUNT_MISMATCH = "payment.amount_mismatch"
    #: A notification may be about this payment, and nothing proves it: look at its facts.
    PAYMENT_NEEDS_ATTENTION = "payment.needs_attention"
    #: The shopper's bank or wallet disputes it: see `disputes`, with the reason and the deadline.
    PAYMENT_DISPUTE_OPENED = "payment.dispute_opened"
    #: Authorised money was captured, where capture is a separate step.
    CAPTURE_SUCCEEDED = "capture.succeeded"
    #: It could not be captured, or the capture was undone.
    CAPTURE_FAILED = "capture.failed"
    #: It could not be cancelled: the payment remains as it is.
    CANCEL_FAILED = "cancel.failed"
    #: The shopper gets the money back.
    REFUND_SUCCEEDED = "refund.succeeded"
    #: The refund failed, at once or after it had succeeded.
    REFUND_FAILED = "refund.failed"
    #: Refunded money returned to the shop.
    REFUND_REVERSED = "refund.reversed"
    #: A dispute took money from the shop, or returned it: see `chargedBack`.
    PAYMENT_CHARGED_BACK = "payment.charged_back"
    #: A shopper's wallet was saved and may be charged.
    TOKEN_CREATED = "token.created"
    #: It changed.
    TOKEN_UPDATED = "token.updated"
    #: It can no longer be charged.
    TOKEN_DISABLED = "token.disabled"


#: The event of each status. A status that is missing here is not reported.
OF_STATUS: Final = {
    Status.UNKNOWN: EventType.PAYMENT_UNKNOWN,
    Status.PENDING: EventType.PAYMENT_PENDING,
    Status.AUTHORISED: EventType.PAYMENT_AUTHORISED,
    Status.REFUSED: EventType.PAYMENT_REFUSED,
    Status.CANCELLED: EventType.PAYMENT_CANCELLED,
    Status.EXPIRED: EventType.PAYMENT_EXPIRED,
    Status.FAILED: EventType.PAYMENT_FAILED,
}
OF_REFUND: Final = {
    RefundStatus.SUCCEEDED: EventType.REFUND_SUCCEEDED,
    RefundStatus.FAILED: EventType.REFUND_FAILED,
    RefundStatus.REVERSED: EventType.REFUND_REVERSED,
}
OF_ENDING: Final = {
    Ending.CAPTURE_SUCCEEDED: EventType.CAPTURE_SUCCEEDED,
    Ending.CAPTURE_FAILED: EventType.CAPTURE_FAILED,
    Ending.CANCEL_FAILED: EventType.CANCEL_FAILED,
    Ending.REFUND_NEVER_TAKEN: EventType.REFUND_FAILED,
}
#: The event of each fact that is reported whatever the payment's status.
OF_FACT: Final = {
    Says.AMOUNT_MISMATCH: EventType.PAYMENT_AMOUNT_MISMATCH,
    Says.NEEDS_ATTENTION: EventType.PAYMENT_NEEDS_ATTENTION,
}
#: Statuses that are held back before they are reported.
HELD_BACK: Final = frozenset({Status.REFUSED, Status.CANCELLED, Status.EXPIRED})


@dataclass(frozen=True, slots=True)
class Reported:
    """What the shop knows of a payment's status.

    Attributes:
        status: The last status that was reported; `created`, which has no event, before the first.
        held_until: When the status that is held back is to be reported; None where none is.
    """

    status: Status
    held_until: datetime | None


def status_event(
    reported: Reported, payment: Payment, now: datetime, settle: timedelta
) -> tuple[EventType | None, Reported]:
    """The event to write now, if any, and what the shop knows after it.

    `settle` is how long a status in `HELD_BACK` is held back.
    """
    status = payment.status
    event = OF_STATUS.get(status)
    if event is None or status is reported.status:
        return None, Reported(reported.status, None)
    if status in HELD_BACK and not _is_known_to_shop(payment.facts, status):
        held_until = reported.held_until or now + settle
        if now < held_until:
            return None, Reported(reported.status, held_until)
    return event, Reported(status, None)


def fact_events(new: Sequence[Fact]) -> list[EventType]:
    """The events of new facts that somebody at the shop has to look at, one for each."""
    return [OF_FACT[fact.says] for fact in new if fact.says in OF_FACT]


def summary_events(before: Summary, after: Summary) -> list[EventType]:
    """The events of refunds, captures, cancels and disputes, from before a change to after it."""
    had_ended = set(before.endings)
    events = [OF_ENDING[ended[1]] for ended in after.endings if ended not in had_ended]
    were = {refund.name: refund.status for refund in before.refunds}
    events += [
        OF_REFUND[refund.status]
        for refund in after.refunds
        if refund.status in OF_REFUND and were.get(refund.name) is not refund.status
    ]
    were_announced = {one.name for one in before.disputes if one.is_announced}
    events += [
        EventType.PAYMENT_DISPUTE_OPENED
        for one in after.disputes
        if one.is_announced and one.name not in were_announced
    ]
    if _taken_back(after) != _taken_back(before):
        events.append(EventType.PAYMENT_CHARGED_BACK)
    return events


def _taken_back(summary: Summary) -> tuple[Money, frozenset[str]]:
    """The sum that disputes took, and the names of those disputes, whose sums may be unknown.

    Without names as long as the payment is not known as paid: they are reported once it is.
    """
    is_paid = summary.status is Status.AUTHORISED
    names = (one.name for one in summary.disputes if is_paid and one.status in TAKEN)
    return summary.charged_back, frozenset(names)


def token_events(before: Sequence[TokenFact], after: Sequence[TokenFact]) -> list[EventType]:
    """The events of a token, from its facts before a change to those after it.

    Until a fact says that the token exists there is no event, so that a shop never gets the end of
    a token that it has no beginning of.
    """
    if not _is_made(after):
        return []
    events = []
    if not _is_made(before):
        events.append(EventType.TOKEN_CREATED)
    # An update that came before the creation is reported with the creation: the shop gets the
    # same events in either order.
    if _updates(after) != (_updates(before) if _is_made(before) else set()):
        events.append(EventType.TOKEN_UPDATED)
    was_active = not _is_made(before) or fold(before).state is TokenState.ACTIVE
    is_active = fold(after).state is TokenState.ACTIVE
    if was_active and not is_active:
        events.append(EventType.TOKEN_DISABLED)
    if is_active and not was_active:
        events.append(EventType.TOKEN_UPDATED)
    return list(dict.fromkeys(events))


def _is_made(facts: Sequence[TokenFact]) -> bool:
    ends = {TokenSays.DISABLED, TokenSays.NOT_LISTED}
    return any(fact.says not in ends for fact in facts)


def _updates(facts: Sequence[TokenFact]) -> set[str]:
    return {fact.key for fact in facts if fact.says is TokenSays.UPDATED}


def _is_known_to_shop(facts: tuple[Fact, ...], status: Status) -> bool:
    """Whether the response to a call of the shop said so, or the shop itself cancelled it."""
    return any(
        fact.says is Says.VOIDED
        or (fact.says.value == status.value and fact.source in {Source.DETAILS, Source.REPLY})
        for fact in facts
    )
