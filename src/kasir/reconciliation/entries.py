"""One row of a report in a form that both kinds of reports share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final


class ReportKind(StrEnum):
    """The kinds of reports that are reconciled. The values are stored."""

    #: What was paid out: "Settlement details".
    SETTLEMENT = "settlement_details"
    #: What happened to each payment: "Payment accounting".
    ACCOUNTING = "payment_accounting"


class Role(StrEnum):
    """What the type of a row means for a payment."""

    SETTLED = "settled"
    SETTLED_REVERSED = "settled_reversed"
    REFUNDED = "refunded"
    REFUND_UNDONE = "refund_undone"
    CHARGED_BACK = "charged_back"
    CHARGEBACK_UNDONE = "chargeback_undone"
    #: Money that leaves for the merchant's bank, or stays for the next batch.
    PAID_OUT = "paid_out"
    #: It is known, and nothing in the ledger is compared with it.
    OTHER = "other"


_COMMON: Final[Mapping[str, Role]] = {
    "Settled": Role.SETTLED,
    "SettledReversed": Role.SETTLED_REVERSED,
    "Refunded": Role.REFUNDED,
    "RefundedReversed": Role.REFUND_UNDONE,
    "Chargeback": Role.CHARGED_BACK,
    "SecondChargeback": Role.CHARGED_BACK,
    "ChargebackReversed": Role.CHARGEBACK_UNDONE,
}
#: The types of rows that Adyen's pages and others' parsers name.
_ROLES: Final[Mapping[ReportKind, Mapping[str, Role]]] = {
    ReportKind.SETTLEMENT: {
        **_COMMON,
        "MerchantPayout": Role.PAID_OUT,
        **dict.fromkeys(
            (
                *("Fee", "MiscCosts", "DepositCorrection", "InvoiceDeduction", "MatchedStatement"),
                *("ManualCorrected", "AuthorisationSchemeFee", "BankInstructionReturned"),
                *("InternalCompanyPayout", "EpaPaid", "PaymentCost", "SettleCost", "PaidOut"),
                *("PaidOutReversed", "ReserveAdjustment", "Balancetransfer"),
                *("SettledExternally", "RefundedExternally", "ChargebackExternally"),
            ),
            Role.OTHER,
        ),
    },
    ReportKind.ACCOUNTING: {
        **_COMMON,
        "RefundFailed": Role.REFUND_UNDONE,
        **dict.fromkeys(
            (
                *("Received", "Authorised", "AuthorisedPending", "Refused", "Cancelled", "Expired"),
                *("Error", "SentForSettle", "SettledExternally", "SentForRefund", "CaptureFailed"),
                *("RefundedExternally", "ChargebackExternally", "PaidOut", "PayoutFailed"),
                *("Retried", "Reversed"),
            ),
            Role.OTHER,
        ),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row of a report. Amounts are signed: what the merchant gets is positive.

    Attributes:
        kind: The kind of the report.
        line: The number of the row in its file.
        merchant_account: Whose row it is.
        type: Adyen's name of what happened, as printed.
        psp_reference: The payment; empty in rows of no payment, such as a payout.
        merchant_reference: The shop's reference of the payment.
        modification: The reference of the capture, refund or chargeback. In rows that belong to no
            payment, a free text.
        method: The payment method.
        batch: The number of the batch; empty if the report has none.
        at: When it was booked; None if the time cannot be read.
        gross: The amount in the currency of the payment, in major units.
        gross_currency: That currency.
        net: The amount after fees, in major units of the settlement currency.
        net_currency: The settlement currency.
        fees: All fees, in major units of the settlement currency; a cost is positive.
        rate: What one unit of the gross currency was exchanged for; None if it is not printed.
    """

    kind: ReportKind
    line: int
    merchant_account: str
    type: str
    psp_reference: str
    merchant_reference: str
    modification: str
    method: str
    batch: str
    at: datetime | None
    gross: Decimal
    gross_currency: str
    net: Decimal
    net_currency: str
    fees: Decimal
    rate: Decimal | None

    @property
    def role(self) -> Role | None:
        """What its type means; None for an unknown type."""
        return _ROLES[self.kind].get(self.type)

    @property
    def name(self) -> str:
        """What the row is about: the same in every file that has the row."""
        parts = (self.type, self.psp_reference, self.modification)
        return ":".join(part for part in parts if part)
