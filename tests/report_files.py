"""Adyen's reports for tests: settlement details and payment accounting, written row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

#: The usual columns of settlement details; see docs/adyen.md.
SETTLEMENT: Final = (
    *("Company Account", "Merchant Account", "Psp Reference", "Merchant Reference"),
    *("Payment Method", "Creation Date", "TimeZone", "Type", "Modification Reference"),
    *("Gross Currency", "Gross Debit (GC)", "Gross Credit (GC)", "Exchange Rate", "Net Currency"),
    *("Net Debit (NC)", "Net Credit (NC)", "Commission (NC)", "Markup (NC)", "Scheme Fees (NC)"),
    *("Interchange (NC)", "Payment Method Variant", "Modification Merchant Reference"),
    *("Batch Number", "Reserved4"),
)
#: Those of payment accounting.
ACCOUNTING: Final = (
    *("Company Account", "Merchant Account", "Psp Reference", "Merchant Reference"),
    *("Payment Method", "Booking Date", "TimeZone", "Main Currency", "Main Amount", "Record Type"),
    *("Payment Currency", "Received (PC)", "Authorised (PC)", "Captured (PC)"),
    *("Settlement Currency", "Payable (SC)", "Commission (SC)", "Markup (SC)", "Scheme Fees (SC)"),
    *("Interchange (SC)", "User Name", "Modification Psp Reference"),
)

Values = Mapping[str, str]


def settled(
    psp_reference: str, gross: int = 25_000, fee: int = 500, /, **changes: str
) -> dict[str, str]:
    """A row of a settled payment in whole rupiah; the name of a change is that of a column."""
    return {
        "Company Account": "Warung",
        "Merchant Account": "TwinMerchant",
        "Psp Reference": psp_reference,
        "Merchant Reference": f"ORDER-{psp_reference}",
        "Payment Method": "gopay_wallet",
        "Creation Date": "2026-11-23 18:00:00",
        "TimeZone": "CET",
        "Type": "Settled",
        "Modification Reference": psp_reference,
        "Gross Currency": "IDR",
        "Gross Credit (GC)": str(gross),
        "Exchange Rate": "1",
        "Net Currency": "IDR",
        "Net Credit (NC)": str(gross - fee),
        "Commission (NC)": str(fee),
        "Batch Number": "12",
    } | changes


def refunded(
    psp_reference: str, refund: str, gross: int = 5_000, /, **changes: str
) -> dict[str, str]:
    """A row of a refund."""
    row = settled(psp_reference, gross, 0) | {
        "Type": "Refunded",
        "Modification Reference": refund,
        "Gross Credit (GC)": "",
        "Gross Debit (GC)": str(gross),
        "Net Credit (NC)": "",
        "Net Debit (NC)": str(gross),
    }
    return row | changes


def of_account(
    kind: str, net: int, text: str = "TX1 batch 12", /, **changes: str
) -> dict[str, str]:
    """A row of no payment, such as a payout; `net` is negative for money that leaves."""
    side = "Net Credit (NC)" if net > 0 else "Net Debit (NC)"
    gross = "Gross Credit (GC)" if net > 0 else "Gross Debit (GC)"
    row = settled("", 0, 0) | {
        "Merchant Reference": "",
        "Payment Method": "",
        "Type": kind,
        "Modification Reference": text,
        "Gross Credit (GC)": "",
        "Net Credit (NC)": "",
        "Commission (NC)": "",
    }
    return row | {side: str(abs(net)), gross: str(abs(net))} | changes


def payout(rows: Iterable[Values], /, **changes: str) -> dict[str, str]:
    """The row that pays out what the other rows of a batch come to."""
    total = sum(
        int(row.get("Net Credit (NC)") or 0) - int(row.get("Net Debit (NC)") or 0) for row in rows
    )
    return of_account("MerchantPayout", -total, **changes)


def booked(psp_reference: str, kind: str, /, **changes: str) -> dict[str, str]:
    """A row of payment accounting of 25,000 rupiah."""
    return {
        "Merchant Account": "TwinMerchant",
        "Psp Reference": psp_reference,
        "Merchant Reference": f"ORDER-{psp_reference}",
        "Payment Method": "gopay_wallet",
        "Booking Date": "2026-11-23 18:00:00",
        "TimeZone": "CET",
        "Main Currency": "IDR",
        "Main Amount": "25000",
        "Record Type": kind,
        "Payment Currency": "IDR",
        "Settlement Currency": "IDR",
    } | changes


def csv_of(rows: Iterable[Values], columns: Sequence[str] = SETTLEMENT) -> bytes:
    """A CSV file of these rows; columns that a row lacks are empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
