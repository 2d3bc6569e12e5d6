"""Closes the batch of each account, writes its reports, and announces them later.

GUESS: that an account without any movement has no batch, and that the payment accounting of a
day is announced together with the batch that closes that day.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import Final

from adyen_twin.core import report_settings as planned
from adyen_twin.core.books import Books, Report
from adyen_twin.core.twin import Twin
from adyen_twin.settlement import accounting, details, mistakes, printing
from adyen_twin.settlement.lines import Batch, Line, batch_of, fee_line, line_of
from adyen_twin.webhooks import report_notifications

#: Every column of the two reports.
COLUMNS: Final = frozenset(
    (*details.COLUMNS, *details.ADDED_COLUMNS, *accounting.COLUMNS, *accounting.ADDED_COLUMNS)
)
DETAILS: Final = "settlement_details"
ACCOUNTING: Final = "payment_accounting"
#: The kind of the task that closes the batches.
CLOSE: Final = "close_batch"
#: A batch books in its last second, so that one that closes at midnight belongs to the day before.
LAST_SECOND_S: Final = 1.0


def schedule(twin: Twin) -> None:
    """Schedule the next close as the settings want it, instead of the one that was scheduled."""
    state = twin.state
    state.tasks = [task for task in state.tasks if task.kind != CLOSE]
    heapq.heapify(state.tasks)
    every_s = twin.report_settings.close_every_s
    if every_s is None:
        return
    offset_s = printing.OFFSETS_H[twin.report_settings.time_zone] * 3600
    number = (twin.now() + offset_s) // every_s + 1
    twin.schedule(CLOSE, number * every_s - offset_s)


def close_when_due(twin: Twin) -> None:
    """Close every batch, and schedule the next close; nothing, if the settings want none."""
    if twin.report_settings.close_every_s is None:
        return
    close(twin)
    schedule(twin)


def close(twin: Twin) -> list[Report]:
    """Close the batch of every account that has one; return the reports."""
    return [
        report
        for account, books in twin.state.books.items()
        for report in _close_account(twin, account, books)
    ]


def announce(twin: Twin, *, account: str, name: str, content: str | None = None) -> None:
    """Announce a report; `content` replaces its content."""
    report = find(twin, account, name)
    if report is None:
        return
    if content is not None:
        report.content = content
    report_notifications.report_available(twin, account=account, name=name, url=url(twin, report))


def find(twin: Twin, account: str, name: str) -> Report | None:
    """Return a report file, whether it is available already or not."""
    found = (one for one in twin.state.reports if (one.account, one.name) == (account, name))
    return next(found, None)


def url(twin: Twin, report: Report) -> str:
    """Return the address of a report file."""
    return f"{twin.reports_url}/reports/download/MerchantAccount/{report.account}/{report.name}"


def _close_account(twin: Twin, account: str, books: Books) -> list[Report]:
    settings, now = twin.report_settings, twin.now()
    lines = [line_of(entry, settings) for entry in books.to_settle]
    if not (lines or books.journal or books.carried):
        return []
    late = mistakes.take(settings, planned.LateReport)
    available_at = now + settings.delay_s + (late.seconds if late else 0.0)
    changed, reports = mistakes.in_rows(settings, lines), []
    if lines or books.carried:
        reports.append(_settle(twin, account, books, lines, changed))
    if lines or books.journal:
        settled = [line for line in lines if changed.settles(line)]
        reports.append(_account_for(twin, account, books, settled))
    books.journal = []
    for report in reports:
        report.available_at = available_at
        twin.state.reports.append(report)
        twin.schedule("announce_report", available_at, account=account, name=report.name)
    return reports


def _settle(
    twin: Twin, account: str, books: Books, lines: list[Line], changed: mistakes.Changed
) -> Report:
    """Close the account's batch, with the planned mistakes; return its settlement details."""
    settings = twin.report_settings
    right = _batch(twin, account, books, lines)
    batch = _batch(twin, account, books, changed.lines)
    books.batch, books.carried, books.to_settle = batch.number, batch.carried, changed.later
    report = _report(twin, account, details.file_name(batch.number), DETAILS)
    report.batch, report.payout = batch.number, batch.payout
    batch = mistakes.in_batch(settings, batch)
    report.rows, report.content = len(batch.lines), _details(twin, account, batch)
    again = mistakes.take(settings, planned.SameNameAgain)
    if again is not None:
        twin.schedule(
            "announce_report",
            twin.now() + settings.delay_s + again.seconds,
            account=account,
            name=report.name,
            content=_details(twin, account, right) if again.corrected else None,
        )
    return report


def _batch(twin: Twin, account: str, books: Books, lines: list[Line]) -> Batch:
    settings, booked_at = twin.report_settings, twin.now() - LAST_SECOND_S
    rows = [*lines, *fee_line(lines, booked_at, settings)]
    number = books.batch + 1
    return batch_of(rows, number=number, account=account, carried=books.carried, at=booked_at)


def _details(twin: Twin, account: str, batch: Batch) -> str:
    return details.csv_of(
        batch.lines,
        twin.report_settings,
        company=twin.settings.company_account,
        account=account,
        batch=batch.number,
        booked_at=twin.now() - LAST_SECOND_S,
    )


def _account_for(twin: Twin, account: str, books: Books, lines: list[Line]) -> Report:
    """Return the payment accounting since the last close, with what this batch settled."""
    settings, booked_at = twin.report_settings, twin.now() - LAST_SECOND_S
    day = printing.local(booked_at, settings)
    name = f"payments_accounting_report_{day:%Y_%m_%d}.csv"
    if find(twin, account, name) is not None:
        # A second close on one day, so the name is that of a report that was asked for by hand.
        number = twin.memory.next_number()
        name = f"payments_accounting_report_filtered_{day:%Y_%m_%d}_{day:%Y_%m_%d}_{number}.csv"
    happened = [Line(type=entry.record, at=entry.at, net=0, entry=entry) for entry in books.journal]
    booked = [replace(line, at=booked_at, text=str(books.batch)) for line in lines]
    report = _report(twin, account, name, ACCOUNTING)
    report.rows = len(happened) + len(booked)
    report.content = accounting.csv_of(
        [*happened, *booked],
        settings,
        company=twin.settings.company_account,
        account=account,
        name=name,
    )
    return report


def _report(twin: Twin, account: str, name: str, kind: str) -> Report:
    return Report(name=name, account=account, kind=kind, closed_at=twin.now())
