"""Statements and rows of cases: what is found wrong when a report is reconciled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from kasir.reconciliation.cases import CaseKind, CaseState, Finding
from kasir.store.database import Connection, Pool, queries

SQL: Final = queries("cases")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case; see the table `reconciliation_case`."""

    id: int
    kind: CaseKind
    state: CaseState
    reason: str
    payment_id: str | None
    psp_reference: str
    batch: str
    report: str
    line: int | None
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str
    closed_why: str


async def open_cases(
    connection: Connection | Pool, findings: Sequence[Finding], report_id: int, now: datetime
) -> None:
    """Open a case for each finding that has none; those of a person's decision stay closed."""
    # One statement cannot write a row twice; the last finding of a key counts.
    found = [*{finding.key: finding for finding in findings}.values()]
    if found:
        await SQL.open_cases(
            connection,
            keys=[each.key for each in found],
            kinds=[each.kind for each in found],
            reasons=[each.reason for each in found],
            payment_ids=[each.payment_id for each in found],
            psp_references=[each.psp_reference for each in found],
            batches=[each.batch for each in found],
            lines=[each.line for each in found],
            report_id=report_id,
            now=now,
        )


async def close_disproved(
    connection: Connection | Pool, keys: Sequence[str], report_id: int, now: datetime
) -> None:
    """Close the open cases with these keys, because a report disproves them."""
    if keys and await SQL.any_open(connection):
        await SQL.close_disproved(connection, keys=list(keys), report_id=report_id, now=now)


async def close_replaced(pool: Pool, report_id: int, now: datetime) -> None:
    """Close the open cases of rows that an earlier file of a report's name has and it has not."""
    await SQL.close_replaced(pool, report_id=report_id, now=now)


async def close(pool: Pool, case_id: int, why: str, closed_by: str, now: datetime) -> bool:
    """Close an open case with a person's reason; False if it is not open or does not exist."""
    row = await SQL.close_by_hand(pool, id=case_id, why=why, closed_by=closed_by, now=now)
    return row is not None


async def cases(
    pool: Pool, state: CaseState | None, kind: CaseKind | None, before: int, most: int
) -> list[Case]:
    """Return cases, newest first; None matches all."""
    rows = SQL.cases(pool, state=state, kind=kind, before=before, most=most)
    return [_case_of(row) async for row in rows]


async def case(pool: Pool, case_id: int) -> Case | None:
    """Return a case."""
    row = await SQL.case_(pool, id=case_id)
    return _case_of(row) if row else None


async def open_of_reports(pool: Pool, report_ids: Sequence[int], most: int) -> list[Case]:
    """Return open cases that these reports have shown, in the order in which they were opened."""
    rows = SQL.open_of_reports(pool, report_ids=list(report_ids), most=most)
    return [_case_of(row) async for row in rows]


async def count_open_of_reports(pool: Pool, report_ids: Sequence[int]) -> dict[str, int]:
    """How many cases these reports have shown that are open, by kind."""
    rows = SQL.count_open_of_reports(pool, report_ids=list(report_ids))
    return {row["kind"]: row["count"] async for row in rows}


def _case_of(row: Mapping[str, Any]) -> Case:
    return Case(
        id=row["id"],
        kind=CaseKind(row["kind"]),
        state=CaseState(row["state"]),
        reason=row["reason"],
        payment_id=row["payment_id"],
        psp_reference=row["psp_reference"],
        batch=row["batch"],
        report=row["report"] or "",
        line=row["line"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        closed_by=row["closed_by"],
        closed_why=row["closed_why"],
    )
