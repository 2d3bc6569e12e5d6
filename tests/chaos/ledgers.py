"""Compare Kasir's payments with the twin's, and with the events that the shop received."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import asyncpg

from kasir.demo.client import JourneyClient

Payment = Mapping[str, Any]
Event = Mapping[str, Any]

#: The twin's statuses that have another name in Kasir, each with that name.
STATUS: Final = {"awaiting": "awaiting_shopper"}
#: The event that the shop receives for each status.
EVENTS: Final = {
    status: f"payment.{status}"
    for status in ("unknown", "pending", "authorised", "refused", "cancelled", "expired", "failed")
}
#: The events that Kasir holds back for `SETTLE`.
BAD: Final = frozenset({"payment.refused", "payment.cancelled", "payment.expired"})
REFUND_ENDS: Final = {
    "succeeded": "refund.succeeded",
    "failed": "refund.failed",
    "reversed": "refund.reversed",
}
#: How long Kasir holds back the event of a bad result, in case an authorisation follows.
SETTLE: Final = timedelta(seconds=600)
#: The twin writes times in whole seconds, and Kasir's clock follows the twin's with a short delay.
SLACK: Final = timedelta(seconds=3)

#: The earliest time that Kasir's clock can have shown when something happened at the twin.
AtLeast = Callable[[datetime], datetime]


class ShopEvents:
    """A shop's events, fetched page by page by polling."""

    def __init__(self, journey_client: JourneyClient) -> None:
        self._client = journey_client
        self._after = ""
        self._of_payment: dict[str, list[Event]] = {}
        self._paid: dict[str, Payment] = {}
        self.events: list[Event] = []

    async def fetch(self) -> None:
        """Fetch the new events."""
        while True:
            reply = await self._client.call("GET", f"/api/events?after={self._after}")
            assert reply.status == 200, f"/api/events answered {reply.status} {reply.json}"
            if not reply.json["events"]:
                return
            for event in reply.json["events"]:
                self._add(event)
            self._after = reply.json["next"]

    def _add(self, event: Event) -> None:
        payment = event["data"]
        self.events.append(event)
        self._of_payment.setdefault(payment["id"], []).append(event)
        if event["type"] == "payment.authorised":
            self._paid.setdefault(payment["reference"], payment)

    async def fetch_all_again(self) -> list[Event]:
        """Fetch every event again, from the first one; returns them."""
        from_the_start = ShopEvents(self._client)
        await from_the_start.fetch()
        return from_the_start.events

    def of(self, payment: Payment) -> list[Event]:
        """The events of a payment."""
        return self._of_payment.get(payment["id"], [])

    def paid(self, reference: str) -> Payment | None:
        """The first paid payment of a reference, as its `payment.authorised` event shows it."""
        return self._paid.get(reference)


async def twin_payments(journey_client: JourneyClient) -> dict[str, list[Payment]]:
    """The twin's payments, by reference."""
    payments: dict[str, list[Payment]] = {}
    for payment in (await journey_client.twin("GET", "/twin/payments"))["payments"]:
        payments.setdefault(payment["merchantReference"], []).append(payment)
    return payments


async def kasir_payments(
    journey_client: JourneyClient, references: Iterable[str]
) -> dict[str, list[Payment]]:
    """Kasir's payments of these references, by reference."""
    slots = asyncio.Semaphore(8)

    async def payments_of(reference: str) -> list[Payment]:
        async with slots:
            reply = await journey_client.call("GET", f"/api/payments?reference={reference}")
        assert reply.status == 200, f"/api/payments answered {reply.status} {reply.json}"
        payments: list[Payment] = reply.json["payments"]
        return payments

    keys = list(references)
    return dict(zip(keys, await asyncio.gather(*map(payments_of, keys)), strict=True))


def psp_references(truth: Iterable[Payment]) -> set[str]:
    """The pspReferences of the twin's payments, and of their offers, events and modifications."""
    references: set[str] = set()
    for payment in truth:
        references |= {payment["pspReference"], payment["offerReference"]}
        for field in ("events", "modifications"):
            references |= {entry["pspReference"] for entry in payment[field]}
    return references


@dataclass(frozen=True)
class Notice:
    """A notification that Kasir has stored, with the pspReferences in it."""

    state: str
    event_code: str
    psp_references: frozenset[str]


async def notices(journey_client: JourneyClient, after: int = 0) -> list[Notice]:
    """The notifications that Kasir has stored, without the first `after` of them."""
    connection = await asyncpg.connect(journey_client.made.environment["KASIR_DATABASE_URL"])
    try:
        rows = await connection.fetch(
            "SELECT state, event_code, names FROM notice ORDER BY id OFFSET $1", after
        )
    finally:
        await connection.close()
    return [Notice(row["state"], row["event_code"], frozenset(row["names"])) for row in rows]


def wrong_states(stored: Iterable[Notice], ours: set[str]) -> Iterator[str]:
    """Errors: notifications in a state that is not allowed; `ours` are our pspReferences.

    A notification of another system is foreign. A notification of ours is read, or held if nothing
    proves which payment it belongs to. Later notifications of a held attempt may be waiting.
    """
    stored = list(stored)
    held = {reference for one in stored if one.state == "held" for reference in one.psp_references}
    for notice in stored:
        allowed = {"foreign"} if not ours & notice.psp_references else {"read", "held"}
        if held & notice.psp_references:
            allowed.add("waiting")
        if notice.state not in allowed:
            yield f"{notice.event_code} {sorted(notice.psp_references)} is {notice.state}"


def differences(
    truth: Sequence[Payment], kasirs: Sequence[Payment], held: AbstractSet[str] = frozenset()
) -> Iterator[str]:
    """Errors: differences between Kasir's payments of one reference and the twin's.

    Args:
        truth: The twin's payments.
        kasirs: Kasir's payments.
        held: The pspReferences in held notifications. If a payment has one of them, this compares
            only paid payments: each that is paid at Kasir must be paid at the twin, and each that
            is paid at the twin must be paid or held at Kasir.
    """
    if not held & psp_references(truth):
        sums_at_twin, sums_at_kasir = sorted(map(_sums, truth)), sorted(map(_sums, kasirs))
        if sums_at_twin != sums_at_kasir:
            yield f"Kasir has {sums_at_kasir}, the twin {sums_at_twin}"
        return
    paid_at_twin = {
        one["pspReference"]: _sums(one) for one in truth if one["status"] == "authorised"
    }
    paid_at_kasir = {
        one["pspReference"]: _sums(one) for one in kasirs if one["status"] == "authorised"
    }
    for reference, sums in paid_at_kasir.items():
        if paid_at_twin.get(reference) != sums:
            yield f"{reference} is {sums} at Kasir, and {paid_at_twin.get(reference)} at the twin"
    for reference in paid_at_twin.keys() - paid_at_kasir.keys() - held:
        yield f"{reference} is paid at the twin, and neither paid nor held at Kasir"


def _sums(payment: Payment) -> tuple[str, int, int]:
    """Kasir's name of the status, and the captured and refunded amounts in rupiah."""
    status: str = payment["status"]
    return STATUS.get(status, status), payment["captured"], payment["refunded"]


def wrong_events(payment: Payment, events: Sequence[Event], at_least: AtLeast) -> Iterator[str]:
    """Errors: events of an ended payment that are missing, repeated or wrong."""
    types = [event["type"] for event in events]
    of_status = [event for event in events if event["type"] in EVENTS.values()]
    last = of_status[-1]["type"] if of_status else None
    # Kasir sends no event for `awaiting_shopper`, so the last event is none or `payment.unknown`.
    is_allowed = payment["status"] != "awaiting_shopper" or last in {None, "payment.unknown"}
    if not is_allowed or (payment["status"] in EVENTS and last != EVENTS[payment["status"]]):
        yield f"it is {payment['status']} and the shop received {types}"
    for before, after in pairwise(of_status):
        if before["type"] == after["type"]:
            yield f"the same event twice in a row: {types}"
        if before["type"] == "payment.authorised" and after["type"] != "payment.cancelled":
            yield f"{after['type']} came after payment.authorised"
    for event in of_status:
        if EVENTS.get(event["data"]["status"]) != event["type"]:
            yield f"{event['type']} carries a payment that is {event['data']['status']}"
    yield from _sent_too_early(payment, of_status, at_least)
    yield from _wrong_refund_events(payment, types)
    if events and payment["captured"] <= events[-1]["data"]["captured"]:  # Captures send no event.
        last, now = _sums(events[-1]["data"]), _sums(payment)
        if last != now:
            yield f"the last event has {last}, and the payment {now}"


def _sent_too_early(payment: Payment, events: Sequence[Event], at_least: AtLeast) -> Iterator[str]:
    """Errors: events of a bad result that Kasir should have held back longer.

    Kasir holds back such an event unless an answer to the shop has reported the result already.
    """
    for event in events:
        if event["type"] not in BAD or _is_answered(payment, event["type"]):
            continue
        bad = [fact for fact in payment["facts"] if f"payment.{fact['says']}" in BAD]
        earliest = at_least(min(_moment(fact["at"]) for fact in bad))
        if _moment(event["timestamp"]) < earliest + SETTLE - SLACK:
            yield f"{event['type']} was sent {event['timestamp']}, recorded {earliest}: too early"


def _is_answered(payment: Payment, event_type: str) -> bool:
    """Whether an answer to a call of the shop had already reported the result of this event."""
    return any(
        fact["says"] == "voided"
        or (f"payment.{fact['says']}" == event_type and fact["source"] in {"details", "reply"})
        for fact in payment["facts"]
    )


def _wrong_refund_events(payment: Payment, types: Sequence[str]) -> Iterator[str]:
    """Errors: refund events that were sent too rarely or too often.

    Each refund sends one event when it ends. A refund that failed later may have sent
    `refund.succeeded` before.
    """
    sent = Counter(types)
    ends = Counter(
        REFUND_ENDS[refund["status"]]
        for refund in payment.get("refunds", ())
        if refund["status"] in REFUND_ENDS
    )
    for name in ("refund.failed", "refund.reversed"):
        if sent[name] != ends[name]:
            yield f"{ends[name]} refunds ended as {name}, {sent[name]} were sent"
    least, most = ends["refund.succeeded"], sum(ends.values())
    if not least <= sent["refund.succeeded"] <= most:
        yield f"refund.succeeded sent {sent['refund.succeeded']} times, not {least} to {most}"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
