"""Writes the results of subscriptions' turns, in the caller's transaction.

The caller has locked the subscriptions' rows. First the result of each turn is prepared, without
I/O, so that an error in one turn does not affect the others. Then all results are written; the
number of statements does not depend on the number of turns. The payment of a charge is written
here, and sent to Adyen after the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from kasir.clock import Clock
from kasir.gateway.renewal_messages import NEVER_SENT, RenewalMessages, withdrawn
from kasir.ids import Ids, PaymentId
from kasir.jobs.renewal_reading import Found
from kasir.ledger.renewal_payments import RenewalPayments
from kasir.payments.facts import Fact
from kasir.payments.links import Link
from kasir.payments.payment import Intent
from kasir.payments.question import Question
from kasir.shop_events.subscription_shapes import event_data
from kasir.store import links
from kasir.store.database import Connection, queries
from kasir.store.outbox import Outbox, OutgoingEvent
from kasir.store.subscription_rows import renewal_columns, subscription_columns
from kasir.store.vault import Vault
from kasir.subscriptions.events import Change, Event, SubscriptionEvent
from kasir.subscriptions.plan import monthly
from kasir.subscriptions.renewal import Loss, Outcome, Renewal
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import Subscription, SubscriptionId
from kasir.subscriptions.turn import Turn

SQL: Final = queries("subscriptions")

_PAYING: Final = frozenset({State.ACTIVE, State.PAST_DUE})
#: Monthly amounts are rounded to a millionth of a minor unit.
_ROUNDED_TO: Final = Decimal(1).scaleb(-6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The rows to write for one subscription after a turn.

    Attributes:
        subscription: The subscription after its turn.
        renewals: Every renewal that was opened, changed or closed, each period once.
        shop_key: The idempotency key with which the payment of a new attempt will be opened, if
            the shopper is to pay that attempt.
        charge: The payment that is sent after the commit, with its question.
        links: Payment links by which the shopper is to pay.
        withdrawn: Payments that were written earlier and are not sent any more, each with the fact
            that records the withdrawal.
        overpaid: The attempts to mark as overpaid, each in a renewal without other attempts.
        losses: Losses that were handled.
        history: Each change, with the monthly amount before and after the change: in minor units,
            as decimal text.
        events: Events for the shop, in order.
    """

    subscription: Subscription
    renewals: tuple[Renewal, ...] = ()
    shop_key: str | None = None
    charge: tuple[Intent, Question] | None = None
    links: tuple[Link, ...] = ()
    withdrawn: tuple[tuple[PaymentId, Fact], ...] = ()
    overpaid: tuple[Renewal, ...] = ()
    losses: tuple[Loss, ...] = ()
    history: tuple[tuple[Change, str, str], ...] = ()
    events: tuple[OutgoingEvent, ...] = ()

    @property
    def id(self) -> SubscriptionId:
        """The subscription's id."""
        return self.subscription.id

    @property
    def payment_id(self) -> PaymentId | None:
        """The id of the payment that is sent after the commit; None if there is none."""
        return self.charge[0].id if self.charge else None

    @property
    def closed(self) -> list[Renewal]:
        """The renewals that are not charged any more."""
        return [one for one in self.renewals if one.outcome is not Outcome.OPEN]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalWriting:
    """Writes the results of subscriptions' turns.

    Attributes:
        payments: Writes the payments of renewals.
        outbox: Writes events for the shop.
        ids: Makes new ids.
        clock: Kasir's clock.
        messages: Builds the messages for Adyen, and the links for shoppers.
        public_url: The base of the links in events.
        vault: Encrypts the requests of links.
    """

    payments: RenewalPayments
    outbox: Outbox
    ids: Ids
    clock: Clock
    messages: RenewalMessages
    public_url: str
    vault: Vault

    def prepared(self, found: Found, turn: Turn, shop_key: str | None = None) -> Prepared:
        """The result of a turn, ready to be written. Without I/O.

        Args:
            found: The subscription before its turn.
            turn: The turn that was decided.
            shop_key: As in `Prepared`.
        """
        now, after = self.clock.now(), turn.subscription
        renewals = {renewal.period: renewal for renewal in turn.renewals}
        charge = None
        if turn.charge and found.token:
            payment_id = PaymentId(self.ids.new("pay"))
            renewal = turn.renewals[-1]
            renewals[renewal.period] = _with_payment(renewal, payment_id)
            charge = self.messages.charge(after, renewal, found.token, payment_id, now)
        return Prepared(
            subscription=after,
            renewals=tuple(renewals.values()),
            shop_key=shop_key,
            charge=charge,
            links=tuple(self.messages.invitation(after, one, now) for one in turn.invitations),
            withdrawn=_withdrawn_payments(after, list(renewals.values()), now),
            overpaid=found.overpaid,
            losses=turn.handled_losses,
            history=_history(found.subscription, turn),
            events=(*self._overpaid_events(found, now), *self._events(after, turn.events)),
        )

    def _overpaid_events(self, found: Found, now: datetime) -> list[OutgoingEvent]:
        kind = SubscriptionEvent.RENEWAL_OVERPAID
        events = [Event(kind=kind, at=now, renewal=renewal) for renewal in found.overpaid]
        return self._events(found.stored, events)

    def _events(self, subscription: Subscription, events: Sequence[Event]) -> list[OutgoingEvent]:
        return [
            OutgoingEvent(subscription.id, one.kind, event_data(subscription, one, self.public_url))
            for one in events
        ]

    async def write(self, connection: Connection, results: Sequence[Prepared]) -> None:
        """Write the results of turns. A statement that would write nothing is not sent."""
        if not results:
            return
        await self._mark_overpaid(connection, results)
        if charges := [one.charge for one in results if one.charge]:
            await self.payments.open_unasked(connection, charges)
        await links.write_all(
            connection, self.vault, [link for one in results for link in one.links]
        )
        subscriptions = [one.subscription for one in results]
        columns = subscription_columns(subscriptions) | _renewal_columns(results)
        await SQL.write_turns(connection, **columns)
        await self._close(connection, results)
        await self._handle_losses(connection, results)
        await self.outbox.write(connection, [event for one in results for event in one.events])
        # The last statement, because it locks the sums of the day, which all turns write.
        await self._write_history(connection, results)

    async def write_new(
        self, connection: Connection, subscription: Subscription, due_at: datetime, shop_key: str
    ) -> None:
        """Write a new subscription with its first renewal.

        Args:
            connection: The caller's transaction.
            subscription: The subscription, with its first renewal.
            due_at: When the first turn is due, if nothing makes it due earlier.
            shop_key: The idempotency key with which the first payment will be opened.
        """
        await SQL.add_subscription(
            connection,
            id=subscription.id,
            plan_id=subscription.plan.id,
            reference=subscription.reference,
            shopper_reference=subscription.shopper_reference,
            return_url=subscription.return_url,
            created_at=subscription.created_at,
            starts_at=subscription.starts_at,
            state=subscription.state,
            minor_units=subscription.amount.minor_units,
            settled_period=subscription.settled_period,
            due_at=due_at,
        )
        renewal = subscription.renewal
        if renewal is None:
            return
        columns = renewal_columns([(subscription.id, renewal, shop_key)])
        await SQL.write_turns(connection, **subscription_columns([]), **columns)
        if renewal.link_id:
            link = self.messages.invitation(subscription, renewal, self.clock.now())
            await links.write_all(connection, self.vault, [link])

    async def _mark_overpaid(self, connection: Connection, results: Sequence[Prepared]) -> None:
        attempts = [
            (one.id, renewal.period, attempt.number)
            for one in results
            for renewal in one.overpaid
            for attempt in renewal.attempts
        ]
        if attempts:
            await SQL.mark_overpaid(
                connection,
                subscription_ids=[owner for owner, _, _ in attempts],
                periods=[period for _, period, _ in attempts],
                numbers=[number for _, _, number in attempts],
            )

    async def _close(self, connection: Connection, results: Sequence[Prepared]) -> None:
        """Prevent payments of renewals that are not charged any more.

        Withdraws unsent charges and payment links, and drops attempts without a payment.
        """
        now = self.clock.now()
        if facts := dict(pair for one in results for pair in one.withdrawn):
            await self.payments.withdraw(connection, facts, NEVER_SENT)
        closed = [(one.id, renewal) for one in results for renewal in one.closed]
        if link_ids := [renewal.link_id for _, renewal in closed if renewal.link_id]:
            await links.withdraw_all(connection, link_ids, now)
        if ids := [owner for owner, renewal in closed if _has_unopened(renewal)]:
            await SQL.drop_unopened(connection, subscription_ids=ids, asked_until=now, now=now)

    async def _handle_losses(self, connection: Connection, results: Sequence[Prepared]) -> None:
        losses = [(one.id, loss) for one in results for loss in one.losses]
        if losses:
            await SQL.handle_losses(
                connection,
                subscription_ids=[owner for owner, _ in losses],
                periods=[loss.period for _, loss in losses],
                numbers=[loss.number for _, loss in losses],
                whys=[loss.why for _, loss in losses],
            )

    async def _write_history(self, connection: Connection, results: Sequence[Prepared]) -> None:
        """Write each change with the states and the monthly amounts before and after it."""
        rows = [(one.id, row) for one in results for row in one.history]
        if rows:
            await SQL.add_changes(
                connection,
                subscription_ids=[owner for owner, _ in rows],
                ats=[change.at for _, (change, _, _) in rows],
                weres=[change.was for _, (change, _, _) in rows],
                now_ares=[change.now_is for _, (change, _, _) in rows],
                moves=[change.move or "change_amount" for _, (change, _, _) in rows],
                monthly_weres=[was for _, (_, was, _) in rows],
                monthly_nows=[now_is for _, (_, _, now_is) in rows],
            )


def _with_payment(renewal: Renewal, payment_id: PaymentId) -> Renewal:
    *before, last = renewal.attempts
    return replace(renewal, attempts=(*before, replace(last, payment_id=payment_id)))


def _withdrawn_payments(
    subscription: Subscription, renewals: Sequence[Renewal], now: datetime
) -> tuple[tuple[PaymentId, Fact], ...]:
    return tuple(
        (attempt.payment_id, withdrawn(attempt, subscription, now))
        for renewal in renewals
        if renewal.outcome is not Outcome.OPEN
        for attempt in renewal.attempts
        if attempt.is_withdrawn and attempt.payment_id
    )


def _has_unopened(renewal: Renewal) -> bool:
    return any(attempt.payment_id is None for attempt in renewal.attempts)


def _renewal_columns(results: Sequence[Prepared]) -> dict[str, list[Any]]:
    return renewal_columns(
        [(one.id, renewal, one.shop_key) for one in results for renewal in one.renewals]
    )


def _history(before: Subscription, turn: Turn) -> tuple[tuple[Change, str, str], ...]:
    """Each change of a turn, as in `Prepared.history`."""
    if not turn.changes:
        return ()
    interval, after = before.plan.interval, turn.subscription
    rate_was, rate_now = (_rounded(monthly(one.amount, interval)) for one in (before, after))
    return tuple(
        (
            change,
            rate_was if change.was in _PAYING else "0",
            rate_now if change.now_is in _PAYING else "0",
        )
        for change in turn.changes
    )


def _rounded(amount: Fraction) -> str:
    """An amount as decimal text, rounded to a millionth."""
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    return str(exact.quantize(_ROUNDED_TO))
