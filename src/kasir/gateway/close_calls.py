"""The `/cancels` calls that close an unfinished attempt: their keys and their results."""

from __future__ import annotations

from kasir.adyen.calls import change_key
from kasir.payments.facts import Source
from kasir.payments.payment import Payment


def close_key(payment: Payment, number: int) -> str:
    """The idempotency key of a payment's closing cancel with that number, counted from 0.

    Each cancel needs its own key. Under an old key Adyen returns the old answer and does nothing.
    """
    return change_key(f"close-{payment.intent.id}" + (f"-{number}" if number else ""))


def is_close_answered(payment: Payment) -> bool:
    """Whether a notification had the result of a cancel that was sent to close this payment."""
    first = close_key(payment, 0)
    cancels = {fact.modification for fact in payment.facts if fact.about.startswith(first)} - {""}
    return any(
        fact.source is Source.NOTIFICATION and fact.modification in cancels
        for fact in payment.facts
    )
