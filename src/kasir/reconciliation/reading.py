"""Which kind a report is, and its rows as entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kasir.reconciliation import accounting, settlement
from kasir.reconciliation.entries import Entry, ReportKind
from kasir.reconciliation.tables import Row, UnreadableReport, UnreadableRow, check_columns

#: How the names of the files begin.
_NAMES: Final[Mapping[ReportKind, tuple[str, ...]]] = {
    ReportKind.SETTLEMENT: ("settlement_detail",),
    ReportKind.ACCOUNTING: ("payments_accounting", "payment_accounting"),
}
#: A column that only this kind has.
_MARKS: Final = {ReportKind.SETTLEMENT: "Gross Currency", ReportKind.ACCOUNTING: "Record Type"}
_NEEDED: Final = {
    ReportKind.SETTLEMENT: settlement.NEEDED,
    ReportKind.ACCOUNTING: accounting.NEEDED,
}
_ENTRY: Final[Mapping[ReportKind, Callable[[Row], Entry]]] = {
    ReportKind.SETTLEMENT: settlement.entry,
    ReportKind.ACCOUNTING: accounting.entry,
}


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that cannot be read, and why; its pspReference is empty if it has none."""

    line: int
    psp_reference: str
    why: str


def kind_of_name(name: str) -> ReportKind | None:
    """The kind of the report with this file name; None for a report that is not reconciled."""
    return next((kind for kind, begins in _NAMES.items() if name.startswith(begins)), None)


def kind_of(name: str, columns: Sequence[str]) -> ReportKind:
    """The kind of a report, by its columns or else by its name.

    Raises:
        UnreadableReport: It is of no kind that is reconciled, or a needed column is missing.
    """
    by_columns = next((kind for kind, mark in _MARKS.items() if mark in columns), None)
    kind = by_columns or kind_of_name(name)
    if kind is None:
        raise UnreadableReport(
            "it is neither 'Settlement details' nor 'Payment accounting': its header has neither "
            f"a column '{_MARKS[ReportKind.SETTLEMENT]}' nor '{_MARKS[ReportKind.ACCOUNTING]}'"
        )
    check_columns(columns, _NEEDED[kind])
    return kind


def entries(rows: Iterable[Row], kind: ReportKind) -> tuple[list[Entry], list[RowFault]]:
    """The entries in rows, and the rows that cannot be read."""
    read, faults = [], []
    for row in rows:
        try:
            read.append(_ENTRY[kind](row))
        except UnreadableRow as error:
            faults.append(RowFault(row.line, row.get("Psp Reference"), str(error)))
    return read, faults
