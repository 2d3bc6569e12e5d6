"""The deliveries of events and of relayed notices, as operators see them: states and tries.

A delivery goes to one of two addresses, the shop's for events or the relay's. An address can be
paused: nothing is sent to it then, and what is for it waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from kasir.adyen.checks import INT64_MAX
from kasir.store.database import Connection, Pool, queries
from kasir.store.inbox import NoticeKind

SQL: Final = queries("events")
RELAY: Final = queries("relay")

#: An event that was given up longer ago is resent only if the operator gives its name, because the
#: shop may have learned of the change in another way.
RESENT_WITHIN: Final = timedelta(days=7)
#: How many events one statement makes due again.
_BATCH: Final = 1000
#: The beginning of the id of a relayed notice's delivery; the number of its row follows.
_RELAYED: Final = "rly_"
#: The most digits that the number of a row has.
_ROW_DIGITS_MAX: Final = 18


class AddressName(StrEnum):
    """The addresses that Kasir delivers to."""

    #: The shop's address for events.
    EVENTS = "events"
    #: The shop's own Adyen handler, which gets Adyen's notifications.
    RELAY = "relay"


class DeliveryState(StrEnum):
    """The state of a delivery."""

    #: Another try follows, now or later.
    WAITING = "waiting"
    #: The address accepted the event or the notice.
    DELIVERED = "delivered"
    #: The last try of an event failed, and no other try follows automatically.
    GIVEN_UP = "given_up"
    #: The settings of the relay leave this notice out.
    SKIPPED = "skipped"
    #: An operator removed this notice from the relay's queue.
    DROPPED = "dropped"


#: The state of a relayed notice's delivery, by the state of its row.
_OF_RELAY: Final[Mapping[str, DeliveryState]] = {
    "waiting": DeliveryState.WAITING,
    "accepted": DeliveryState.DELIVERED,
    "skipped": DeliveryState.SKIPPED,
    "dropped": DeliveryState.DROPPED,
}
#: The states that few relayed notices have.
_OF_FEW: Final = frozenset({DeliveryState.WAITING, DeliveryState.DROPPED})
_RELAY_STATES: Final = {state: name for name, state in _OF_RELAY.items()}


class Try(msgspec.Struct, omit_defaults=True):
    """One try to deliver: the shop's HTTP status or, if no response came, a short error."""

    at: datetime
    status: int | None = None
    error: str = ""

    def __str__(self) -> str:
        """The HTTP status or the error, and the time of the try."""
        return f"{self.status or self.error} on {self.at.isoformat(timespec='seconds')}"


class Delivery(msgspec.Struct, rename="camel", kw_only=True):
    """An event or a relayed notice with its delivery: id, type, subject, state, and all tries.

    `subject` is the id of the payment, token or subscription that it is about; empty where that is
    not known.
    """

    id: str
    event: str
    subject: str
    state: DeliveryState
    created_at: datetime
    tries: list[Try]


@dataclass(frozen=True, slots=True)
class Listed:
    """A delivery, with the id of its row and its address.

    Attributes:
        row_id: The id of its row.
        address: The name of its address.
        delivery: The delivery.
        is_of_token: Whether it is a token notification, for which the relay may have another URL.
    """

    row_id: int
    address: AddressName
    delivery: Delivery
    is_of_token: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries to list; an empty value matches all.

    Attributes:
        state: Their state.
        event: The type of the event, or the event code of the notice.
        payment: The id of the payment (or token, or subscription) that they are about.
    """

    state: DeliveryState | None = None
    event: str = ""
    payment: str = ""


async def deliveries(pool: Pool, state: DeliveryState, most: int) -> list[Delivery]:
    """Return the deliveries of events in a state, newest first, at most `most`."""
    wanted = DeliveryFilter(state=state)
    return [one.delivery for one in await of_events(pool, wanted, None, most)]


async def of_events(
    pool: Pool, wanted: DeliveryFilter, before: int | None, most: int
) -> list[Listed]:
    """Return deliveries of events, newest first; those with row ids below `before`."""
    if wanted.state in {DeliveryState.SKIPPED, DeliveryState.DROPPED}:
        return []
    is_delivered = wanted.state is DeliveryState.DELIVERED
    more = {"type": wanted.event, "subject": wanted.payment, "most": most}
    below = {"before": INT64_MAX if before is None else before}
    if wanted.state is DeliveryState.WAITING:
        found = SQL.waiting_events_of(pool, **more, **below)
    elif wanted.state is DeliveryState.GIVEN_UP:
        found = SQL.given_up_events_of(pool, **more, **below)
    else:
        found = SQL.events_of(pool, is_delivered=is_delivered, **more, **below)
    return await _events_with_tries(pool, [row async for row in found])


async def of_relay(
    pool: Pool, wanted: DeliveryFilter, before: int | None, most: int
) -> list[Listed]:
    """Return deliveries of relayed notices, newest first; those with row ids below `before`."""
    if wanted.state is DeliveryState.GIVEN_UP:
        return []
    parameters = {
        "state": _RELAY_STATES[wanted.state] if wanted.state else "",
        "event_code": wanted.event,
        "before": INT64_MAX if before is None else before,
        "most": most,
    }
    if wanted.payment:
        found = RELAY.relayed_of(pool, payment_id=wanted.payment, **parameters)
    elif wanted.event and wanted.state not in _OF_FEW:
        found = RELAY.relayed_of_code(pool, last=INT64_MAX, **parameters)
    else:
        found = RELAY.relayed(pool, **parameters)
    return await _relayed_with_tries(pool, [row async for row in found])


async def event_named(pool: Pool, name: str) -> Listed | None:
    """Return the delivery of an event by the event's id, of events without a delivery too."""
    row = await SQL.event_named(pool, name=name)
    found = await _events_with_tries(pool, [row] if row else [])
    return found[0] if found else None


async def relayed(pool: Pool, row_id: int) -> Listed | None:
    """Return the delivery of a relayed notice by the id of its row."""
    row = await RELAY.relayed_notice(pool, id=row_id)
    found = await _relayed_with_tries(pool, [row] if row else [])
    return found[0] if found else None


async def _events_with_tries(pool: Pool, rows: Sequence[Any]) -> list[Listed]:
    tries: dict[int, list[Try]] = {row["id"]: [] for row in rows}
    if rows:
        async for row in SQL.tries_of(pool, ids=list(tries)):
            tries[row["event_id"]].append(_try(row))
    return [_of_event(row, tries[row["id"]]) for row in rows]


async def _relayed_with_tries(pool: Pool, rows: Sequence[Any]) -> list[Listed]:
    tries: dict[int, list[Try]] = {row["id"]: [] for row in rows}
    if rows:
        async for row in RELAY.relay_tries_of(pool, ids=list(tries)):
            tries[row["relay_id"]].append(_try(row))
    return [_of_relay(row, tries[row["id"]]) for row in rows]


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


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery that ended, by an acceptance or otherwise: the id of its row, and when."""

    row_id: int
    at: datetime


async def ended_since(
    pool: Pool, address: AddressName, since: datetime, until: datetime, most: int
) -> list[Ended]:
    """Return deliveries to an address that ended in this time, the earliest first."""
    statement = SQL.ended_since if address is AddressName.EVENTS else RELAY.settled_since
    rows = statement(pool, since=since, until=until, most=most)
    return [Ended(row["id"], row["ended_at"]) async for row in rows]


async def resend_rows(pool: Pool, address: AddressName, ids: Sequence[int], now: datetime) -> int:
    """Make deliveries due again by the ids of their rows; returns how many.

    A delivery that waits already is not changed, nor is a notice whose body was deleted.
    """
    total = 0
    for start in range(0, len(ids), _BATCH):
        batch = list(ids[start : start + _BATCH])
        if address is AddressName.EVENTS:
            total += int(await SQL.resend_ids(pool, ids=batch, now=now))
        else:
            total += len([row async for row in RELAY.relay_again(pool, ids=batch, now=now)])
    return total


def relayed_row(name: str) -> int | None:
    """The id of the row of a relayed notice's delivery, from the delivery's id; None for others."""
    number = name.removeprefix(_RELAYED)
    is_number = number.isascii() and number.isdigit() and len(number) <= _ROW_DIGITS_MAX
    return int(number) if name.startswith(_RELAYED) and is_number else None


async def paused(pool: Pool) -> dict[AddressName, datetime]:
    """Return the paused addresses, and since when each is paused."""
    return {AddressName(row["name"]): row["paused_at"] async for row in SQL.paused(pool)}


async def pause(connection: Connection | Pool, address: AddressName, now: datetime) -> None:
    """Send nothing to an address, until `resume`. What is for it waits."""
    await SQL.pause(connection, name=address, now=now)


async def resume(connection: Connection | Pool, address: AddressName) -> None:
    """Send to a paused address again."""
    await SQL.resume(connection, name=address)


async def left(pool: Pool, now: datetime, most: int) -> int:
    """Return how many events, at most `most`, were given up longer ago than `RESENT_WITHIN`."""
    return int(await SQL.given_up_before(pool, since=now - RESENT_WITHIN, most=most))


async def last_try(pool: Pool) -> Try | None:
    """Return the newest try to deliver any event; None if there was none."""
    row = await SQL.last_try(pool)
    return _try(row) if row else None


def _of_event(row: Any, tries: list[Try]) -> Listed:
    state = DeliveryState.WAITING
    if row["due_at"] is None:
        state = DeliveryState.DELIVERED if row["delivered_at"] else DeliveryState.GIVEN_UP
    delivery = Delivery(
        id=row["name"],
        event=row["type"],
        subject=row["subject"],
        state=state,
        created_at=row["at"],
        tries=tries,
    )
    return Listed(row["id"], AddressName.EVENTS, delivery)


def _of_relay(row: Any, tries: list[Try]) -> Listed:
    delivery = Delivery(
        id=f"{_RELAYED}{row['id']}",
        event=row["event_code"],
        subject=row["payment_id"] or "",
        state=_OF_RELAY[row["state"]],
        created_at=row["received_at"],
        tries=tries,
    )
    is_of_token = row["kind"] == NoticeKind.TOKENS
    return Listed(row["id"], AddressName.RELAY, delivery, is_of_token=is_of_token)


def _try(row: Any) -> Try:
    return Try(row["at"], row["status"], row["error"])
