"""Sums of payments by status and period, and the lengths of queues, for the overview of a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from kasir.payments.status import Status
from kasir.store.database import Pool, queries

SQL: Final = queries("today")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which payments to sum: those with a status that were created in a period."""

    status: Status
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Sum:
    """How many payments there are, and their amount in rupiah."""

    count: int
    value: int


@dataclass(frozen=True, slots=True)
class Queues:
    """What waits.

    Attributes:
        jobs: Jobs that wait for a worker.
        failing: Events whose delivery failed and is tried again.
        cases: Open cases of reconciliation.
        last_notice_at: When Adyen's last notification about a payment came; None without one.
    """

    jobs: int
    failing: int
    cases: int
    last_notice_at: datetime | None


async def sums(pool: Pool, asked: Sequence[Asked]) -> list[Sum]:
    """Return a sum for each that is asked, in one statement."""
    rows = SQL.sums(
        pool,
        statuses=[one.status for one in asked],
        since=[one.since for one in asked],
        until=[one.until for one in asked],
    )
    return [Sum(row["count"], row["value"]) async for row in rows]


async def paid_days(pool: Pool, first: date, last: date) -> dict[date, Sum]:
    """Return what was paid on days, as far as `sum_paid_day` has stored it."""
    rows = SQL.paid_days(pool, first=first, last=last)
    return {row["day"]: Sum(row["count"], row["value"]) async for row in rows}


async def sum_paid_day(pool: Pool, day: date, since: datetime, until: datetime) -> None:
    """Sum what was paid of the payments of a day, and store the sum."""
    await SQL.sum_paid_day(pool, day=day, since=since, until=until)


async def queues(pool: Pool, most: int) -> Queues:
    """Return what waits, each counted up to `most`."""
    row = await SQL.queues(pool, most=most)
    return Queues(row["jobs"], row["failing"], row["cases"], row["last_notice_at"])
