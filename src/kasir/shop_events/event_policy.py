"""What a change of a payment's standing is worth telling, and when.

Good news is told at once. Bad news waits a while, because a refusal may be followed by a payment
that went well after all; unless the shopper's own return, or the answer to the shop's own call,
already said so. What is no longer true when its time comes is not told.
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
from kasir.payments.payment import Payment, Standing
from kasir.payments.refunds import RefundStatus
from kasir.payments.status import Status
from kasir.tokens.model import TokenFact, TokenSays, TokenState, fold


class EventType(StrEnum):
    """Every event a shop can be told."""

    #: It was asked for and no answer came; Kasir keeps asking.
    PAYMENT_UNKNOWN = "payment.unknown"
    #: Adyen has it and does not know the end yet.
    PAYMENT_PENDING = "payment.pending"
    #: Paid: deliver.
    PAYMENT_AUTHORISED = "payment.authorised"
    #: The wallet said no.
    PAYMENT_REFUSED = "payment.refused"
    #: Cancelled, by the shopper or by the shop.
    PAYMENT_CANCELLED = "payment.cancelled"
    #: Nobody finished it in time.
    PAYMENT_EXPIRED = "payment.expired"
    #: Adyen refused the request itself.
    PAYMENT_FAILED = "payment.failed"
    #: Money came for another amount than was asked: do not deliver; look at Adyen.
    PAYMENT_AMOUNT_MISMATCH = "payment.amount_mismatch"
    #: Something came that may be this payment's, and nothing proves it: look at its facts.
    PAYMENT_NEEDS_ATTENTION = "payment.needs_attention"
    #: The shopper's side asks for money back: see `disputes`, with the reason and the deadline.
    PAYMENT_DISPUTE_OPENED = "payment.dispute_opened"
    #: Money that was authorised was taken, where that is a step of its own.
    CAPTURE_SUCCEEDED = "capture.succeeded"
    #: It could not be taken, or not be kept.
    CAPTURE_FAILED = "capture.failed"
    #: A cancel was not possible: the payment stands.
    CANCEL_FAILED = "cancel.failed"
    #: Money goes back to the shopper.
    REFUND_SUCCEEDED = "refund.succeeded"
    #: It does not, or bounced.
    REFUND_FAILED = "refund.failed"
    #: Refunded money came back to the shop.
    REFUND_REVERSED = "refund.reversed"
    #: The shopper's side took money back, or gave it back: see `chargedBack`.
    PAYMENT_CHARGED_BACK = "payment.charged_back"
    #: A shopper's wallet was saved and may be charged.
    TOKEN_CREATED = "token.created"
    #: Something of it changed.
    TOKEN_UPDATED = "token.updated"
    #: It may be charged no more.
    TOKEN_DISABLED = "token.disabled"


#: The event of each status. What is missing here is no news to a shop.
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
#: The event of each fact that is told by itself.
OF_FACT: Final = {
    Says.AMOUNT_MISMATCH: EventType.PAYMENT_AMOUNT_MISMATCH,
    Says.NEEDS_ATTENTION: EventType.PAYMENT_NEEDS_ATTENTION,
}
_BAD: Final = frozenset({Status.REFUSED, Status.CANCELLED, Status.EXPIRED})


@dataclass(frozen=True, slots=True)
class Told:
    """What the shop knows of a payment, and what is being held back.

    Attributes:
        status: The last status told (or `created`, of which nothing is told).
        tell_at: When held news is to be told; None while none is held.
    """

    status: Status
    tell_at: datetime | None


def status_news(
    told: Told, payment: Payment, now: datetime, settle: timedelta
) -> tuple[EventType | None, Told]:
    """The event to write now, if any, and what the shop knows then."""
    status = payment.status
    event = OF_STATUS.get(status)
    if event is None or status is told.status:
        return None, Told(told.status, None)
    if status in _BAD and not _was_heard_by_shop(payment.facts, status):
        tell_at = told.tell_at or now + settle
        if now < tell_at:
            return None, Told(told.status, tell_at)
    return event, Told(status, None)


def fact_news(new: Sequence[Fact]) -> list[EventType]:
    """The events of facts that ask for a person, one for each."""
    return [OF_FACT[fact.says] for fact in new if fact.says in OF_FACT]


def sum_news(before: Standing, after: Standing) -> list[EventType]:
    """The events of refunds, captures, cancels and disputes between two standings."""
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


def _taken_back(standing: Standing) -> tuple[Money, frozenset[str]]:
    """What the shopper's side has: the sum, and by which disputes, whose sums may be unknown.

    Nothing of what is not known as paid: that is told once it is.
    """
    is_paid = standing.status is Status.AUTHORISED
    names = (one.name for one in standing.disputes if is_paid and one.status in TAKEN)
    return standing.charged_back, frozenset(names)


def token_news(before: Sequence[TokenFact], after: Sequence[TokenFact]) -> list[EventType]:
    """The events of a token between two sets of facts.

    An end that is heard of before its beginning waits for it, so that a shop never hears that
    something it knows nothing of is gone.
    """
    if not _is_made(after):
        return []
    events = []
    if not _is_made(before):
        events.append(EventType.TOKEN_CREATED)
    # A change that was heard before its token's making is told once the token is: the shop hears
    # the same, whichever came first.
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


def _was_heard_by_shop(facts: tuple[Fact, ...], status: Status) -> bool:
    """Whether an answer to the shop's own call said so, or the shop's own wish was done."""
    return any(
        fact.says is Says.VOIDED
        or (fact.says.value == status.value and fact.source in {Source.DETAILS, Source.REPLY})
        for fact in facts
    )
