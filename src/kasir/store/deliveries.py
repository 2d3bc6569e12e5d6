"""The deliveries of events as operators see them: the state and all tries of each delivery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from kasir.store.database import Pool, queries

SQL: Final = queries("events")

#: An event that was given up longer ago is resent only if the operator gives its name, because the
#: shop may have learned of the change in another way.
RESENT_WITHIN: Final = timedelta(days=7)
#: How many events one statement makes due again.
_BATCH: Final = 1000


class DeliveryState(StrEnum):
    """The state of an event's delivery."""

    #: Another try follows, now or later.
    WAITING = "waiting"
    #: The shop accepted the event.
    DELIVERED = "delivered"
    #: The last try failed, and no other try follows automatically.
    GIVEN_UP = "given_up"


class Try(msgspec.Struct, omit_defaults=True):
    """One try to deliver: the shop's HTTP status or, if no response came, a short error."""

    at: datetime
    status: int | None = None
    error: str = ""

    def __str__(self) -> str:
        """The HTTP status or the error, and the time of the try."""
        return f"{self.status or self.error} on {self.at.isoformat(timespec='seconds')}"


class Delivery(msgspec.Struct, rename="camel", kw_only=True):
    """An event with its delivery: its id, type, subject, state, and all tries."""

    id: str
    event: str
    subject: str
    state: DeliveryState
    created_at: datetime
    tries: list[Try]


async def deliveries(pool: Pool, state: DeliveryState, most: int) -> list[Delivery]:
    """Return at most `most` deliveries in a state, newest first."""
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
    """Make events due again, with a count of 0 tries. Returns the names of the changed events.

    Args:
        pool: The database.
        names: The names of events; if empty, all events that were given up within `RESENT_WITHIN`.
            An event that already waits for delivery is not changed.
        now: When the events are due.
    """
    if names:
        return [row["name"] async for row in SQL.resend(pool, names=list(names), now=now)]
    resent: list[str] = []
    while True:
        rows = SQL.resend_given_up(pool, now=now, since=now - RESENT_WITHIN, most=_BATCH)
        batch = [row["name"] async for row in rows]
        resent += batch
        if len(batch) < _BATCH:
            return resent


async def left(pool: Pool, now: datetime, most: int) -> int:
    """Return how many events, at most `most`, were given up longer ago than `RESENT_WITHIN`."""
    return int(await SQL.given_up_before(pool, since=now - RESENT_WITHIN, most=most))


async def last_try(pool: Pool) -> Try | None:
    """Return the newest try to deliver any event; None if there was none."""
    row = await SQL.last_try(pool)
    return _try(row) if row else None


def _try(row: Any) -> Try:
    return Try(row["at"], row["status"], row["error"])
