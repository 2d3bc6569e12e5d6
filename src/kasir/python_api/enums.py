"""The enums of the library. None is a `str`, so a type checker refuses a comparison with a text.

The rest of Kasir has enums of texts, which are written to the database and to JSON.
`tests/unit/python_api/test_enums.py` compares the members of each pair.
"""

from __future__ import annotations

from enum import Enum


class _Named(Enum):
    """An enum that prints as its value."""

    def __str__(self) -> str:
        return str(self.value)


class PaymentStatus(_Named):
    """The status of a payment (docs/payment-status.md)."""

    #: The payment is stored; Adyen was not asked yet.
    CREATED = "created"
    #: Adyen was asked and did not answer, so the payment may or may not exist.
    UNKNOWN = "unknown"
    #: The shopper is at the wallet.
    AWAITING_SHOPPER = "awaiting_shopper"
    #: Adyen has no result yet.
    PENDING = "pending"
    #: The payment is paid.
    AUTHORISED = "authorised"
    #: The wallet refused.
    REFUSED = "refused"
    #: The shopper cancelled the payment, or the shop cancelled it before it was captured.
    CANCELLED = "cancelled"
    #: The payment was not finished in time.
    EXPIRED = "expired"
    #: Adyen rejected the request, so there is no payment.
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether no other status is expected after this one."""
        return self in _FINAL


_FINAL = frozenset(
    {
        PaymentStatus.AUTHORISED,
        PaymentStatus.REFUSED,
        PaymentStatus.CANCELLED,
        PaymentStatus.EXPIRED,
        PaymentStatus.FAILED,
    }
)


class RefundStatus(_Named):
    """The status of a refund."""

    #: Requested; Adyen has not reported a result.
    REQUESTED = "requested"
    #: The money is refunded.
    SUCCEEDED = "succeeded"
    #: The refund was rejected, or failed afterwards. The shop keeps the money.
    FAILED = "failed"
    #: The money was refunded, and then returned to the shop.
    REVERSED = "reversed"


class DisputeStatus(_Named):
    """The status of a dispute."""

    #: The dispute was announced; no money has moved.
    OPEN = "open"
    #: The dispute took the money from the shop.
    CHARGED_BACK = "charged_back"
    #: The shop won the dispute and has the money again.
    REVERSED = "reversed"
    #: The dispute took the money again, finally.
    LOST = "lost"


class ResultCode(_Named):
    """Adyen's result code after the shopper returned. It is not final; a notification is."""

    AUTHORISED = "Authorised"
    CANCELLED = "Cancelled"
    ERROR = "Error"
    PENDING = "Pending"
    RECEIVED = "Received"
    REDIRECT_SHOPPER = "RedirectShopper"
    REFUSED = "Refused"
    #: A code that GoPay does not have: a shopper may bring the result of another payment.
    OTHER = "Other"


class Channel(_Named):
    """Where the shopper pays."""

    WEB = "Web"
    ANDROID = "Android"
    IOS = "iOS"


class RecurringModel(_Named):
    """What a saved wallet is for (Adyen's `recurringProcessingModel`)."""

    #: Charges without the shopper.
    SUBSCRIPTION = "Subscription"
    #: Payments by the shopper, who enters the PIN each time.
    CARD_ON_FILE = "CardOnFile"


class SubscriptionStatus(_Named):
    """The status of a subscription (docs/subscriptions.md)."""

    #: Signed up for, but the first payment or the token is still missing.
    INCOMPLETE = "incomplete"
    #: Agreed, and not charged yet.
    TRIALING = "trialing"
    #: Paid, and to be charged again.
    ACTIVE = "active"
    #: A renewal was refused, and is retried.
    PAST_DUE = "past_due"
    #: The shop paused it: nothing is charged.
    PAUSED = "paused"
    #: Over, before its last period.
    CANCELLED = "cancelled"
    #: Over, after its last period.
    ENDED = "ended"


class IntervalUnit(_Named):
    """The unit of a plan's periods."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class When(_Named):
    """When a cancel or a pause of a subscription takes effect."""

    #: At once.
    NOW = "now"
    #: At the end of the paid time; at once if that is over.
    PERIOD_END = "periodEnd"
    #: Never: a planned cancel or pause is withdrawn.
    NEVER = "never"
