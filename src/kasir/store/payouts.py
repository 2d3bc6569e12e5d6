"""Statements and rows of what was paid out: rows of Kasir's payments, batches, fees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from kasir.payments.payment import Intent
from kasir.store.database import Connection, Pool, queries
from kasir.store.payments import intent_of

SQL: Final = queries("payouts")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """A row of a report that is of a payment of Kasir's; net and fees are in minor units."""

    line: int
    type: str
    payment_id: str
    psp_reference: str
    modification: str
    batch: str
    at: datetime | None
    currency: str
    gross: Decimal
    net_currency: str
    net: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutRow:
    """A batch in one currency; amounts are in minor units. See the table `payout`."""

    batch: str
    currency: str
    paid_out: Decimal
    paid_out_at: datetime | None
    is_balanced: bool
    payments: int
    own_net: Decimal
    first_taken_at: datetime | None
    last_taken_at: datetime | None
    id: int = 0
    report: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidRow:
    """A row of a payout or of a payment, for those who look at it.

    Attributes:
        row: The row.
        reference: The shop's reference of the payment; empty in rows of one payment.
        report: The name of the report; empty in rows of one payout.
        paid_out_at: When the batch was paid out, if it is known.
        position: The report and the line, for the next page.
        kind: The kind of the report.
    """

    row: ReportRow
    kind: str
    reference: str
    report: str
    paid_out_at: datetime | None
    position: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Twice:
    """A capture that is settled more often than once."""

    payment_id: str
    psp_reference: str
    modification: str
    times: int
    batches: str
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledRange:
    """From when to when captures were settled.

    Attributes:
        first_at: When the first settled payment was captured.
        last_at: When the last one was.
        has_gap: Whether a batch in between is missing.
        done_to: Up to when the search for unsettled payments was done.
        report_id: The newest reconciled report.
    """

    first_at: datetime
    last_at: datetime
    has_gap: bool
    done_to: datetime | None
    report_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """A captured payment that no report has; or a refund, which has a `name`."""

    payment_id: str
    psp_reference: str
    reference: str
    currency: str
    minor_units: int
    at: datetime
    name: str = ""


#: Where a page of payments begins: after this time and id.
Position = tuple[datetime, str]


async def intents(connection: Connection | Pool, ids: Sequence[str]) -> list[Intent]:
    """Return the intents of payments, without locking them."""
    return [intent_of(row) async for row in SQL.payments(connection, ids=ids)]


async def foreign_names(connection: Connection | Pool, names: Sequence[str]) -> set[str]:
    """Return those of these pspReferences that are of another system's payments."""
    return {row["name"] async for row in SQL.foreign_names(connection, names=names)}


async def add_rows(
    connection: Connection, report_id: int, kind: str, rows: Sequence[ReportRow]
) -> None:
    """Store rows of Kasir's payments."""
    if rows:
        await SQL.add_rows(
            connection,
            report_id=report_id,
            kind=kind,
            lines=[row.line for row in rows],
            types=[row.type for row in rows],
            payment_ids=[row.payment_id for row in rows],
            psp_references=[row.psp_reference for row in rows],
            modifications=[row.modification for row in rows],
            batches=[row.batch for row in rows],
            ats=[row.at for row in rows],
            currencies=[row.currency for row in rows],
            gross=[row.gross for row in rows],
            net_currencies=[row.net_currency for row in rows],
            nets=[row.net for row in rows],
            fees=[row.fees for row in rows],
        )


async def settled_twice(
    pool: Pool, report_id: int, lines: tuple[int, int], *, has_batches: bool
) -> list[Twice]:
    """The captures among these rows of a report, first to last, and how often each is settled."""
    statement = SQL.settled_twice if has_batches else SQL.booked_twice
    rows = statement(pool, report_id=report_id, first=lines[0], last=lines[1])
    return [Twice(**dict(row)) async for row in rows]


async def write_payouts(pool: Pool, report_id: int, rows: Sequence[PayoutRow]) -> None:
    """Store the batches of a report."""
    if rows:
        await SQL.write_payouts(
            pool,
            report_id=report_id,
            batches=[row.batch for row in rows],
            currencies=[row.currency for row in rows],
            paid_outs=[row.paid_out for row in rows],
            paid_out_ats=[row.paid_out_at for row in rows],
            are_balanced=[row.is_balanced for row in rows],
            payments=[row.payments for row in rows],
            own_nets=[row.own_net for row in rows],
            first_taken_ats=[row.first_taken_at for row in rows],
            last_taken_ats=[row.last_taken_at for row in rows],
        )


async def fees_seen(pool: Pool) -> dict[tuple[str, str], str]:
    """The samples of fees, as JSON, by method and currency."""
    return {(row["method"], row["currency"]): row["points"] async for row in SQL.fees_seen(pool)}


async def write_fees(pool: Pool, samples: Mapping[tuple[str, str], str]) -> None:
    """Replace samples of fees."""
    if samples:
        await SQL.write_fees(
            pool,
            methods=[method for method, _ in samples],
            currencies=[currency for _, currency in samples],
            points=[*samples.values()],
        )


async def payouts(pool: Pool, before: int, most: int) -> list[PayoutRow]:
    """Return batches, newest first."""
    return [_payout_of(row) async for row in SQL.payouts(pool, before=before, most=most)]


async def payout(pool: Pool, batch: str) -> list[PayoutRow]:
    """Return the batch of this number, once for each settlement currency."""
    return [_payout_of(row) async for row in SQL.payout(pool, batch=batch)]


async def rows_of_payout(
    pool: Pool, batch: str, after: tuple[int, int], most: int
) -> list[PaidRow]:
    """Return the rows of Kasir's payments in a batch, in the order of the report."""
    report_id, line = after
    rows = SQL.rows_of_payout(pool, batch=batch, after_report=report_id, after_line=line, most=most)
    return [_paid_of(row, reference=row["reference"]) async for row in rows]


async def rows_of_payment(pool: Pool, payment_id: str) -> list[PaidRow]:
    """Return the rows that reports have of a payment."""
    rows = SQL.rows_of_payment(pool, payment_id=payment_id)
    return [
        _paid_of(row, report=row["report"], paid_out_at=row["paid_out_at"]) async for row in rows
    ]


async def is_search_due(connection: Connection, now: datetime, later: datetime) -> bool:
    """Take the daily search for unsettled payments, if it is due."""
    return bool(await SQL.search_due(connection, now=now, later=later))


async def settled_range(pool: Pool) -> SettledRange | None:
    """From when to when captures were settled; None before the first payout of Kasir's payments.

    If the very first batch of the account is known, nothing was settled before it.
    """
    row = await SQL.settled_range(pool)
    if row["first_at"] is None:
        return None
    first_at = datetime.min.replace(tzinfo=row["first_at"].tzinfo)
    return SettledRange(
        first_at=first_at if row["has_first"] else row["first_at"],
        last_at=row["last_at"],
        has_gap=bool(row["has_gap"]),
        done_to=row["done_to"],
        report_id=row["report_id"],
    )


async def searched(pool: Pool, done_to: datetime) -> None:
    """Record up to when unsettled payments were looked for."""
    await SQL.searched(pool, done_to=done_to)


async def captured_page(pool: Pool, after: Position, most: int) -> Position | None:
    """The last of the next `most` captured payments after a position; None if there is none."""
    row = await SQL.captured_page(pool, after_at=after[0], after_id=after[1], most=most)
    return (row["created_at"], row["id"]) if row else None


async def unsettled(
    pool: Pool, after: Position, to: Position, between: tuple[datetime, datetime]
) -> list[Unsettled]:
    """The payments of a page that were captured in a time and that no report has as settled."""
    rows = SQL.unsettled(
        pool,
        after_at=after[0],
        after_id=after[1],
        to_at=to[0],
        to_id=to[1],
        first_at=between[0],
        last_at=between[1],
    )
    return [
        Unsettled(
            payment_id=row["id"],
            psp_reference=row["psp_reference"],
            reference=row["reference"],
            currency=row["currency"],
            minor_units=row["captured"],
            at=row["at"],
        )
        async for row in rows
    ]


async def unrefunded(
    pool: Pool, after: Position, most: int, between: tuple[datetime, datetime]
) -> tuple[list[Unsettled], Position | None]:
    """Refunds that no report has, of a page of payments; and where the next page begins."""
    rows = SQL.unrefunded(
        pool,
        after_at=after[0],
        after_id=after[1],
        most=most,
        first_at=between[0],
        last_at=between[1],
    )
    found, last = [], None
    async for row in rows:
        last = row["created_at"], row["id"]
        if row["name"] is not None:
            found.append(
                Unsettled(
                    payment_id=row["id"],
                    psp_reference=row["psp_reference"],
                    reference=row["reference"],
                    currency=row["currency"],
                    minor_units=row["minor_units"] or 0,
                    at=row["at"],
                    name=row["name"],
                )
            )
    return found, last


def _payout_of(row: Mapping[str, Any]) -> PayoutRow:
    return PayoutRow(
        id=row["id"],
        batch=row["batch"],
        currency=row["currency"],
        report=row["report"],
        paid_out=row["paid_out"],
        paid_out_at=row["paid_out_at"],
        is_balanced=row["is_balanced"],
        payments=row["payments"],
        own_net=row["own_net"],
        first_taken_at=row["first_taken_at"],
        last_taken_at=row["last_taken_at"],
    )


def _paid_of(
    row: Mapping[str, Any],
    *,
    reference: str = "",
    report: str = "",
    paid_out_at: datetime | None = None,
) -> PaidRow:
    names = ("line", "type", "payment_id", "psp_reference", "modification", "batch", "at")
    amounts = ("currency", "gross", "net_currency", "net", "fees")
    return PaidRow(
        row=ReportRow(**{name: row[name] for name in (*names, *amounts)}),
        kind=row["kind"],
        reference=reference,
        report=report,
        paid_out_at=paid_out_at,
        position=(row["report_id"], row["line"]),
    )
