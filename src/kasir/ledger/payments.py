"""Records facts of payments: lock, compute the summary, decide which events follow, write.

All facts of payments are recorded here: from answers, from notifications, and from Kasir's own
decisions. Each method runs in the caller's transaction. A payment's row is locked before its facts
are read, so no other transaction adds a fact before the commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kasir.clock import Clock
from kasir.ids import PaymentId
from kasir.payments import fold
from kasir.payments.facts import Fact
from kasir.payments.payment import Intent, Payment, Summary
from kasir.payments.status import Status
from kasir.shop_events.event_policy import (
    EventType,
    Reported,
    fact_events,
    status_event,
    summary_events,
)
from kasir.shop_events.shapes import shown
from kasir.store import payments
from kasir.store.database import Connection, Pool, queries
from kasir.store.outbox import Outbox, OutgoingEvent
from kasir.store.payments import Change, FirstAnswer, names_in
from kasir.telemetry import metrics

SUBSCRIPTIONS: Final = queries("subscriptions")


@dataclass(frozen=True, slots=True)
class LockedPayment:
    """A payment whose row is locked until the transaction ends, and what events reported of it."""

    payment: Payment
    reported: Reported


@dataclass(frozen=True, slots=True)
class Changed:
    """The shoppers and payments whose subscriptions must be scheduled after a change.

    Attributes:
        shoppers: The shoppers whose payments or tokens changed.
        payment_ids: The payments that changed.
    """

    shoppers: frozenset[str] = frozenset()
    payment_ids: frozenset[str] = frozenset()


async def schedule_subscriptions(connection: Connection, changed: Changed, now: datetime) -> None:
    """Schedule the subscriptions that depend on changed payments and tokens.

    The caller calls this function once per transaction, after it has locked payments and tokens. A
    subscription's turn locks in the same order, so there is no deadlock (docs/adr/0015).
    """
    if changed.shoppers:
        shoppers, ids = sorted(changed.shoppers), sorted(changed.payment_ids)
        await SUBSCRIPTIONS.schedule(connection, shoppers=shoppers, payment_ids=ids, now=now)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Records facts of payments.

    Attributes:
        clock: Kasir's time.
        settle: How long events about refused, cancelled and expired payments are delayed.
        outbox: Stores the shop's events.
    """

    clock: Clock
    settle: timedelta
    outbox: Outbox

    async def lock(
        self, connection: Connection, payment_ids: Sequence[PaymentId]
    ) -> dict[PaymentId, LockedPayment]:
        """Lock payments, and return them by id with all their facts."""
        rows = await payments.lock(connection, payment_ids)
        facts = await payments.facts_of(connection, [row.intent.id for row in rows])
        return {
            row.intent.id: LockedPayment(
                fold.payment(row.intent, facts[row.intent.id]),
                Reported(row.told_status, row.tell_at),
            )
            for row in rows
        }

    async def record(
        self,
        connection: Connection,
        facts: Mapping[PaymentId, Sequence[Fact]],
        *,
        schedules: bool = True,
    ) -> Changed:
        """Lock payments and record facts of them; see `record_locked`."""
        locked = await self.lock(connection, list(facts))
        return await self.record_locked(connection, locked, facts, schedules=schedules)

    async def record_locked(
        self,
        connection: Connection,
        locked: Mapping[PaymentId, LockedPayment],
        facts: Mapping[PaymentId, Sequence[Fact]],
        *,
        schedules: bool = True,
    ) -> Changed:
        """Record facts of payments that the caller has locked, and claim the facts' pspReferences.

        Args:
            connection: The caller's transaction.
            locked: The payments.
            facts: The facts of each payment. Facts that are already recorded are skipped.
            schedules: Whether the shoppers' subscriptions are scheduled. Must be False if the
                caller has locked such a subscription, or locks tokens later; see
                `schedule_subscriptions`.

        Returns:
            What changed. If `schedules` is False, the caller passes this value to
            `schedule_subscriptions`.

        Raises:
            UniqueViolation: Another payment owns one of the pspReferences; see
                `store.payments.is_name_taken`.
        """
        entries = [
            entry
            for payment_id, new in facts.items()
            if (entry := self._entry(locked[payment_id], new))
        ]
        await self._write(connection, entries)
        for entry in entries:
            _count(locked[entry.payment.intent.id].payment.status, entry.payment.status)
        changed = _changed(entries)
        if schedules:
            await schedule_subscriptions(connection, changed, self.clock.now())
        return changed

    async def record_first(
        self,
        connection: Connection | Pool,
        intent: Intent,
        facts: Sequence[Fact],
        answer: FirstAnswer,
    ) -> bool:
        """Record the first fact of a payment, with Adyen's answer, by one SQL statement.

        One statement is enough if the shopper was sent to the wallet and no event must be written.
        No lock is needed, because the statement writes nothing if the payment already has a fact.

        Returns:
            True if the fact and the answer were written; False if one statement is not enough, or
            if the payment already has a fact. Then nothing was written.
        """
        opened = LockedPayment(fold.payment(intent, ()), Reported(Status.CREATED, None))
        entry = self._entry(opened, facts)
        if entry is None or entry.events or len(entry.change.facts) != 1:
            return False
        if entry.change.payment.status is not Status.AWAITING_SHOPPER:
            return False
        is_written = await payments.write_first(connection, entry.change, answer, self.clock.now())
        if is_written:
            _count(Status.CREATED, entry.payment.status)
        return is_written

    async def write_held_back(
        self, connection: Connection, payment_ids: Sequence[PaymentId]
    ) -> None:
        """Write the delayed events of these payments, for the statuses that they have now."""
        locked = await self.lock(connection, payment_ids)
        await self._write(connection, [self._held_back(found) for found in locked.values()])

    def _entry(self, locked_payment: LockedPayment, facts: Sequence[Fact]) -> _Entry | None:
        """The rows to write for these facts of one payment; None if no fact is new."""
        before = locked_payment.payment
        keys = {fact.key for fact in before.facts}
        new = {fact.key: fact for fact in facts if fact.key not in keys}
        if not new:
            return None
        after = fold.payment(before.intent, [*before.facts, *new.values()])
        event, reported = status_event(
            locked_payment.reported, after, self.clock.now(), self.settle
        )
        change = Change(
            payment=after,
            told_status=reported.status,
            tell_at=reported.held_until,
            facts=tuple(new.values()),
            claims=names_in(new.values()) - names_in(before.facts),
        )
        events = (
            *([event] if event else []),
            *fact_events([*new.values()]),
            *summary_events(before.summary, after.summary),
        )
        # A fact of a token may have a pspReference that this payment has just claimed.
        schedules = _outcome(after.summary) != _outcome(before.summary) or bool(change.claims)
        return _Entry(change, events, schedules)

    def _held_back(self, locked_payment: LockedPayment) -> _Entry:
        """The rows to write for a payment whose event was delayed until now."""
        event, reported = status_event(
            locked_payment.reported, locked_payment.payment, self.clock.now(), self.settle
        )
        change = Change(
            payment=locked_payment.payment, told_status=reported.status, tell_at=reported.held_until
        )
        return _Entry(change, (event,) if event else ())

    async def _write(self, connection: Connection, entries: Sequence[_Entry]) -> None:
        await payments.write(connection, [entry.change for entry in entries])
        await self.outbox.write(
            connection,
            [
                OutgoingEvent(entry.payment.intent.id, event, shown(entry.payment))
                for entry in entries
                for event in entry.events
            ],
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    """The rows to write for one payment.

    Attributes:
        change: The new facts, and the summary of all facts.
        events: The shop's events about the payment.
        schedules: Whether the shopper's subscriptions must be scheduled.
    """

    change: Change
    events: tuple[EventType, ...]
    schedules: bool = False

    @property
    def payment(self) -> Payment:
        return self.change.payment


def _count(before: Status, after: Status) -> None:
    """Count a change of status. If the transaction is repeated, it is counted again."""
    if after is not before:
        metrics.payment_reached(after)


def _changed(entries: Sequence[_Entry]) -> Changed:
    intents = [entry.payment.intent for entry in entries if entry.schedules]
    of_shoppers = [intent for intent in intents if intent.shopper_reference]
    return Changed(
        frozenset(intent.shopper_reference for intent in of_shoppers),
        frozenset(intent.id for intent in of_shoppers),
    )


def _outcome(summary: Summary) -> tuple[object, ...]:
    """The part of a summary on which a subscription depends."""
    return summary.status, summary.is_disputed, summary.is_given_back
