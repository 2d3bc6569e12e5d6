"""Kasir's ledger beside the twin's: what differs, and what the shop was told of it."""

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

#: How Kasir calls what the twin calls otherwise.
STATUS: Final = {"awaiting": "awaiting_shopper"}
#: What the shop is told of each status.
TOLD: Final = {
    status: f"payment.{status}"
    for status in ("unknown", "pending", "authorised", "refused", "cancelled", "expired", "failed")
}
BAD: Final = frozenset({"payment.refused", "payment.cancelled", "payment.expired"})
REFUND_ENDS: Final = {
    "succeeded": "refund.succeeded",
    "failed": "refund.failed",
    "reversed": "refund.reversed",
}
#: How long bad news is held back.
SETTLE: Final = timedelta(seconds=600)
#: The twin writes its moments in whole seconds, and Kasir's clock follows it a moment later.
SLACK: Final = timedelta(seconds=3)

#: The moment up to which Kasir's clock had surely come when something happened at the twin.
AtLeast = Callable[[datetime], datetime]


class Told:
    """What the shop was told: fetched page by page as it comes, like a shop that polls."""

    def __init__(self, walker: JourneyClient) -> None:
        self._walker = walker
        self._after = ""
        self._of_payment: dict[str, list[Event]] = {}
        self._paid: dict[str, Payment] = {}
        self.events: list[Event] = []

    async def fetch(self) -> None:
        """Fetch what is new."""
        while True:
            reply = await self._walker.call("GET", f"/api/events?after={self._after}")
            assert reply.status == 200, f"/api/events answered {reply.status} {reply.json}"
            if not reply.json["events"]:
                return
            for event in reply.json["events"]:
                self._take(event)
            self._after = reply.json["next"]

    def _take(self, event: Event) -> None:
        payment = event["data"]
        self.events.append(event)
        self._of_payment.setdefault(payment["id"], []).append(event)
        if event["type"] == "payment.authorised":
            self._paid.setdefault(payment["reference"], payment)

    async def again(self) -> list[Event]:
        """Everything, fetched anew from the beginning."""
        anew = Told(self._walker)
        await anew.fetch()
        return anew.events

    def of(self, payment: Payment) -> list[Event]:
        """What was told of a payment."""
        return self._of_payment.get(payment["id"], [])

    def paid(self, reference: str) -> Payment | None:
        """The first payment of a reference that was told to be paid, as it then stood."""
        return self._paid.get(reference)


async def at_the_twin(walker: JourneyClient) -> dict[str, list[Payment]]:
    """Everything the twin knows, by reference."""
    found: dict[str, list[Payment]] = {}
    for payment in (await walker.twin("GET", "/twin/payments"))["payments"]:
        found.setdefault(payment["merchantReference"], []).append(payment)
    return found


async def at_kasir(walker: JourneyClient, references: Iterable[str]) -> dict[str, list[Payment]]:
    """Everything Kasir knows of these references."""
    few = asyncio.Semaphore(8)

    async def one(reference: str) -> list[Payment]:
        async with few:
            reply = await walker.call("GET", f"/api/payments?reference={reference}")
        assert reply.status == 200, f"/api/payments answered {reply.status} {reply.json}"
        payments: list[Payment] = reply.json["payments"]
        return payments

    names = list(references)
    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))


def names_of(truth: Iterable[Payment]) -> set[str]:
    """Every name that the twin gave to these payments, to their offers, and to what befell them."""
    found: set[str] = set()
    for payment in truth:
        found |= {payment["pspReference"], payment["offerReference"]}
        for word in ("events", "modifications"):
            found |= {one["pspReference"] for one in payment[word]}
    return found


@dataclass(frozen=True)
class Notice:
    """A notification that Kasir keeps."""

    state: str
    event_code: str
    names: frozenset[str]


async def notices(walker: JourneyClient, after: int = 0) -> list[Notice]:
    """What Kasir keeps of what Adyen told, but for the first so many."""
    connection = await asyncpg.connect(walker.made.environment["KASIR_DATABASE_URL"])
    try:
        rows = await connection.fetch(
            "SELECT state, event_code, names FROM notice ORDER BY id OFFSET $1", after
        )
    finally:
        await connection.close()
    return [Notice(row["state"], row["event_code"], frozenset(row["names"])) for row in rows]


def misplaced(kept: Iterable[Notice], ours: set[str]) -> Iterator[str]:
    """Notifications that did not become what they should, by whose they are.

    A stranger's is foreign. Ours is read; or held, where nothing proves whose it is, and then what
    changes that attempt waits.
    """
    kept = list(kept)
    held = {name for one in kept if one.state == "held" for name in one.names}
    for one in kept:
        wanted = {"foreign"} if not ours & one.names else {"read", "held"}
        if held & one.names:
            wanted.add("waiting")
        if one.state not in wanted:
            yield f"{one.event_code} {sorted(one.names)} is {one.state}"


def differences(
    truth: Sequence[Payment], kasirs: Sequence[Payment], held: AbstractSet[str] = frozenset()
) -> Iterator[str]:
    """Where Kasir's payments of one reference differ from the twin's; nothing where all is well.

    Args:
        truth: The twin's.
        kasirs: Kasir's.
        held: The names in notifications that a person must look at. What they tell is nobody's
            yet; but what is paid at Kasir is paid at the twin, and no other way round unless held.
    """
    if not held & names_of(truth):
        wanted, found = sorted(map(_sums, truth)), sorted(map(_sums, kasirs))
        if wanted != found:
            yield f"Kasir has {found}, the twin {wanted}"
        return
    at_twin = {one["pspReference"]: _sums(one) for one in truth if one["status"] == "authorised"}
    paid = {one["pspReference"]: _sums(one) for one in kasirs if one["status"] == "authorised"}
    for name, sums in paid.items():
        if at_twin.get(name) != sums:
            yield f"{name} is {sums} at Kasir, and {at_twin.get(name)} at the twin"
    for name in at_twin.keys() - paid.keys() - held:
        yield f"{name} is paid at the twin, and neither paid nor held at Kasir"


def _sums(payment: Payment) -> tuple[str, int, int]:
    status: str = payment["status"]
    return STATUS.get(status, status), payment["captured"], payment["refunded"]


def untold(payment: Payment, events: Sequence[Event], at_least: AtLeast) -> Iterator[str]:
    """What the shop was not told of a payment that has ended, was told twice, or told wrongly."""
    types = [event["type"] for event in events]
    of_status = [event for event in events if event["type"] in TOLD.values()]
    last = of_status[-1]["type"] if of_status else None
    # That a shopper is at the wallet is not told, not even after *unknown*.
    is_told = payment["status"] != "awaiting_shopper" or last in {None, "payment.unknown"}
    if not is_told or (payment["status"] in TOLD and last != TOLD[payment["status"]]):
        yield f"it is {payment['status']} and the shop was told {types}"
    for before, after in pairwise(of_status):
        if before["type"] == after["type"]:
            yield f"told twice over: {types}"
        if before["type"] == "payment.authorised" and after["type"] != "payment.cancelled":
            yield f"told {after['type']} after payment.authorised"
    for event in of_status:
        if TOLD.get(event["data"]["status"]) != event["type"]:
            yield f"{event['type']} carries a payment that is {event['data']['status']}"
    yield from _rushed(payment, of_status, at_least)
    yield from _refunds_untold(payment, types)
    if events and payment["captured"] <= events[-1]["data"]["captured"]:  # Captures are not told.
        last, now = _sums(events[-1]["data"]), _sums(payment)
        if last != now:
            yield f"the last event says {last}, and it is {now}"


def _rushed(payment: Payment, events: Sequence[Event], at_least: AtLeast) -> Iterator[str]:
    """Bad news that only a notification, or Kasir itself, had brought, and that was not held."""
    for event in events:
        if event["type"] not in BAD or _is_answered(payment, event["type"]):
            continue
        bad = [fact for fact in payment["facts"] if f"payment.{fact['says']}" in BAD]
        earliest = at_least(min(_moment(fact["at"]) for fact in bad))
        if _moment(event["timestamp"]) < earliest + SETTLE - SLACK:
            yield f"{event['type']} was told {event['timestamp']}, heard {earliest}: not held"


def _is_answered(payment: Payment, event_type: str) -> bool:
    """Whether an answer to the shop's own call said so already."""
    return any(
        fact["says"] == "voided"
        or (f"payment.{fact['says']}" == event_type and fact["source"] in {"details", "reply"})
        for fact in payment["facts"]
    )


def _refunds_untold(payment: Payment, types: Sequence[str]) -> Iterator[str]:
    """Each refund's end is told once; one that bounced was perhaps told as a success before."""
    told = Counter(types)
    ends = Counter(
        REFUND_ENDS[refund["status"]]
        for refund in payment.get("refunds", ())
        if refund["status"] in REFUND_ENDS
    )
    for name in ("refund.failed", "refund.reversed"):
        if told[name] != ends[name]:
            yield f"{ends[name]} refunds ended as {name}, told {told[name]}"
    least, most = ends["refund.succeeded"], sum(ends.values())
    if not least <= told["refund.succeeded"] <= most:
        yield f"refund.succeeded told {told['refund.succeeded']} times, of {least} to {most}"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
