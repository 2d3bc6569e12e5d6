"""Which events a shop gets about its payments and tokens, and when. Pure.

A successful payment is reported at once. A refusal, cancel or expiry is held back for a while
(`settle_after_s`), because a successful payment may follow it. It is not held back if a response
that the shop gets, to its call or after the shopper's return, has reported it already. A status
that is no longer true after the wait is not reported. The events of subscriptions are in
`subscriptions/events.py`.
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

    #: The call to Adyen got no response; Kasir repeats it with the same key.
    PAYMENT_UNKNOWN = "payment.unknown"
    #: Adyen has the payment, without a result yet.
    PAYMENT_PENDING = "payment.pending"
    #: It was paid, so the shop can deliver the order.
    PAYMENT_AUTHORISED = "payment.authorised"
    #: The wallet refused it.
    PAYMENT_REFUSED = "payment.refused"
    #: The shopper or the shop cancelled it.
    PAYMENT_CANCELLED = "payment.cancelled"
    #: The shopper did not finish it in time.
    PAYMENT_EXPIRED = "payment.expired"
    #: Adyen refused the request itself.
    PAYMENT_FAILED = "payment.failed"
    #: The paid amount is not the requested one: do not deliver; check Customer Area.
    PAYMENT_AMOUNT_MISMATCH = "payment.amount_mismatch"
    #: A notification may be about this payment, without proof: check its facts.
    PAYMENT_NEEDS_ATTENTION = "payment.needs_attention"
    #: The shopper's bank or wallet disputes it: see `disputes`, with the reason and the deadline.
    PAYMENT_DISPUTE_OPENED = "payment.dispute_opened"
    #: Authorised money was captured, if capture is a separate step.
    CAPTURE_SUCCEEDED = "capture.succeeded"
    #: The capture failed, or was undone.
    CAPTURE_FAILED = "capture.failed"
    #: The cancel failed, and the payment is unchanged.
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
    #: A token changed.
    TOKEN_UPDATED = "token.updated"
    #: A token can no longer be charged.
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
#: The event of each status of a refund. A status that is missing here is not reported.
OF_REFUND: Final = {
    RefundStatus.SUCCEEDED: EventType.REFUND_SUCCEEDED,
    RefundStatus.FAILED: EventType.REFUND_FAILED,
    RefundStatus.REVERSED: EventType.REFUND_REVERSED,
}
#: The event of each ending of a capture, cancel or refund.
OF_ENDING: Final = {
    Ending.CAPTURE_SUCCEEDED: EventType.CAPTURE_SUCCEEDED,
    Ending.CAPTURE_FAILED: EventType.CAPTURE_FAILED,
    Ending.CANCEL_FAILED: EventType.CANCEL_FAILED,
    Ending.REFUND_NEVER_TAKEN: EventType.REFUND_FAILED,
}
#: The event of each fact that is reported with any status of the payment.
OF_FACT: Final = {
    Says.AMOUNT_MISMATCH: EventType.PAYMENT_AMOUNT_MISMATCH,
    Says.NEEDS_ATTENTION: EventType.PAYMENT_NEEDS_ATTENTION,
}
#: Statuses that are held back before they are reported.
HELD_BACK: Final = frozenset({Status.REFUSED, Status.CANCELLED, Status.EXPIRED})


@dataclass(frozen=True, slots=True)
class Reported:
    """What the shop was sent about the status of a payment.

    Attributes:
        status: The last status that an event reported; `created` if there was no event yet.
        held_until: When the status that is held back is to be reported; None if none is held back.
    """

    status: Status
    held_until: datetime | None


def status_event(
    reported: Reported, payment: Payment, now: datetime, settle: timedelta
) -> tuple[EventType | None, Reported]:
    """The event to write now, or None, and the new value of `reported`.

    Args:
        reported: What the shop was sent before.
        payment: The payment with all its facts.
        now: The current time.
        settle: How long a status in `HELD_BACK` is held back.
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
    """The events of new facts that a person at the shop has to check, one for each such fact."""
    return [OF_FACT[fact.says] for fact in new if fact.says in OF_FACT]


def summary_events(before: Summary, after: Summary) -> list[EventType]:
    """The events of refunds, captures, cancels and disputes that a change causes."""
    earlier_endings = set(before.endings)
    events = [OF_ENDING[ending[1]] for ending in after.endings if ending not in earlier_endings]
    statuses_before = {refund.name: refund.status for refund in before.refunds}
    events += [
        OF_REFUND[refund.status]
        for refund in after.refunds
        if refund.status in OF_REFUND and statuses_before.get(refund.name) is not refund.status
    ]
    announced_before = {one.name for one in before.disputes if one.is_announced}
    events += [
        EventType.PAYMENT_DISPUTE_OPENED
        for one in after.disputes
        if one.is_announced and one.name not in announced_before
    ]
    if _taken_back(after) != _taken_back(before):
        events.append(EventType.PAYMENT_CHARGED_BACK)
    return events


def _taken_back(summary: Summary) -> tuple[Money, frozenset[str]]:
    """The sum that disputes took, and the names of those disputes.

    The names are needed because a dispute's sum may be unknown. There are no names until Kasir
    knows that the payment was paid, so disputes that came before are reported then.
    """
    is_paid = summary.status is Status.AUTHORISED
    names = (one.name for one in summary.disputes if is_paid and one.status in TAKEN)
    return summary.charged_back, frozenset(names)


def token_events(before: Sequence[TokenFact], after: Sequence[TokenFact]) -> list[EventType]:
    """The events of a token, from its facts before and after a change.

    There is no event until a fact shows that the token exists. So a shop never gets the event of a
    token's end before the event of its creation.
    """
    if not _is_made(after):
        return []
    events = []
    if not _is_made(before):
        events.append(EventType.TOKEN_CREATED)
    # An update that came before the creation is reported with the creation, so that the shop gets
    # the same events in either order.
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
    """Whether one of the facts shows that the token exists."""
    ends = {TokenSays.DISABLED, TokenSays.NOT_LISTED}
    return any(fact.says not in ends for fact in facts)


def _updates(facts: Sequence[TokenFact]) -> set[str]:
    """The keys of the facts that are updates."""
    return {fact.key for fact in facts if fact.says is TokenSays.UPDATED}


def _is_known_to_shop(facts: tuple[Fact, ...], status: Status) -> bool:
    """Whether a response to the shop's call had this status, or the shop itself cancelled."""
    return any(
        fact.says is Says.VOIDED
        or (fact.says.value == status.value and fact.source in {Source.DETAILS, Source.REPLY})
        for fact in facts
    )
