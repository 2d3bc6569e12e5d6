"""Rows of the report "Payment accounting": what happened to each payment.

A row moves money between registers, with signs: a payment that is settled leaves `Captured (PC)`
and comes, without its fees, to `Payable (SC)`. `Main Amount` is read only if the captured register
is empty. `Original Amount` is never read: one parser reports that it was a hundred times too high
for a currency without decimals. Sources: see docs/adyen.md.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from kasir.reconciliation.amounts import amount
from kasir.reconciliation.entries import Entry, ReportKind, Role
from kasir.reconciliation.tables import Row
from kasir.reconciliation.times import moment

_FEES: Final = ("Commission (SC)", "Markup (SC)", "Scheme Fees (SC)", "Interchange (SC)")
_CAPTURED: Final = "Captured (PC)"
_PAYABLE: Final = "Payable (SC)"
_MAIN: Final = "Main Amount"
NEEDED: Final = (
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Booking Date",
    "TimeZone",
    _MAIN,
    "Record Type",
    "Payment Currency",
    _CAPTURED,
    "Settlement Currency",
    _PAYABLE,
    *_FEES,
)
_INCOMING: Final = (Role.SETTLED, Role.REFUND_UNDONE, Role.CHARGEBACK_UNDONE)


def entry(row: Row) -> Entry:
    """The entry in a row.

    Raises:
        UnreadableRow: An amount cannot be read.
    """
    captured = amount(row.get(_CAPTURED), _CAPTURED)
    payable = amount(row.get(_PAYABLE), _PAYABLE)
    gross = abs(captured or amount(row.get(_MAIN), _MAIN))
    rate, currency = row.get("Exchange Rate"), row.get("Payment Currency")
    # The second column of this name has the currency of the payable batch.
    settled_in = row.get("Settlement Currency") or row.get("Settlement Currency (2)")
    read = Entry(
        kind=ReportKind.ACCOUNTING,
        line=row.line,
        merchant_account=row.get("Merchant Account"),
        type=row.get("Record Type"),
        psp_reference=row.get("Psp Reference"),
        merchant_reference=row.get("Merchant Reference"),
        modification=row.get("Modification Psp Reference"),
        method=row.get("Payment Method"),
        batch=row.get("Payable Batch"),
        at=moment(row.get("Booking Date"), row.get("TimeZone")),
        gross=gross,
        gross_currency=currency,
        net=payable,
        net_currency=settled_in,
        fees=sum((amount(row.get(name), name) for name in _FEES), Decimal(0)),
        rate=amount(rate, "Exchange Rate") if rate else _same_currency(currency, settled_in),
    )
    return read if read.role in _INCOMING or not gross else _outgoing(read)


def _outgoing(read: Entry) -> Entry:
    """Return the entry, with a negative gross amount if its role takes money from the merchant."""
    if read.role in {Role.REFUNDED, Role.CHARGED_BACK, Role.SETTLED_REVERSED}:
        return replace(read, gross=-read.gross)
    return read


def _same_currency(currency: str, settled_in: str) -> Decimal | None:
    return Decimal(1) if currency == settled_in else None
