"""A payment's status is a function of the set of its facts.

Neither their order nor repetition changes it. tests/property/test_payment_status.py checks that
over permutations, duplicates and subsets.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from kasir.payments.facts import Fact, Says


class Status(StrEnum):
    """The status of a payment."""

    #: Written down; the provider was not asked yet.
    CREATED = "created"
    #: The provider was asked and did not answer: the payment may or may not exist.
    UNKNOWN = "unknown"
    #: The shopper is at the wallet.
    AWAITING_SHOPPER = "awaiting_shopper"
    #: The provider has no result yet.
    PENDING = "pending"
    #: Paid.
    AUTHORISED = "authorised"
    #: The wallet refused.
    REFUSED = "refused"
    #: Cancelled by the shopper, or by the shop before it was captured.
    CANCELLED = "cancelled"
    #: Nobody finished it in time.
    EXPIRED = "expired"
    #: The provider rejected the request: there is no payment.
    FAILED = "failed"


#: Statuses after which no more facts are expected. They may still come, and are recorded.
FINAL: Final = frozenset(
    {Status.AUTHORISED, Status.REFUSED, Status.CANCELLED, Status.EXPIRED, Status.FAILED}
)

#: Which fact decides where no attempt is paid: the first of these that is known.
PRECEDENCE: Final = (
    (Says.VOIDED, Status.CANCELLED),
    (Says.CANCELLED, Status.CANCELLED),
    (Says.REFUSED, Status.REFUSED),
    (Says.EXPIRED, Status.EXPIRED),
    (Says.FAILED, Status.FAILED),
    (Says.UNKNOWN, Status.UNKNOWN),
    # Another amount was paid: pending until a person has looked.
    (Says.AMOUNT_MISMATCH, Status.PENDING),
    (Says.PENDING, Status.PENDING),
    (Says.AWAITING_SHOPPER, Status.AWAITING_SHOPPER),
)


def status(facts: Iterable[Fact]) -> Status:
    """The status that follows from these facts; their order and repetition change nothing.

    An authorised attempt makes the payment authorised, whatever other facts say of it or of other
    attempts, unless that same attempt was voided.
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
    """The attempts (by pspReference) that are paid: authorised, and not voided.

    For an attempt with an amount mismatch, an answer that says *authorised* without an amount does
    not count.
    """
    known = frozenset(facts)
    doubtful = {fact.psp_reference for fact in known if fact.says is Says.AMOUNT_MISMATCH}
    paid = {
        fact.psp_reference
        for fact in known
        if fact.says is Says.AUTHORISED and (fact.amount or fact.psp_reference not in doubtful)
    }
    return frozenset(paid - {fact.psp_reference for fact in known if fact.says is Says.VOIDED})
