"""What the twin stores for Adyen's reports, as plain data of the state file."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Record(StrEnum):
    """What happened to a payment, by the names of Adyen's reports."""

    RECEIVED = "Received"
    AUTHORISED = "Authorised"
    REFUSED = "Refused"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    SENT_FOR_SETTLE = "SentForSettle"
    CAPTURE_FAILED = "CaptureFailed"
    SETTLED = "Settled"
    SETTLED_REVERSED = "SettledReversed"
    SENT_FOR_REFUND = "SentForRefund"
    REFUND_FAILED = "RefundFailed"
    REFUNDED = "Refunded"
    REFUNDED_REVERSED = "RefundedReversed"
    CHARGEBACK = "Chargeback"
    CHARGEBACK_REVERSED = "ChargebackReversed"
    SECOND_CHARGEBACK = "SecondChargeback"


class Entry(msgspec.Struct, kw_only=True, frozen=True):
    """A record of a payment at a moment."""

    at: float
    record: Record
    psp_reference: str
    #: The merchantReference of the payment.
    reference: str
    method: str
    currency: str
    #: In minor units, and never negative.
    value: int
    #: When the payment was created.
    created_at: float
    #: The pspReference of the capture, refund or dispute; "" if the record has none.
    modification: str = ""
    #: The shop's own reference for the modification, or <auto>.
    modification_reference: str = ""
    metadata: dict[str, str] = {}
    shopper_reference: str = ""


class Books(msgspec.Struct, kw_only=True):
    """The books of one merchant account."""

    #: The records since the last close, for the payment accounting.
    journal: list[Entry] = []
    #: What the next batch settles.
    to_settle: list[Entry] = []
    #: The number of the last closed batch.
    batch: int = 0
    #: What the last batch carried over, in rupiah; 0 or negative.
    carried: int = 0


class Report(msgspec.Struct, kw_only=True):
    """A report file, from the close of its batch on."""

    name: str
    account: str
    kind: str
    closed_at: float
    #: From this moment on the file can be fetched.
    available_at: float = 0.0
    #: The number of the batch; 0: the report is not about a batch.
    batch: int = 0
    #: The payout of the batch, in rupiah.
    payout: int = 0
    rows: int = 0
    content: str = ""
