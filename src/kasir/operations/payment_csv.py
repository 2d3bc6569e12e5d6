"""Exports payments as CSV, in bounded memory, however many there are.

Each page is a statement of its own, so no transaction stays open while a client reads slowly. A
payment that is created meanwhile is newer than all that follow, and is not in the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

import structlog

from kasir.store import payment_search
from kasir.store.database import DRIVER_ERRORS, Pool
from kasir.store.payment_search import PaymentFilter, PaymentRow

_log = structlog.get_logger("kasir.operations")

#: How many payments one statement reads.
_BATCH: Final = 1000
COLUMNS: Final = (
    *("id", "createdAt", "reference", "status", "currency", "value", "captured", "refunded"),
    *("method", "pspReference", "shopperReference", "linkId"),
)
CSV_TYPE: Final = "text/csv"  # Litestar adds the charset, UTF-8.
CSV_HEADERS: Final = {"Content-Disposition": 'attachment; filename="payments.csv"'}
#: A spreadsheet runs a cell that begins with one of these as a formula. Tab and carriage return
#: are skipped by some programs, and the last four are full-width forms of the first.
_FORMULA_STARTS: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)


async def csv_of(pool: Pool, wanted: PaymentFilter) -> AsyncIterator[bytes]:
    """Return the parts of a CSV file of payments, newest first; its first line names the columns.

    The first payments are read before this returns, so that an error is still an error's response.
    A later error ends the iterator with that error, so the client gets a file that is cut off.
    """
    rows = await payment_search.page(pool, wanted, None, _BATCH)
    return _parts(pool, wanted, rows)


async def _parts(
    pool: Pool, wanted: PaymentFilter, rows: Sequence[PaymentRow]
) -> AsyncIterator[bytes]:
    yield _lines([COLUMNS])
    while rows:
        yield _lines(_cells(row) for row in rows)
        if len(rows) < _BATCH:
            return
        try:
            rows = await payment_search.page(pool, wanted, rows[-1].position, _BATCH)
        except DRIVER_ERRORS as error:
            _log.warning("a CSV export was cut off", error=type(error).__name__)
            raise


def _cells(row: PaymentRow) -> Sequence[str | int]:
    intent = row.intent
    return (
        intent.id,
        intent.created_at.isoformat(),
        safe_cell(intent.reference),
        row.status,
        intent.amount.currency,
        intent.amount.minor_units,
        row.captured,
        row.refunded,
        intent.method,
        safe_cell(row.psp_reference),
        safe_cell(intent.shopper_reference),
        intent.link_id or "",
    )


def safe_cell(text: str) -> str:
    """A text that no spreadsheet runs as a formula: with `'` before it, if it could be one."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _lines(rows: Iterable[Sequence[str | int]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
