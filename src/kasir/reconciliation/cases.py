"""A case: an inconsistency within a report, or a difference between a report and the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CaseKind(StrEnum):
    """The kinds of differences. The values are stored."""

    #: The figures of a row do not add up.
    ROW_ARITHMETIC = "row_arithmetic"
    #: The net amounts of a batch do not add up to 0.
    BATCH_ARITHMETIC = "batch_arithmetic"
    #: Adyen reports money of which Kasir knows nothing.
    MISSING_HERE = "missing_here"
    #: Kasir knows of money that is in no report, although later money is.
    MISSING_THERE = "missing_there"
    #: The amount of a payment or of a chargeback differs.
    AMOUNT = "amount"
    #: A refund differs in its amount or outcome, or only one side has it.
    REFUND = "refund"
    #: The fees differ from those that were seen.
    FEE = "fee"
    #: One capture is paid out more than once.
    SETTLED_TWICE = "settled_twice"
    #: A payment is in no report after a long time.
    AGED_UNSETTLED = "aged_unsettled"
    #: A row of a type that Kasir does not know.
    UNKNOWN_TYPE = "unknown_type"
    #: A row that cannot be read.
    UNREADABLE_ROW = "unreadable_row"


class CaseState(StrEnum):
    """Whether a case needs a person. The values are stored."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is found wrong.

    Attributes:
        key: Identifies the difference. Every file that shows the difference gives the same key, so
            one case is opened.
        kind: Its kind.
        reason: What differs, for a person.
        line: The row of the file; None if it is of no row.
        payment_id: The payment that it is about, if that is known.
        psp_reference: Adyen's name of the payment; empty if it is of none.
        batch: The batch; empty if it is of none.
    """

    key: str
    kind: CaseKind
    reason: str
    line: int | None = None
    payment_id: str | None = None
    psp_reference: str = ""
    batch: str = ""
