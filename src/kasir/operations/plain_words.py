"""What the facts of a payment and the calls to Adyen mean, in plain English.

The desk has the same sentences in Indonesian.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kasir.payments.facts import Says
from kasir.payments.question import Kind

FACTS: Final[Mapping[Says, str]] = {
    Says.UNKNOWN: "Adyen did not answer, so the outcome is not known yet.",
    Says.FAILED: "Adyen rejected the request, so there is no payment.",
    Says.AWAITING_SHOPPER: "The shopper was sent to the wallet.",
    Says.PENDING: "Adyen has the payment and no result yet.",
    Says.AUTHORISED: "The payment is paid.",
    Says.REFUSED: "The wallet refused.",
    Says.CANCELLED: "The payment was cancelled before money moved.",
    Says.EXPIRED: "The shopper did not finish in time.",
    Says.VOIDED: "The paid payment was cancelled before it was captured.",
    Says.CAPTURE_ASKED: "A capture was requested.",
    Says.CAPTURE_REJECTED: "The capture was not possible; the money stays authorised.",
    Says.CAPTURED: "The money was captured.",
    Says.CAPTURE_FAILED: "The capture failed afterwards.",
    Says.CANCEL_ASKED: "A cancel was requested.",
    Says.CANCEL_REJECTED: "The cancel was not possible; the payment is unchanged.",
    Says.CHANGE_RECEIVED: "Adyen received the request; its result follows.",
    Says.CHANGE_DECLINED: "Adyen rejected the request; nothing changes.",
    Says.REVERSAL_ASKED: "A reversal of the whole payment was requested.",
    Says.REFUND_ASKED: "A refund was requested.",
    Says.REFUND_RECEIVED: "Adyen received the refund; its result follows.",
    Says.REFUND_DECLINED: "Adyen rejected the refund; nothing is refunded.",
    Says.REFUND_CONFIRMED: "The refund succeeded.",
    Says.REFUND_REJECTED: "The refund was not possible.",
    Says.REFUND_FAILED: "The refund failed afterwards; the money is with the shop.",
    Says.REFUND_REVERSED: "The refunded money returned to the shop.",
    Says.DISPUTE_ANNOUNCED: "A dispute was announced; no money has moved.",
    Says.CHARGED_BACK: "A dispute took the money.",
    Says.CHARGEBACK_REVERSED: "The dispute was won; the money is back.",
    Says.SECOND_CHARGEBACK: "The dispute took the money again, finally.",
    Says.AMOUNT_MISMATCH: "Another amount was paid than was asked for. It does not count as paid.",
    Says.NEEDS_ATTENTION: "A message may be about this payment. A person must decide.",
    Says.NOTED: "Noted; it changes nothing.",
}
CALLS: Final[Mapping[Kind, str]] = {
    Kind.PAYMENTS: "Kasir asked Adyen for the payment.",
    Kind.DETAILS: "The shopper returned, and Kasir asked Adyen for the result.",
    Kind.CAPTURES: "Kasir asked Adyen to capture.",
    Kind.REFUNDS: "Kasir asked Adyen to refund.",
    Kind.CANCELS: "Kasir asked Adyen to cancel.",
    Kind.REVERSALS: "Kasir asked Adyen to undo the payment.",
    Kind.CANCELS_BY_REFERENCE: "Kasir asked Adyen to cancel by the shop's reference.",
}
TOLD: Final = "The shop is told: {type}."
