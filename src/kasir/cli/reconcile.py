"""`kasir reconcile`: stores reports that are given as files, reconciles them, prints the result."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from kasir.account_parts import open_accounts
from kasir.config import settings_from
from kasir.errors import SettingError
from kasir.store import cases, reports
from kasir.store.cases import Case
from kasir.store.reports import Report, ReportState
from kasir.wiring import Parts, open_parts

_PIECE_BYTES: Final = 256 * 1024
#: How many cases are printed; `/api/cases` lists all.
_CASES_MAX: Final = 1000


class ReconciledFile(msgspec.Struct, rename="camel", kw_only=True):
    """One file: what it is, and how many of its rows are whose."""

    file: str
    kind: str
    state: str
    rows: int
    own_rows: int
    foreign_rows: int
    note: str
    error: str


class OpenCase(msgspec.Struct, rename="camel", kw_only=True):
    """A case that is open and that one of the files shows."""

    id: int
    kind: str
    reason: str
    report: str
    line: int | None
    payment_id: str | None
    psp_reference: str
    batch: str


class Reconciled(msgspec.Struct, rename="camel", kw_only=True):
    """The result for all files; `open_cases` are the numbers of open cases by kind."""

    files: list[ReconciledFile]
    open_cases: dict[str, int]
    cases: list[OpenCase]

    @property
    def is_well(self) -> bool:
        """Whether all files could be read, and none shows an open case."""
        is_read = all(file.state == ReportState.RECONCILED for file in self.files)
        return is_read and not self.open_cases


async def reconcile(files: Sequence[Path], account: str | None, *, as_json: bool) -> int:
    """Reconcile files and print the result; returns the exit code, 1 if a case is open.

    Raises:
        SettingError: A file cannot be read, a setting is missing, or there is no such account.
    """
    if not files:
        raise SettingError("FILES", "name the reports to reconcile")
    for file in files:
        if not file.is_file():
            raise SettingError("FILES", f"{file} is no file")
    async with open_parts(settings_from()) as parts:
        if account is None or account == parts.settings.merchant_account:
            result = await _reconciled(parts, files)
        else:
            async with open_accounts(parts) as accounts:
                result = await _reconciled(await accounts.parts_of(account), files)
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        _print(result)
    return 0 if result.is_well else 1


async def _reconciled(parts: Parts, files: Sequence[Path]) -> Reconciled:
    given, ids = [], []
    for file in files:
        report_id = await parts.reports.add(file.name, _pieces(file))
        report = await reports.report(parts.pool, report_id)
        if report:
            given.append(_file(file, report))
            ids.append(report_id)
    counts = await cases.count_open_of_reports(parts.pool, ids)
    rows = await cases.open_of_reports(parts.pool, ids, _CASES_MAX)
    return Reconciled(files=given, open_cases=counts, cases=[_case(row) for row in rows])


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    """The content of a file in pieces."""
    with file.open("rb") as opened:
        while piece := await asyncio.to_thread(opened.read, _PIECE_BYTES):
            yield piece


def _file(file: Path, report: Report) -> ReconciledFile:
    return ReconciledFile(
        file=str(file),
        kind=report.kind,
        state=report.state,
        rows=report.rows,
        own_rows=report.own_rows,
        foreign_rows=report.foreign_rows,
        note=report.note,
        error=report.error,
    )


def _case(case: Case) -> OpenCase:
    return OpenCase(
        id=case.id,
        kind=case.kind,
        reason=case.reason,
        report=case.report,
        line=case.line,
        payment_id=case.payment_id,
        psp_reference=case.psp_reference,
        batch=case.batch,
    )


def _print(result: Reconciled) -> None:
    for file in result.files:
        rows = f"{file.rows} rows, {file.own_rows} of Kasir's payments, {file.foreign_rows} foreign"
        print(f"{file.file}: {file.error or f'{file.kind}, {rows}'}")
        if file.note:
            print(f"  note: {file.note}")
    for case in result.cases:
        row = f"row {case.line}" if case.line else ""
        where = " ".join(filter(None, (case.report, row, case.psp_reference)))
        print(f"case {case.id}  {case.kind:<16}  {where}: {case.reason}")
    total = sum(result.open_cases.values())
    by_kind = ", ".join(f"{count} {kind}" for kind, count in result.open_cases.items())
    print(f"open cases: {total}{f' ({by_kind})' if by_kind else ''}")


def main(files: Sequence[Path], account: str | None, *, as_json: bool) -> None:
    """Run the command and exit with its exit code."""
    # The log goes to stderr, because stdout has the result.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(asyncio.run(reconcile(files, account, as_json=as_json)))
