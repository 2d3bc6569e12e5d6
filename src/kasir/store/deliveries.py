"""Events on their way to the shop, as the operator sees them: each try, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from kasir.shop_events.delivery import Answered
from kasir.store.database import Pool, queries

SQL: Final = queries("events")

#: A shop may have dealt with what is older, and would be told of it as of news.
RESENT_WITHIN: Final = timedelta(days=7)
_BATCH: Final = 1000


class DeliveryState(StrEnum):
    """How the delivery of an event stands."""

    #: To be tried, now or later.
    WAITING = "waiting"
    #: The shop took it.
    DELIVERED = "delivered"
    #: The last try failed, and no other follows by itself.
    GIVEN_UP = "given_up"


class Try(msgspec.Struct, omit_defaults=True):
    """One try: the shop's status, or in a word what happened where there was none."""

    at: datetime
    status: int | None = None
    error: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the shop took the event."""
        return Answered(self.status).is_taken

    def __str__(self) -> str:
        """What was answered, and when."""
        return f"{self.status or self.error} on {self.at.isoformat(timespec='seconds')}"


class Delivery(msgspec.Struct, rename="camel", kw_only=True):
    """An event that is or was delivered: its id, its type, what it tells of, and every try."""

    id: str
    event: str
    subject: str
    state: DeliveryState
    created_at: datetime
    tries: list[Try]


async def deliveries(pool: Pool, state: DeliveryState, most: int) -> list[Delivery]:
    """Give those in a state, newest first, `most` at most."""
    query = {
        DeliveryState.WAITING: SQL.waiting_events,
        DeliveryState.DELIVERED: SQL.delivered_events,
        DeliveryState.GIVEN_UP: SQL.given_up_events,
    }[state]
    rows = [row async for row in query(pool, most=most)]
    tries: dict[int, list[Try]] = {row["id"]: [] for row in rows}
    async for row in SQL.tries_of(pool, ids=list(tries)):
        tries[row["event_id"]].append(_try(row))
    return [
        Delivery(
            id=row["name"],
            event=row["type"],
            subject=row["subject"],
            state=state,
            created_at=row["at"],
            tries=tries[row["id"]],
        )
        for row in rows
    ]


async def resend(pool: Pool, names: Sequence[str], now: datetime) -> list[str]:
    """Have events sent anew, as if for the first time; gives those that will be.

    Args:
        pool: Where they are.
        names: Which; where none is named, all that were given up within `RESENT_WITHIN`. One that
            waits is left alone.
        now: When they are due.
    """
    if names:
        return [row["name"] async for row in SQL.resend(pool, names=list(names), now=now)]
    resent: list[str] = []
    while True:
        rows = SQL.resend_given_up(pool, now=now, since=now - RESENT_WITHIN, most=_BATCH)
        found = [row["name"] async for row in rows]
        resent += found
        if len(found) < _BATCH:
            return resent


async def left(pool: Pool, now: datetime, most: int) -> int:
    """How many were given up so long ago that each is only sent by its name; `most` at most."""
    return int(await SQL.given_up_before(pool, since=now - RESENT_WITHIN, most=most))


async def last_try(pool: Pool) -> Try | None:
    """What the shop answered last, to whichever event."""
    row = await SQL.last_try(pool)
    return _try(row) if row else None


def _try(row: Any) -> Try:
    return Try(row["at"], row["status"], row["error"])
