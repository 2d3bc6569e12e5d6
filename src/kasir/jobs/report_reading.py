"""Reads a stored report: once to survey it, and row by row to compare it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Final

from kasir.clock import Clock
from kasir.money import IDR
from kasir.payments import fold
from kasir.payments.payment import Payment
from kasir.reconciliation import fees
from kasir.reconciliation.amounts import RupiahDetector
from kasir.reconciliation.arithmetic import Batches
from kasir.reconciliation.comparing import is_of_account, known_amounts
from kasir.reconciliation.entries import Entry, ReportKind, Role
from kasir.reconciliation.reading import RowFault, entries, kind_of
from kasir.reconciliation.tables import TableReader
from kasir.report_settings import RupiahDecimals
from kasir.store import payments as payment_rows
from kasir.store import payouts, reports
from kasir.store.database import Connection, Pool, transaction
from kasir.store.reports import Report
from kasir.store.vault import Vault

#: After so many payments whose amounts agree, it is known how a file prints rupiah.
_COMPARED_MIN: Final = 200
#: What rows mean whose amounts the ledger has.
_COMPARED: Final = frozenset({Role.SETTLED, Role.REFUNDED, Role.CHARGED_BACK})


@dataclass(slots=True)
class Survey:
    """What the first reading of a report shows."""

    kind: ReportKind = ReportKind.SETTLEMENT
    rows: int = 0
    unreadable: int = 0
    last_line: int = 0
    printing: RupiahDetector = field(default_factory=RupiahDetector)
    batches: Batches = field(default_factory=Batches)
    fees: dict[tuple[str, str], fees.FeeSample] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerView:
    """The payments that rows name, and the pspReferences that are another system's."""

    payments: Mapping[str, Payment]
    foreign: set[str]

    def of(self, entry: Entry) -> Payment | None:
        """The payment of a row, by its own pspReference or by that of its change."""
        return self.payments.get(entry.psp_reference) or self.payments.get(entry.modification)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReports:
    """Reads stored reports.

    Attributes:
        pool: The database.
        vault: Decrypts reports.
        clock: Kasir's clock.
        merchant_account: Kasir's merchant account.
        methods: The payment methods that Kasir takes.
        rupiah: How reports print rupiah.
        rows_max: How many rows are read at a time.
        again_after: A report that is worked at is due again after this time.
    """

    pool: Pool
    vault: Vault
    clock: Clock
    merchant_account: str
    methods: frozenset[str]
    rupiah: RupiahDecimals
    rows_max: int
    again_after: timedelta

    async def survey(self, report: Report) -> Survey:
        """Read a report for the first time.

        Raises:
            UnreadableReport: It cannot be read.
        """
        survey = Survey()
        async for kind, read, faults in self.read(report):
            survey.kind = kind
            survey.rows += len(read) + len(faults)
            survey.unreadable += len(faults)
            lines = [entry.line for entry in read] + [fault.line for fault in faults]
            survey.last_line = max([survey.last_line, *lines])
            own = [entry for entry in read if is_of_account(entry, self.merchant_account)]
            if kind is ReportKind.SETTLEMENT:
                survey.batches.add(own)
            settled = [entry for entry in own if self._is_settled_by_ours(entry)]
            for entry in settled:
                if entry.rate is not None:
                    sample = survey.fees.setdefault(_fee_key(entry), fees.FeeSample())
                    sample.add(entry.gross * entry.rate, entry.fees)
            if survey.printing.agreeing < _COMPARED_MIN and self.rupiah is RupiahDecimals.DETECT:
                await self._count_printing(survey.printing, own)
        return survey

    def _is_settled_by_ours(self, entry: Entry) -> bool:
        """Whether a row settles a payment with a method that Kasir takes."""
        return entry.role is Role.SETTLED and entry.method in self.methods

    async def _count_printing(self, printing: RupiahDetector, own: Sequence[Entry]) -> None:
        """Count in which way the amounts in rupiah agree with the ledger."""
        rupiah = [entry for entry in own if entry.gross_currency == IDR and entry.role in _COMPARED]
        async with transaction(self.pool) as connection:
            ledger = await ledger_of(connection, rupiah)
        for entry in rupiah:
            payment = ledger.of(entry)
            if payment:
                printing.count(abs(entry.gross), known_amounts(entry, payment))

    async def read(
        self, report: Report
    ) -> AsyncIterator[tuple[ReportKind, list[Entry], list[RowFault]]]:
        """Read a report in batches of rows, with its kind.

        Raises:
            UnreadableReport: It cannot be read.
        """
        reader, kind = TableReader(), None
        async for piece in reports.content(self.pool, self.vault, report.id):
            await reports.postpone(self.pool, report.id, self.clock.now() + self.again_after)
            rows = reader.feed(piece)
            while batch := [*islice(rows, self.rows_max)]:
                kind = kind or kind_of(report.name, reader.columns)
                yield kind, *entries(batch, kind)
        rest = [*reader.finish()]
        kind = kind or kind_of(report.name, reader.columns)
        yield kind, *entries(rest, kind)


async def ledger_of(connection: Connection, read: Sequence[Entry]) -> LedgerView:
    """The payments that rows name, by four statements."""
    named = {entry.psp_reference for entry in read} | {entry.modification for entry in read}
    names = sorted(named - {""})
    if not names:
        return LedgerView({}, set())
    owners = await payment_rows.candidates(connection, names=names, ids=[], references=[], most=0)
    ids = sorted({payment_id for payment_id, _ in owners})
    intents = await payouts.intents(connection, ids)
    facts = await payment_rows.facts_of(connection, ids)
    known = {intent.id: fold.payment(intent, facts[intent.id]) for intent in intents}
    by_name = {name: known[payment_id] for payment_id, name in owners if name}
    unknown = [name for name in names if name not in by_name]
    return LedgerView(by_name, await payouts.foreign_names(connection, unknown))


def _fee_key(entry: Entry) -> tuple[str, str]:
    return entry.method, entry.net_currency
