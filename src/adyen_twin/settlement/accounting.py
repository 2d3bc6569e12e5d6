"""The payment accounting report: what happened to each payment, as movements of registers.

Source: the default columns on Adyen's page, and the added ones in open-source readers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from adyen_twin.core.books import Entry, Record
from adyen_twin.core.report_settings import ReportSettings
from adyen_twin.protocol.limits import CURRENCY
from adyen_twin.settlement import printing, registers
from adyen_twin.settlement.lines import Line

COLUMNS: Final = (
    "Company Account",
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Booking Date",
    "TimeZone",
    "Main Currency",
    "Main Amount",
    "Record Type",
    "Payment Currency",
    "Received (PC)",
    "Authorised (PC)",
    "Captured (PC)",
    "Settlement Currency",
    "Payable (SC)",
    "Commission (SC)",
    "Markup (SC)",
    "Scheme Fees (SC)",
    "Interchange (SC)",
    "Processing Fee Currency",
    "Processing Fee (FC)",
    "User Name",
    "Payment Method Variant",
    "Modification Merchant Reference",
    *(f"Reserved{number}" for number in range(3, 11)),
)
RESERVED: Final = ("",) * 8
#: Columns that a merchant can add.
ADDED_COLUMNS: Final = (
    "Modification Psp Reference",
    "Exchange Rate",
    "Original Amount",
    "Merchant Order Reference",
    "Shopper Reference",
    "Payable Batch",
    "Metadata",
)
#: The column that can stand twice.
TWICE: Final = "Settlement Currency"


def csv_of(
    lines: Sequence[Line], settings: ReportSettings, *, company: str, account: str, name: str
) -> str:
    """Return the file with the records of a day; each is a line with the time of its booking."""
    columns = (
        COLUMNS
        + (ADDED_COLUMNS if settings.added_columns else ())
        + ((TWICE,) if settings.duplicate_header else ())
    )
    rows = (
        (company, account, *_record(line, entry, settings), *RESERVED)
        + (_added(line, entry, settings) if settings.added_columns else ())
        + ((CURRENCY,) if settings.duplicate_header else ())
        for line in lines
        if (entry := line.entry) is not None
    )
    return printing.table(columns, rows, settings, seed=name)


def _record(line: Line, entry: Entry, settings: ReportSettings) -> tuple[str, ...]:
    """Return the columns from Psp Reference to Modification Merchant Reference."""
    currency = entry.currency
    moved = registers.movements(entry.record, entry.value)
    amounts = (line.net, *_fees(line))
    is_settled = entry.record is Record.SETTLED
    return (
        entry.psp_reference,
        entry.reference,
        entry.method,
        printing.date(line.at, settings),
        settings.time_zone,
        currency,
        printing.amount(entry.value, currency, settings),
        entry.record,
        currency,
        *(printing.amount(value, currency, settings) for value in moved),
        CURRENCY,
        *(printing.amount(value, CURRENCY, settings) for value in amounts),
        CURRENCY,
        printing.amount(settings.processing_fee, CURRENCY, settings) if is_settled else "",
        "ws@Company.Twin",
        entry.method,
        entry.modification_reference,
    )


def _fees(line: Line) -> tuple[int, ...]:
    fees = line.fees
    return (fees.commission, fees.markup, fees.scheme_fees, fees.interchange)


def _added(line: Line, entry: Entry, settings: ReportSettings) -> tuple[str, ...]:
    return (
        entry.modification,
        printing.rate(line.rate, entry.currency, settings),
        printing.amount(entry.value, entry.currency, settings),
        "",
        entry.shopper_reference,
        line.text,
        json.dumps(entry.metadata),
    )
