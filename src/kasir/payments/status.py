"""A payment's status is a function of the set of its facts.

Not of their order, nor of how often each was heard. Tests prove it over permutations, duplicates
and subsets: tests/property/test_payment_status.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from kasir.payments.facts import Fact, Says


class Status(StrEnum):
    """Where a payment stands."""

    #: Written down, not yet asked for.
    CREATED = "created"
    #: Asked for, and no answer heard: it may or may not exist.
    UNKNOWN = "unknown"
    #: The shopper is at the wallet.
    AWAITING_SHOPPER = "awaiting_shopper"
    #: The provider does not know the end yet.
    PENDING = "pending"
    #: Paid.
    AUTHORISED = "authorised"
    #: The wallet said no.
    REFUSED = "refused"
    #: Cancelled by the shopper, or by the shop before the money was taken.
    CANCELLED = "cancelled"
    #: Nobody finished it in time.
    EXPIRED = "expired"
    #: It never reached the provider: the request itself was wrong.
    FAILED = "failed"


#: Statuses after which nothing more is expected. News can still come, and is still heard.
FINAL: Final = frozenset(
    {Status.AUTHORISED, Status.REFUSED, Status.CANCELLED, Status.EXPIRED, Status.FAILED}
)

#: What wins where several were heard, after money has had its say.
PRECEDENCE: Final = (
    (Says.VOIDED, Status.CANCELLED),
    (Says.CANCELLED, Status.CANCELLED),
    (Says.REFUSED, Status.REFUSED),
    (Says.EXPIRED, Status.EXPIRED),
    (Says.FAILED, Status.FAILED),
    (Says.UNKNOWN, Status.UNKNOWN),
    # Money came, of another amount: nothing else is to be paid until somebody has looked.
    (Says.AMOUNT_MISMATCH, Status.PENDING),
    (Says.PENDING, Status.PENDING),
    (Says.AWAITING_SHOPPER, Status.AWAITING_SHOPPER),
)


def status(facts: Iterable[Fact]) -> Status:
    """What these facts say of a payment. Another order, or a fact twice, changes nothing.

    Good news absorbs: an attempt that was authorised stays so, whatever was said of it or of
    other attempts before or after, unless that same attempt was voided.
    """
    known = frozenset(facts)
    if paid_attempts(known):
        return Status.AUTHORISED
    answered = {fact.about for fact in known if fact.says is not Says.UNKNOWN}
    said = {
        fact.says for fact in known if fact.says is not Says.UNKNOWN or fact.about not in answered
    }
    return next((status for says, status in PRECEDENCE if says in said), Status.CREATED)


def paid_attempts(facts: Iterable[Fact]) -> frozenset[str]:
    """The attempts (by pspReference) whose money stands: authorised, and not voided.

    Of one that brought another amount than was asked, an answer that says *authorised* and not how
    much says nothing.
    """
    known = frozenset(facts)
    doubtful = {fact.psp_reference for fact in known if fact.says is Says.AMOUNT_MISMATCH}
    paid = {
        fact.psp_reference
        for fact in known
        if fact.says is Says.AUTHORISED and (fact.amount or fact.psp_reference not in doubtful)
    }
    return frozenset(paid - {fact.psp_reference for fact in known if fact.says is Says.VOIDED})
