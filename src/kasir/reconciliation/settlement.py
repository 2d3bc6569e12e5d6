"""Rows of the report "Settlement details": what was paid out.

Amounts are unsigned, in pairs of a debit and a credit column; empty or 0 is none. Sources: Adyen's
page of the report, and files that others published; see docs/adyen.md.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from kasir.reconciliation.amounts import amount
from kasir.reconciliation.entries import Entry, ReportKind
from kasir.reconciliation.tables import Row
from kasir.reconciliation.times import moment

_FEES: Final = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
NEEDED: Final = (
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Creation Date",
    "TimeZone",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Exchange Rate",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    *_FEES,
    "Batch Number",
)
_ONE: Final = Decimal(1)


def entry(row: Row) -> Entry:
    """The entry in a row.

    Raises:
        UnreadableRow: An amount cannot be read.
    """
    rate = row.get("Exchange Rate")
    return Entry(
        kind=ReportKind.SETTLEMENT,
        line=row.line,
        merchant_account=row.get("Merchant Account"),
        type=row.get("Type"),
        psp_reference=row.get("Psp Reference"),
        merchant_reference=row.get("Merchant Reference"),
        modification=row.get("Modification Reference"),
        method=row.get("Payment Method"),
        batch=row.get("Batch Number"),
        at=moment(row.get("Creation Date"), row.get("TimeZone")),
        gross=_signed(row, "Gross", "GC"),
        gross_currency=row.get("Gross Currency"),
        net=_signed(row, "Net", "NC"),
        net_currency=row.get("Net Currency"),
        fees=sum((amount(row.get(name), name) for name in _FEES), Decimal(0)),
        rate=amount(rate, "Exchange Rate") if rate else _ONE,
    )


def _signed(row: Row, side: str, unit: str) -> Decimal:
    """The credit less the debit."""
    credit, debit = f"{side} Credit ({unit})", f"{side} Debit ({unit})"
    return amount(row.get(credit), credit) - amount(row.get(debit), debit)
