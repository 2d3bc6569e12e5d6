"""The use case of a stored report: hold it against itself, then against the payments in Kasir.

The content is read twice. The first time shows its kind, how it prints rupiah, which fees are usual
in it, and whether its batches add up. The second time compares the rows, a number of them in a
transaction. Neither the memory nor the number of statements for a batch of rows grows with the
report. A report that is reconciled again gives the same cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import structlog

from kasir.jobs.report_reading import StoredReports, Survey, ledger_of
from kasir.jobs.unsettled import UnsettledSearch
from kasir.payments.facts import Says
from kasir.payments.payment import Payment
from kasir.reconciliation import fees
from kasir.reconciliation.amounts import Decimals
from kasir.reconciliation.arithmetic import Batch
from kasir.reconciliation.cases import CaseKind, Finding
from kasir.reconciliation.comparing import (
    Belongs,
    Comparison,
    Context,
    compared,
    is_of_account,
)
from kasir.reconciliation.entries import Entry, ReportKind, Role
from kasir.reconciliation.reading import RowFault
from kasir.reconciliation.tables import UnreadableReport
from kasir.report_settings import RupiahDecimals
from kasir.store import cases, payouts, reports
from kasir.store.database import Connection, retried, transaction
from kasir.store.payouts import PayoutRow, ReportRow, Twice
from kasir.store.reports import Report

_log = structlog.get_logger("kasir.reports")


@dataclass(slots=True)
class _Tally:
    """Kasir's payments in a batch; `net` is in minor units."""

    payments: int = 0
    net: Decimal = field(default=Decimal(0))
    taken: list[datetime] = field(default_factory=list)

    def add(self, row: ReportRow, taken_at: datetime | None) -> None:
        """Add a row, and when its capture was, if it settles one."""
        self.net += row.net
        if taken_at:
            self.payments += 1
            self.taken = [min([*self.taken, taken_at]), max([*self.taken, taken_at])]


@dataclass(slots=True)
class _Totals:
    """What the second reading has counted."""

    belongs: Counter[Belongs] = field(default_factory=Counter)
    tallies: dict[tuple[str, str], _Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciling:
    """Reconciles stored reports.

    Attributes:
        stored: Reads reports.
        search: Finds payments that no report has.
    """

    stored: StoredReports
    search: UnsettledSearch

    async def reconcile(self, report_id: int) -> None:
        """Reconcile a report whose content is stored. One that cannot be read is marked so."""
        report = await reports.report(self.stored.pool, report_id)
        if report is None:
            return
        try:
            survey = await self.stored.survey(report)
        except UnreadableReport as error:
            _log.warning("a report cannot be read", report=report.name, error=str(error))
            state = reports.ReportState.UNREADABLE
            await reports.reject(self.stored.pool, report.id, state, str(error))
            return
        await reports.read_as(self.stored.pool, report.id, survey.kind)
        report = replace(report, kind=survey.kind)
        totals = await self._compare_all(report, survey)
        if survey.kind is ReportKind.SETTLEMENT:
            await self._write_batches(report, survey, totals)
        await self._find_twice(report, survey)
        await self._write_fees(report, survey)
        await cases.close_replaced(self.stored.pool, report.id, self.stored.clock.now())
        counted = totals.belongs
        counts = survey.rows, counted[Belongs.OURS], counted[Belongs.FOREIGN]
        note = _note(survey, self.stored.rupiah)
        await reports.reconciled(self.stored.pool, report.id, counts, note, self.stored.clock.now())
        await self.search.run()
        _log.info(
            "a report was reconciled",
            report=report.name,
            rows=survey.rows,
            own=counted[Belongs.OURS],
            foreign=counted[Belongs.FOREIGN],
            note=note,
        )

    # The second reading -------------------------------------------------------------------------

    async def _compare_all(self, report: Report, survey: Survey) -> _Totals:
        totals, context = _Totals(), await self._context(survey)
        async for _, read, faults in self.stored.read(report):
            await self._compare(report, read, faults, context, totals)
        return totals

    async def _context(self, survey: Survey) -> Context:
        """What the rows are compared with: the fees of this report, or with those seen before."""
        decimals = survey.printing.decimals(self.stored.rupiah)
        seen = await payouts.fees_seen(self.stored.pool)
        models = {}
        for key, sample in survey.fees.items():
            digits = decimals.of(key[1])
            earlier = fees.points_from(seen.get(key, "[]"))
            models[key] = fees.fitted(sample.points, digits) or fees.fitted(
                [*earlier, *sample.points], digits
            )
        usual = {key: model for key, model in models.items() if model}
        return Context(
            merchant_account=self.stored.merchant_account,
            methods=self.stored.methods,
            decimals=decimals,
            fees=usual,
        )

    async def _compare(
        self,
        report: Report,
        read: Sequence[Entry],
        faults: Sequence[RowFault],
        context: Context,
        totals: _Totals,
    ) -> None:
        """Compare rows, and add them to the totals once they are committed."""
        own = [entry for entry in read if is_of_account(entry, self.stored.merchant_account)]
        unreadable = [_unreadable(report, fault) for fault in faults]
        rows, belongs = await self._commit(report, own, unreadable, context)
        totals.belongs.update(belongs)
        totals.belongs[Belongs.FOREIGN] += len(read) - len(own)
        for row, taken_at in rows:
            key = row.batch, row.net_currency
            totals.tallies.setdefault(key, _Tally()).add(row, taken_at)

    @retried
    async def _commit(
        self,
        report: Report,
        own: Sequence[Entry],
        unreadable: Sequence[Finding],
        context: Context,
    ) -> tuple[list[tuple[ReportRow, datetime | None]], list[Belongs]]:
        """Compare rows in one transaction; its number of statements does not grow with them."""
        now = self.stored.clock.now()
        async with transaction(self.stored.pool) as connection:
            ledger = await ledger_of(connection, own)
            rows, results = [], []
            for entry in own:
                payment = ledger.of(entry)
                is_foreign = entry.psp_reference in ledger.foreign
                results.append(compared(entry, payment, context, is_foreign=is_foreign))
                if payment:
                    rows.append((_row(entry, payment, context.decimals), _taken(entry, payment)))
            await payouts.add_rows(connection, report.id, report.kind, [row for row, _ in rows])
            await self._write_cases(connection, report, results, unreadable, now)
        return rows, [result.belongs for result in results]

    async def _write_cases(
        self,
        connection: Connection,
        report: Report,
        results: Sequence[Comparison],
        unreadable: Sequence[Finding],
        now: datetime,
    ) -> None:
        findings = [finding for result in results for finding in result.findings]
        disproved = [key for result in results for key in result.disproved]
        await cases.close_disproved(connection, disproved, report.id, now)
        await cases.open_cases(connection, [*findings, *unreadable], report.id, now)

    # After all rows -----------------------------------------------------------------------------

    async def _write_batches(self, report: Report, survey: Survey, totals: _Totals) -> None:
        """Store the batches, and open a case for each that does not add up.

        If rows cannot be read, the batches cannot add up, and are no cases of their own.
        """
        now, decimals = self.stored.clock.now(), survey.printing.decimals(self.stored.rupiah)
        batches = survey.batches.all
        unbalanced = [_unbalanced(batch) for batch in batches.values() if not batch.is_balanced]
        balanced = [_batch_key(batch) for batch in batches.values() if batch.is_balanced]
        rows = [
            _payout(batch, totals.tallies.get(key, _Tally()), decimals)
            for key, batch in batches.items()
        ]
        await payouts.write_payouts(self.stored.pool, report.id, rows)
        if survey.unreadable:
            return
        await cases.close_disproved(self.stored.pool, balanced, report.id, now)
        await cases.open_cases(self.stored.pool, unbalanced, report.id, now)

    async def _find_twice(self, report: Report, survey: Survey) -> None:
        """Open cases for captures that are settled more often than once, and close the others."""
        has_batches = survey.kind is ReportKind.SETTLEMENT
        for first in range(1, survey.last_line + 1, self.stored.rows_max):
            lines = first, first + self.stored.rows_max - 1
            found = await payouts.settled_twice(
                self.stored.pool, report.id, lines, has_batches=has_batches
            )
            once = [_twice_key(each) for each in found if each.times <= 1]
            more = [_twice(each) for each in found if each.times > 1]
            now = self.stored.clock.now()
            await cases.close_disproved(self.stored.pool, once, report.id, now)
            await cases.open_cases(self.stored.pool, more, report.id, now)

    async def _write_fees(self, report: Report, survey: Survey) -> None:
        """Keep the fees of this report; a case if they differ from those that were seen before."""
        decimals, findings, samples = survey.printing.decimals(self.stored.rupiah), [], {}
        seen = await payouts.fees_seen(self.stored.pool)
        for (method, currency), sample in survey.fees.items():
            earlier = fees.points_from(seen.get((method, currency), "[]"))
            digits = decimals.of(currency)
            change = fees.change(earlier, sample.points, digits)
            if change:
                key = f"fees:{method}:{currency}:{report.name}"
                reason = f"{method}, in {currency}: {change}"
                findings.append(Finding(key=key, kind=CaseKind.FEE, reason=reason))
            merged = fees.merged([] if change else earlier, sample.points, digits)
            samples[method, currency] = fees.points_text(merged)
        await payouts.write_fees(self.stored.pool, samples)
        await cases.open_cases(self.stored.pool, findings, report.id, self.stored.clock.now())


def _row(entry: Entry, payment: Payment, decimals: Decimals) -> ReportRow:
    return ReportRow(
        line=entry.line,
        type=entry.type,
        payment_id=payment.intent.id,
        psp_reference=entry.psp_reference,
        modification=entry.modification,
        batch=entry.batch,
        at=entry.at,
        currency=entry.gross_currency,
        gross=decimals.minor(entry.gross, entry.gross_currency),
        net_currency=entry.net_currency,
        net=decimals.minor(entry.net, entry.net_currency),
        fees=decimals.minor(entry.fees, entry.net_currency),
    )


def _taken(entry: Entry, payment: Payment) -> datetime | None:
    """When the capture of a settled row was, by Kasir's facts."""
    says = Says.AUTHORISED if payment.intent.captures_itself else Says.CAPTURED
    times = [fact.at for fact in payment.facts if fact.says is says]
    return min(times) if times and entry.role is Role.SETTLED else None


def _payout(batch: Batch, tally: _Tally, decimals: Decimals) -> PayoutRow:
    return PayoutRow(
        batch=batch.name,
        currency=batch.currency,
        paid_out=decimals.minor(batch.paid_out, batch.currency),
        paid_out_at=batch.paid_out_at,
        is_balanced=batch.is_balanced,
        payments=tally.payments,
        own_net=tally.net,
        first_taken_at=min(tally.taken, default=None),
        last_taken_at=max(tally.taken, default=None),
    )


def _unreadable(report: Report, fault: RowFault) -> Finding:
    return Finding(
        key=f"unreadable:{report.name}:{fault.line}",
        kind=CaseKind.UNREADABLE_ROW,
        reason=fault.why,
        line=fault.line,
        psp_reference=fault.psp_reference,
    )


def _note(survey: Survey, rupiah: RupiahDecimals) -> str:
    """What a person should know of a report although it is reconciled; empty where nothing."""
    notes = [survey.printing.note(rupiah)]
    if survey.unreadable:
        notes.append(f"{survey.unreadable} rows cannot be read, so its batches are not checked")
    return "; ".join(filter(None, notes))


def _batch_key(batch: Batch) -> str:
    return f"batch:{batch.name}:{batch.currency}"


def _unbalanced(batch: Batch) -> Finding:
    reason = f"its {batch.rows} net amounts add up to {batch.net} {batch.currency}, not to 0"
    kind = CaseKind.BATCH_ARITHMETIC
    return Finding(key=_batch_key(batch), kind=kind, reason=reason, batch=batch.name)


def _twice_key(twice: Twice) -> str:
    return f"twice:{twice.psp_reference}:{twice.modification}"


def _twice(twice: Twice) -> Finding:
    where = f" in batch {twice.batches}" if twice.batches else ""
    return Finding(
        key=_twice_key(twice),
        kind=CaseKind.SETTLED_TWICE,
        reason=f"{twice.psp_reference} is settled {twice.times} times{where}",
        line=twice.line,
        payment_id=twice.payment_id,
        psp_reference=twice.psp_reference,
        batch=twice.batches.partition(", ")[0],
    )
