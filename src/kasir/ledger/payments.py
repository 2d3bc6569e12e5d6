"""How a payment hears: facts in, standing and events out, in the caller's transaction.

Everybody who learns something of a payment comes through here: answers, notifications, decisions
of our own. The payment's row is locked first and its facts are read after, so they are all there
are and stay so until the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from kasir.clock import Clock
from kasir.ids import LinkId, PaymentId
from kasir.money import Currency, Money
from kasir.payments import fold
from kasir.payments.facts import DisputeSaid, Fact, Says, Source
from kasir.payments.payment import Intent, Payment, Standing
from kasir.payments.status import FINAL, Status
from kasir.shop_events.event_policy import (
    EventType,
    Reported,
    fact_events,
    status_event,
    summary_events,
)
from kasir.shop_events.shapes import shown
from kasir.store.database import Connection, Pool, is_undone, queries
from kasir.store.outbox import Outbox, OutgoingEvent

SQL: Final = queries("ledger")
SUBSCRIPTIONS: Final = queries("subscriptions")

#: The primary key of the table that says whose each pspReference is.
_OWNED_ONCE: Final = "psp_reference_pkey"

#: The columns of a row, by name.
_Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Locked:
    """A payment whose row is ours until the transaction ends, and what the shop knows of it."""

    payment: Payment
    told: Reported


@dataclass(frozen=True, slots=True)
class Moved:
    """Whose subscriptions may go on for what was heard, and the payments that it was heard of."""

    shoppers: frozenset[str] = frozenset()
    payment_ids: frozenset[str] = frozenset()


async def wake(connection: Connection, moved: Moved, now: datetime) -> None:
    """Have subscriptions looked at again. Once in a transaction, after payments and tokens.

    Who waits for a subscription's row here may hold both, and whoever holds the row asks for
    neither: docs/adr/0015.
    """
    if moved.shoppers:
        shoppers, ids = sorted(moved.shoppers), sorted(moved.payment_ids)
        await SUBSCRIPTIONS.wake(connection, shoppers=shoppers, payment_ids=ids, now=now)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Writes what payments hear.

    Attributes:
        clock: What time it is.
        settle: How long bad news is held back from the shop.
        outbox: Where the shop is told.
    """

    clock: Clock
    settle: timedelta
    outbox: Outbox

    async def lock(
        self, connection: Connection, payment_ids: Sequence[PaymentId]
    ) -> dict[PaymentId, Locked]:
        """Lock payments and give them with all their facts."""
        rows = [row async for row in SQL.lock_payments(connection, ids=payment_ids)]
        facts = await facts_of(connection, [row["id"] for row in rows])
        return {
            row["id"]: Locked(
                fold.payment(intent_of(row), facts[row["id"]]),
                Reported(Status(row["told_status"]), row["tell_at"]),
            )
            for row in rows
        }

    async def hear(
        self,
        connection: Connection,
        news: Mapping[PaymentId, Sequence[Fact]],
        *,
        wakes: bool = True,
    ) -> Moved:
        """Let payments hear facts.

        Args:
            connection: The caller's transaction.
            news: What they hear.
            wakes: Whether the shoppers' subscriptions are looked at again for it. Not where the
                caller holds one of them, or has more to lock before them: see `wake`.
        """
        locked = await self.lock(connection, list(news))
        return await self.hear_locked(connection, locked, news, wakes=wakes)

    async def hear_first(
        self, connection: Connection | Pool, intent: Intent, news: Sequence[Fact], answer: _Row
    ) -> bool:
        """Let a payment hear the first there is to hear, and keep the answer it came with.

        One statement, and so one round trip, where all there is to write is that the shopper was
        sent to the wallet. The row's own count of news guards it.

        Returns:
            False where there is more to do, or somebody else was heard first: nothing was written.
        """
        opened = Locked(fold.payment(intent, ()), Reported(Status.CREATED, None))
        change = self._change(opened, news)
        if change is None or change.events or len(change.facts) != 1:
            return False
        if change.payment.status is not Status.AWAITING_SHOPPER:
            return False
        (fact,) = change.facts
        kept = await SQL.hear_first(
            connection,
            id=intent.id,
            status=change.payment.status,
            attempt=change.payment.standing.psp_reference,
            told_status=change.told.status,
            tell_at=change.told.held_until,
            shopper=intent.shopper_reference,
            now=self.clock.now(),
            fact=fact.key,
            says=fact.says,
            source=fact.source,
            at=fact.at,
            about=fact.about,
            psp_reference=fact.psp_reference,
            modification=fact.modification,
            currency=fact.amount.currency if fact.amount else None,
            minor_units=fact.amount.minor_units if fact.amount else None,
            words=fact.words,
            **answer,
        )
        return kept is not None

    async def hear_locked(
        self,
        connection: Connection,
        locked: Mapping[PaymentId, Locked],
        news: Mapping[PaymentId, Sequence[Fact]],
        *,
        wakes: bool = True,
    ) -> Moved:
        """Let payments that the caller has locked hear facts, and claim the names in them.

        Returns:
            What moved; where `wakes` is false, the caller wakes for it.

        Raises:
            asyncpg.UniqueViolationError: Another payment owns one of the names; see `is_contested`.
        """
        changes = [self._change(locked[payment_id], facts) for payment_id, facts in news.items()]
        moved = await self._write(connection, [change for change in changes if change])
        if wakes:
            await wake(connection, moved, self.clock.now())
        return moved

    async def tell(self, connection: Connection, payment_ids: Sequence[PaymentId]) -> None:
        """Tell news that was held back and is due, where it is still true."""
        locked = await self.lock(connection, payment_ids)
        await self._write(connection, [self._retold(found) for found in locked.values()])

    def _change(self, found: Locked, news: Sequence[Fact]) -> _Change | None:
        before = found.payment
        keys = {fact.key for fact in before.facts}
        new = {fact.key: fact for fact in news if fact.key not in keys}
        if not new:
            return None
        after = fold.payment(before.intent, [*before.facts, *new.values()])
        event, told = status_event(found.told, after, self.clock.now(), self.settle)
        events = [
            *([event] if event else []),
            *fact_events([*new.values()]),
            *summary_events(before.standing, after.standing),
        ]
        return _Change(
            payment=after,
            facts=tuple(new.values()),
            told=told,
            events=tuple(events),
            moved=_outcome(after.standing) != _outcome(before.standing),
            claims=names_in(new.values()) - names_in(before.facts),
        )

    def _retold(self, found: Locked) -> _Change:
        event, told = status_event(found.told, found.payment, self.clock.now(), self.settle)
        return _Change(payment=found.payment, told=told, events=(event,) if event else ())

    async def _write(self, connection: Connection, changes: Sequence[_Change]) -> Moved:
        facts = [(change.payment.intent.id, fact) for change in changes for fact in change.facts]
        if changes:
            columns = _fact_columns(facts) | _standing_columns(changes) | _claim_columns(changes)
            await SQL.write_changes(connection, **columns)
        await self.outbox.write(
            connection,
            [
                OutgoingEvent(change.payment.intent.id, event, shown(change.payment))
                for change in changes
                for event in change.events
            ],
        )
        moved = [one.payment.intent for one in changes if one.moved]
        return Moved(
            frozenset(it.shopper_reference for it in moved if it.shopper_reference),
            frozenset(it.id for it in moved if it.shopper_reference),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What is to be written of one payment."""

    payment: Payment
    told: Reported
    events: tuple[EventType, ...]
    facts: tuple[Fact, ...] = ()
    moved: bool = False
    claims: frozenset[str] = frozenset()


async def facts_of(
    connection: Connection | Pool, payment_ids: Sequence[str]
) -> dict[str, list[Fact]]:
    """The facts of each payment, in the order they were heard."""
    facts: dict[str, list[Fact]] = {payment_id: [] for payment_id in payment_ids}
    if facts:
        async for row in SQL.facts_of(connection, payment_ids=list(facts)):
            facts[row["payment_id"]].append(_fact(row))
    return facts


def names_in(facts: Iterable[Fact]) -> frozenset[str]:
    """The provider's names in facts: of attempts and of changes."""
    return frozenset(
        name for fact in facts for name in (fact.psp_reference, fact.modification) if name
    )


def is_contested(error: Exception) -> bool:
    """Whether the database refused to let a payment claim a name that another one owns."""
    return (
        isinstance(error, asyncpg.UniqueViolationError)
        and getattr(error, "constraint_name", "") == _OWNED_ONCE
    )


def is_passing(error: Exception) -> bool:
    """Whether the same may go well a moment later: then whoever claimed a name is seen."""
    return is_contested(error) or is_undone(error)


def intent_of(row: Any) -> Intent:
    """An intent, from its row."""
    return Intent(
        id=PaymentId(row["id"]),
        reference=row["reference"],
        amount=Money(Currency(row["currency"]), row["minor_units"]),
        method=row["method"],
        return_url=row["return_url"],
        created_at=row["created_at"],
        close_at=row["close_at"],
        captures_itself=row["captures_itself"],
        model=row["model"],
        consent=row["consent"],
        shopper_reference=row["shopper_reference"],
        link_id=LinkId(row["link_id"]) if row["link_id"] else None,
    )


def _outcome(standing: Standing) -> tuple[object, ...]:
    """What a subscription goes on by: how its payment ended, and whether it was taken back."""
    return standing.status, standing.is_disputed, standing.is_given_back


def _fact_columns(facts: Sequence[tuple[PaymentId, Fact]]) -> dict[str, list[Any]]:
    """Facts as the columns that one INSERT takes."""
    amounts = [fact.amount for _, fact in facts]
    return {
        "payment_ids": [payment_id for payment_id, _ in facts],
        "keys": [fact.key for _, fact in facts],
        "says": [fact.says for _, fact in facts],
        "sources": [fact.source for _, fact in facts],
        "ats": [fact.at for _, fact in facts],
        "abouts": [fact.about for _, fact in facts],
        "psp_references": [fact.psp_reference for _, fact in facts],
        "modifications": [fact.modification for _, fact in facts],
        "currencies": [amount.currency if amount else None for amount in amounts],
        "minor_units": [amount.minor_units if amount else None for amount in amounts],
        "words": [fact.words for _, fact in facts],
        "disputes": [_as_json(fact.dispute) for _, fact in facts],
    }


def _as_json(said: DisputeSaid | None) -> str | None:
    return msgspec.json.encode(said).decode() if said else None


def _claim_columns(changes: Sequence[_Change]) -> dict[str, list[Any]]:
    """Names and who claims them. In order, so that two who claim the same never deadlock."""
    claims = sorted(
        (name, change.payment.intent.id) for change in changes for name in change.claims
    )
    return {"claims": [name for name, _ in claims], "claimants": [by for _, by in claims]}


def _standing_columns(changes: Sequence[_Change]) -> dict[str, list[Any]]:
    standings = [change.payment.standing for change in changes]
    return {
        "ids": [change.payment.intent.id for change in changes],
        "statuses": [standing.status for standing in standings],
        "attempts": [standing.psp_reference for standing in standings],
        "captureds": [standing.captured.minor_units for standing in standings],
        "refundeds": [standing.refunded.minor_units for standing in standings],
        "are_disputed": [standing.is_disputed for standing in standings],
        "are_given_back": [standing.is_given_back for standing in standings],
        "told_statuses": [change.told.status for change in changes],
        "tell_ats": [change.told.held_until for change in changes],
        "are_final": [standing.status in FINAL for standing in standings],
    }


def _fact(row: Any) -> Fact:
    amount = None
    if row["minor_units"] is not None:
        amount = Money(Currency(row["currency"]), row["minor_units"])
    return Fact(
        key=row["key"],
        says=Says(row["says"]),
        source=Source(row["source"]),
        at=row["at"],
        about=row["about"],
        psp_reference=row["psp_reference"],
        modification=row["modification"],
        amount=amount,
        words=row["words"],
        dispute=msgspec.json.decode(said, type=DisputeSaid) if (said := row["dispute"]) else None,
    )
