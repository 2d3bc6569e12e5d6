"""The calls to Adyen, the notices and the events of one payment, for its timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from kasir.payments.question import Kind
from kasir.store.database import Pool, queries
from kasir.store.deliveries import SQL as EVENTS
from kasir.store.deliveries import DeliveryState, Try
from kasir.store.inbox import NoticeKind

SQL: Final = queries("payment_life")


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call to the provider. `status` is that of its answer; None while there is none."""

    key: str
    kind: Kind
    path: str
    opened_at: datetime
    tries: int
    status: int | None


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notification of the provider; `sealed_item` is empty once its body was deleted."""

    id: int
    kind: NoticeKind
    sealed_item: bytes
    event_code: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event for the shop. `state` is None if it is not delivered, but fetched by the shop."""

    name: str
    type: str
    at: datetime
    state: DeliveryState | None
    tries: tuple[Try, ...]


@dataclass(frozen=True, slots=True)
class SealedMessage:
    """A stored message, encrypted.

    Attributes:
        at: When it was sent or received.
        name: The path of a call, the event code of a notice, or the type of an event.
        sealed_body: The encrypted body; empty if it was deleted.
        status: The HTTP status of an answer; None for other messages.
    """

    at: datetime
    name: str
    sealed_body: bytes
    status: int | None = None


async def calls_of(pool: Pool, payment_id: str, most: int) -> list[CallRow]:
    """Return the calls for a payment, oldest first."""
    return [
        CallRow(
            key=row["key"],
            kind=Kind(row["kind"]),
            path=row["path"],
            opened_at=row["opened_at"],
            tries=row["tries"],
            status=row["status"],
        )
        async for row in SQL.calls_of(pool, payment_id=payment_id, most=most)
    ]


async def notices_of(pool: Pool, payment_id: str, most: int) -> list[NoticeRow]:
    """Return the notices of a payment, oldest first."""
    return [
        NoticeRow(
            id=row["id"],
            kind=NoticeKind(row["kind"]),
            sealed_item=row["item"],
            event_code=row["event_code"],
            received_at=row["received_at"],
        )
        async for row in SQL.notices_of(pool, payment_id=payment_id, most=most)
    ]


async def events_of(pool: Pool, payment_id: str, most: int) -> list[EventRow]:
    """Return the events about a payment with every try to deliver them, oldest first."""
    rows = [row async for row in SQL.events_of(pool, payment_id=payment_id, most=most)]
    tries: dict[int, list[Try]] = {row["id"]: [] for row in rows}
    if rows:
        async for row in EVENTS.tries_of(pool, ids=list(tries)):
            tries[row["event_id"]].append(Try(row["at"], row["status"], row["error"]))
    return [
        EventRow(row["name"], row["type"], row["at"], _state_of(row), tuple(tries[row["id"]]))
        for row in rows
    ]


async def renewal_of(pool: Pool, payment_id: str) -> tuple[str, int] | None:
    """Return the subscription and the number of the period that a payment was made for."""
    row = await SQL.renewal_of(pool, payment_id=payment_id)
    return (row["subscription_id"], row["period"]) if row else None


async def request(pool: Pool, payment_id: str, key: str) -> SealedMessage | None:
    """Return the body of a call for a payment."""
    row = await SQL.call(pool, payment_id=payment_id, key=key)
    return SealedMessage(row["opened_at"], row["path"], row["body"]) if row else None


async def answer(pool: Pool, payment_id: str, key: str) -> SealedMessage | None:
    """Return the answer to a call for a payment; None also while there is none."""
    row = await SQL.call(pool, payment_id=payment_id, key=key)
    if row is None or row["status"] is None:
        return None
    return SealedMessage(row["asked_at"], row["path"], row["answer"], row["status"])


async def notice(pool: Pool, payment_id: str, notice_id: int) -> SealedMessage | None:
    """Return a notice of a payment."""
    row = await SQL.notice(pool, payment_id=payment_id, id=notice_id)
    return SealedMessage(row["received_at"], row["event_code"], row["item"]) if row else None


async def event(pool: Pool, payment_id: str, name: str) -> SealedMessage | None:
    """Return an event about a payment."""
    row = await SQL.event(pool, payment_id=payment_id, name=name)
    return SealedMessage(row["at"], row["type"], row["payload"]) if row else None


def _state_of(row: Mapping[str, Any]) -> DeliveryState | None:
    if row["delivered_at"]:
        return DeliveryState.DELIVERED
    if row["given_up_at"]:
        return DeliveryState.GIVEN_UP
    return DeliveryState.WAITING if row["due_at"] else None
