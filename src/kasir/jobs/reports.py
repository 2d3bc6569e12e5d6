"""The use case of an announced report: fetch it from Adyen, store it, and have it reconciled.

The notification's signature does not cover the address of the report. So only a report of the
signed name is fetched, over https and from Adyen's own host (`adyen/report_addresses.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import structlog

from kasir.adyen.report_addresses import address_fault
from kasir.clock import Clock
from kasir.gateway.wire import Downloads
from kasir.jobs.kinds import JobKind
from kasir.jobs.reconciling import Reconciling
from kasir.report_settings import ReportSettings
from kasir.store import payouts, reports
from kasir.store.database import Connection, Pool, transaction
from kasir.store.reports import Report, ReportState, ReportWriter
from kasir.store.vault import Vault

#: Queues a job for each payload, in the caller's transaction.
Enqueue = Callable[[Connection, JobKind, Sequence[bytes]], Awaitable[None]]

_ROLE_CURE: Final = (
    "check KASIR_REPORT_USER and KASIR_REPORT_PASSWORD, and that the user is a report user with "
    "the role Merchant Report Download role: Customer Area, Developers, API credentials"
)
_CURES: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: _ROLE_CURE,
    HTTPStatus.FORBIDDEN: _ROLE_CURE,
    HTTPStatus.NOT_FOUND: "Adyen has no such report for this user; see Customer Area, Reports",
}

_log = structlog.get_logger("kasir.reports")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Fetches reports and has them reconciled; run by the worker.

    Attributes:
        pool: The database.
        vault: Encrypts reports.
        clock: Kasir's clock.
        downloads: Fetches files.
        base: Where Adyen's reports are, without a trailing slash.
        settings: The report user.
        gaps: The waits after the first, second, ... failed try; the last one is repeated.
        reconciling: Reconciles stored reports.
        search_every: How often payments that no report has are looked for.
    """

    pool: Pool
    vault: Vault
    clock: Clock
    downloads: Downloads
    base: str
    settings: ReportSettings
    gaps: Sequence[timedelta]
    reconciling: Reconciling
    search_every: timedelta

    async def take(self, report_id: int) -> None:
        """Do what is to be done with a report: fetch it if it is announced, then reconcile it."""
        report = await reports.report(self.pool, report_id)
        if report and report.state is ReportState.ANNOUNCED and report.url:
            if not await self._is_fetched(report):
                return
            report = await reports.report(self.pool, report_id)
        if report and report.state is ReportState.STORED:
            await self.reconciling.reconcile(report.id)

    async def run(self, report_id: bytes) -> None:
        """Take a report; without an id, look for payments that no report has."""
        if report_id:
            await self.take(int(report_id))
        else:
            await self.reconciling.search.run()

    async def queue_search(self, enqueue: Enqueue) -> None:
        """Queue the regular search for payments that no report has, if it is due."""
        now = self.clock.now()
        async with transaction(self.pool) as connection:
            if await payouts.is_search_due(connection, now, now + self.search_every):
                await enqueue(connection, JobKind.REPORT, [b""])

    async def add(self, name: str, pieces: AsyncIterable[bytes]) -> int:
        """Store and reconcile a report that is given by hand; returns its id.

        The same content under the same name is one report, which is reconciled again.
        """
        report_id = await reports.add(self.pool, name, self.clock.now())
        writer = ReportWriter(self.pool, self.vault, report_id)
        async for piece in pieces:
            await writer.write(piece)
        stored_id = await writer.end(None)
        await self.reconciling.reconcile(stored_id)
        return stored_id

    async def _is_fetched(self, report: Report) -> bool:
        """Fetch and store a report; if that fails, record why and when the next try is."""
        user = self.settings.user
        if user is None:
            return False
        if fault := address_fault(report.url, report.name, self.base):
            _log.warning("a report's address is refused", report=report.name, why=fault)
            await reports.reject(self.pool, report.id, ReportState.REFUSED, fault)
            return False
        writer = ReportWriter(self.pool, self.vault, report.id)
        await writer.begin()
        result = await self.downloads.get(report.url, user, self.settings.password, writer.write)
        if not result.error:
            await writer.end(self.clock.now())
            return True
        cure = _CURES.get(result.status or 0)
        error = f"{result.error}: {cure}" if cure else result.error
        _log.warning(
            "a report was not fetched", report=report.name, error=error, failures=report.tries + 1
        )
        gap = self.gaps[min(report.tries, len(self.gaps) - 1)]
        due_at = self.clock.now() + gap
        await reports.fetch_failed(self.pool, report.id, due_at, result.status, error)
        return False
