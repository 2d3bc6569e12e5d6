"""The use case of payments and refunds that Kasir has and no report has.

A payment that was captured before another one that is settled is *missing there*, unless a batch
in between has not come. A payment that was captured later is *aged* once it has waited too long.
Only Kasir's own times are compared, because the zones of reports are not always known. What was
captured before the first payment that a report has was settled before Kasir read reports.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from kasir.clock import Clock
from kasir.reconciliation.cases import CaseKind, Finding
from kasir.reconciliation.comparing import unrefunded_key, unsettled_key
from kasir.store import cases, payouts
from kasir.store.database import Pool
from kasir.store.payouts import Position, SettledRange, Unsettled

#: A payment may be captured this long after it was made; those that are older are not looked at
#: again.
_CAPTURED_WITHIN: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsettledSearch:
    """Finds what no report has.

    Attributes:
        pool: The database.
        clock: Kasir's clock.
        within: A captured payment that no report has after this time is a case.
        batch_max: How many payments one statement looks at.
    """

    pool: Pool
    clock: Clock
    within: timedelta
    batch_max: int

    async def run(self) -> None:
        """Look through the payments that are to be in a report by now, and open cases."""
        found = await payouts.settled_range(self.pool)
        if found is None:
            return
        aged_at = self.clock.now() - self.within
        await self._find_payments(found, aged_at)
        if not found.has_gap:
            await self._find_refunds(found)
            await payouts.searched(self.pool, found.last_at)

    async def _find_payments(self, found: SettledRange, aged_at: datetime) -> None:
        until = max(aged_at, aged_at if found.has_gap else found.last_at)
        page = await payouts.captured_page(self.pool, _start(found), self.batch_max)
        after = _start(found)
        while page:
            between = found.first_at, until
            rows = await payouts.unsettled(self.pool, after, page, between)
            findings = [_unsettled(row, found) for row in rows]
            await cases.open_cases(self.pool, findings, found.report_id, self.clock.now())
            after = page
            page = await payouts.captured_page(self.pool, after, self.batch_max)

    async def _find_refunds(self, found: SettledRange) -> None:
        after: Position | None = (found.first_at, "")
        while after:
            between = found.first_at, found.last_at
            rows, after = await payouts.unrefunded(self.pool, after, self.batch_max, between)
            findings = [_unrefunded(row) for row in rows]
            await cases.open_cases(self.pool, findings, found.report_id, self.clock.now())


def _start(found: SettledRange) -> Position:
    """Where the search begins: what is older was looked at before."""
    if found.done_to is None:
        return found.first_at, ""
    return max(found.first_at, found.done_to - _CAPTURED_WITHIN), ""


def _unsettled(row: Unsettled, found: SettledRange) -> Finding:
    paid = f"{row.minor_units} {row.currency} ({row.reference}) captured on {row.at:%Y-%m-%d}"
    missing = Finding(
        key=unsettled_key(row.payment_id),
        kind=CaseKind.MISSING_THERE,
        reason=f"{paid} are in no report, although later payments are",
        payment_id=row.payment_id,
        psp_reference=row.psp_reference,
    )
    if row.at <= found.last_at and not found.has_gap:
        return missing
    reason = f"{paid} are in no report yet"
    return replace(missing, kind=CaseKind.AGED_UNSETTLED, reason=reason)


def _unrefunded(row: Unsettled) -> Finding:
    refunded = f"the refund {row.name} of {row.minor_units} {row.currency} ({row.reference})"
    return Finding(
        key=unrefunded_key(row.payment_id, row.name),
        kind=CaseKind.REFUND,
        reason=f"{refunded} is in no report, although later payments are",
        payment_id=row.payment_id,
        psp_reference=row.psp_reference,
    )
