"""The settlement details report: one file per account and batch.

Source: the default columns on Adyen's page, and the added ones in open-source readers.
GUESS: that rows without a payment have no gross amount.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from adyen_twin.core.report_settings import ReportSettings
from adyen_twin.protocol.limits import CURRENCY
from adyen_twin.settlement import printing
from adyen_twin.settlement.lines import Line

COLUMNS: Final = (
    "Company Account",
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
    "Commission (NC)",
    "Markup (NC)",
    "Scheme Fees (NC)",
    "Interchange (NC)",
    "Payment Method Variant",
    "Modification Merchant Reference",
    "Batch Number",
    "Reserved4",
    "Reserved5",
    "Reserved6",
    "Reserved7",
    "Reserved8",
    "Reserved9",
    "Reserved10",
)
RESERVED: Final = ("",) * 7
#: Columns that a merchant can add.
ADDED_COLUMNS: Final = (
    "Booking Date",
    "Booking Date TimeZone",
    "Metadata",
    "Balance Currency",
    "Net Debit (BC)",
    "Net Credit (BC)",
    "Payment Fees (NC)",
    "Merchant Order Reference",
    "Dispute Reference",
    "Authorisation Code",
)
DISPUTES: Final = ("Chargeback", "SecondChargeback", "ChargebackReversed")


def file_name(batch: int) -> str:
    """Return the name of a batch's file. Accounts number their batches separately."""
    return f"settlement_detail_report_batch_{batch}.csv"


def csv_of(
    lines: Sequence[Line],
    settings: ReportSettings,
    *,
    company: str,
    account: str,
    batch: int,
    booked_at: float,
) -> str:
    """Return the file of a batch."""
    columns = COLUMNS + (ADDED_COLUMNS if settings.added_columns else ())
    rows = (
        (company, account, *_payment(line, settings), str(batch), *RESERVED)
        + (_added(line, settings, booked_at) if settings.added_columns else ())
        for line in lines
    )
    return printing.table(columns, rows, settings, seed=file_name(batch))


def _payment(line: Line, settings: ReportSettings) -> tuple[str, ...]:
    """Return the columns from Psp Reference to Modification Merchant Reference."""
    entry = line.entry
    net = (CURRENCY, *printing.pair(line.net, CURRENCY, settings))
    if entry is None:
        dated = (printing.date(line.at, settings), settings.time_zone)
        no_gross = ("", "", "", "")
        return ("", "", "", *dated, line.type, line.text, *no_gross, *net, *("",) * 6)
    fees = line.fees
    return (
        entry.psp_reference,
        entry.reference,
        entry.method,
        printing.date(entry.created_at, settings),
        settings.time_zone,
        line.type,
        entry.modification or entry.psp_reference,
        entry.currency,
        *printing.pair(line.gross, entry.currency, settings),
        printing.rate(line.rate, entry.currency, settings),
        *net,
        *(
            printing.amount(fee, CURRENCY, settings) or "0"
            for fee in (fees.commission, fees.markup, fees.scheme_fees, fees.interchange)
        ),
        entry.method,
        entry.modification_reference,
    )


def _added(line: Line, settings: ReportSettings, booked_at: float) -> tuple[str, ...]:
    entry = line.entry
    return (
        printing.date(booked_at, settings),
        settings.time_zone,
        json.dumps(entry.metadata) if entry is not None else "",
        CURRENCY,
        *printing.pair(line.net, CURRENCY, settings),
        printing.amount(line.fees.total, CURRENCY, settings),
        "",
        entry.modification if entry is not None and line.type in DISPUTES else "",
        "",
    )
