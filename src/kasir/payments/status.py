"""A payment's status is a function of the set of its facts.

The order and the repetition of facts do not change the status.
tests/property/test_payment_status.py checks this rule with permutations, duplicates and subsets.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from kasir.payments.facts import Fact, Says


class Status(StrEnum):
    """The status of a payment."""

    #: The payment is stored; the provider was not called yet.
    CREATED = "created"
    #: The provider was called and did not answer, so the payment may or may not exist.
    UNKNOWN = "unknown"
    #: The shopper is at the wallet.
    AWAITING_SHOPPER = "awaiting_shopper"
    #: The provider has no result yet.
    PENDING = "pending"
    #: The payment is paid.
    AUTHORISED = "authorised"
    #: The wallet refused.
    REFUSED = "refused"
    #: The shopper cancelled the payment, or the shop cancelled it before it was captured.
    CANCELLED = "cancelled"
    #: The payment was not finished in time.
    EXPIRED = "expired"
    #: The provider rejected the request, so there is no payment.
    FAILED = "failed"


#: Statuses after which no more facts are expected. Later facts are recorded too.
FINAL: Final = frozenset(
    {Status.AUTHORISED, Status.REFUSED, Status.CANCELLED, Status.EXPIRED, Status.FAILED}
)

#: The status if no attempt is paid. The first of these meanings that is known decides.
PRECEDENCE: Final = (
    (Says.VOIDED, Status.CANCELLED),
    (Says.CANCELLED, Status.CANCELLED),
    (Says.REFUSED, Status.REFUSED),
    (Says.EXPIRED, Status.EXPIRED),
    (Says.FAILED, Status.FAILED),
    (Says.UNKNOWN, Status.UNKNOWN),
    # Another amount was paid, so the payment is pending until a person decides.
    (Says.AMOUNT_MISMATCH, Status.PENDING),
    (Says.PENDING, Status.PENDING),
    (Says.AWAITING_SHOPPER, Status.AWAITING_SHOPPER),
)


def status(facts: Iterable[Fact]) -> Status:
    """The status by these facts; their order and repetition do not matter.

    If an attempt is authorised and not voided, the payment is authorised, whatever the other facts
    are.
    """
    known = frozenset(facts)
    if paid_attempts(known):
        return Status.AUTHORISED
    answered = {fact.about for fact in known if fact.says is not Says.UNKNOWN}
    meanings = {
        fact.says for fact in known if fact.says is not Says.UNKNOWN or fact.about not in answered
    }
    return next((status for says, status in PRECEDENCE if says in meanings), Status.CREATED)


def paid_attempts(facts: Iterable[Fact]) -> frozenset[str]:
    """The attempts (by pspReference) that are paid: authorised, and not voided.

    If an attempt has an amount mismatch, its *authorised* facts without an amount do not count.
    """
    known = frozenset(facts)
    doubtful = {fact.psp_reference for fact in known if fact.says is Says.AMOUNT_MISMATCH}
    paid = {
        fact.psp_reference
        for fact in known
        if fact.says is Says.AUTHORISED and (fact.amount or fact.psp_reference not in doubtful)
    }
    return frozenset(paid - {fact.psp_reference for fact in known if fact.says is Says.VOIDED})
