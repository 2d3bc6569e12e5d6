"""The `/cancels` calls that close unfinished attempts: idempotency keys and results."""

from __future__ import annotations

from kasir.adyen.calls import change_key
from kasir.payments.facts import Source
from kasir.payments.payment import Payment


def close_key(payment: Payment, number: int) -> str:
    """The idempotency key of the cancel with this number that closes a payment, counted from 0.

    Each cancel needs a new idempotency key. With an old key Adyen only returns the old answer.
    """
    return change_key(f"close-{payment.intent.id}" + (f"-{number}" if number else ""))


def is_close_answered(payment: Payment) -> bool:
    """Whether a notification reported the result of a cancel that was to close this payment."""
    first = close_key(payment, 0)
    cancels = {fact.modification for fact in payment.facts if fact.about.startswith(first)} - {""}
    return any(
        fact.source is Source.NOTIFICATION and fact.modification in cancels
        for fact in payment.facts
    )
