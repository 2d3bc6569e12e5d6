"""Counts for monitoring: waiting work, its age, and payments without a known outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kasir.store.database import Pool, queries
from kasir.store.deliveries import RESENT_WITHIN
from kasir.store.inbox import NoticeState

SQL: Final = queries("figures")


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of open rows, each up to a limit. Names that end in `_s` are seconds.

    Attributes:
        notices: How many notices are in each state in which many notices need an operator.
        unread_s: How long the oldest unread notice has waited.
        unknown: Payments whose outcome is not known.
        unconfirmed: Attempts that timed out and whose outcome Adyen has not reported.
        unconfirmed_s: How long ago the first of these attempts timed out.
        events: Events that are still to be delivered to the shop.
        events_s: How long ago the oldest of these events was written.
        given_up: Events that were given up in the last week.
        due: Subscriptions that are due.
        failed_jobs: Failed jobs: their handler raised an error, and they are not queued again.
    """

    notices: dict[NoticeState, int]
    unread_s: float
    unknown: int
    unconfirmed: int
    unconfirmed_s: float
    events: int
    events_s: float
    given_up: int
    due: int
    failed_jobs: int


async def figures(pool: Pool, now: datetime, most: int) -> Figures:
    """Return the figures; each count is at most `most`."""
    row = await SQL.figures(pool, now=now, most=most, given_up_since=now - RESENT_WITHIN)
    counted = (
        NoticeState.UNREAD,
        NoticeState.WAITING,
        NoticeState.HELD,
        NoticeState.UNHEARD_OF,
    )
    return Figures(
        notices={state: row[state] for state in counted},
        unread_s=seconds_since(row["unread_since"], now),
        unknown=row["unknown"],
        unconfirmed=row["unconfirmed"],
        unconfirmed_s=seconds_since(row["unconfirmed_since"], now),
        events=row["events"],
        events_s=seconds_since(row["events_since"], now),
        given_up=row["given_up"],
        due=row["due"],
        failed_jobs=row["failed_jobs"],
    )


def seconds_since(moment: datetime | None, now: datetime) -> float:
    """The seconds from a moment to now; 0 without a moment."""
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0
