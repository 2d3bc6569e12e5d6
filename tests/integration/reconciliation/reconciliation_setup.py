"""A Kasir that reconciles reports which tests give to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from fakes import NOW, FrozenClock
from kasir.reconciliation.cases import CaseState
from kasir.store import cases, reports
from kasir.store.cases import Case
from kasir.store.reports import Report
from kasir.wiring import Parts
from opened_kasir import kasir_on
from report_files import SETTLEMENT, csv_of, payout

__all__ = ["Reconciler", "reconciler"]


@dataclass
class Reconciler:
    """A Kasir on an empty database, and its cases."""

    kasir: Parts
    clock: FrozenClock
    reports: list[int] = field(default_factory=list)

    async def give(self, name: str, content: bytes) -> Report:
        """Give a report by hand; returns it as it is then."""

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(content), 10_000):
                yield content[start : start + 10_000]

        report_id = await self.kasir.reports.add(name, pieces())
        self.reports.append(report_id)
        report = await reports.report(self.kasir.pool, report_id)
        assert report is not None
        return report

    async def give_batch(
        self, rows: Sequence[Mapping[str, str]], number: int = 12, *, is_paid_out: bool = True
    ) -> Report:
        """Give settlement details of one batch, whose last row is the payout."""
        all_rows = [dict(row) | {"Batch Number": str(number)} for row in rows]
        if is_paid_out:
            all_rows.append(payout(all_rows) | {"Batch Number": str(number)})
        name = f"settlement_detail_report_batch_{number}.csv"
        return await self.give(name, csv_of(all_rows, SETTLEMENT))

    async def open_cases(self) -> list[Case]:
        """The open cases, oldest first."""
        found = await cases.cases(self.kasir.pool, CaseState.OPEN, None, 2**62, 1000)
        return found[::-1]

    async def kinds(self) -> list[tuple[str, str | None]]:
        """The kind and the pspReference of each open case."""
        return [(case.kind, case.psp_reference) for case in await self.open_cases()]


@pytest.fixture
async def reconciler(fresh_database: str) -> AsyncIterator[Reconciler]:
    """A Kasir on an empty database."""
    clock = FrozenClock(NOW)
    async with kasir_on(fresh_database, clock=clock) as kasir:
        yield Reconciler(kasir, clock)
