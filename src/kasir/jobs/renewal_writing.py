"""What a turn of a subscription came to, written in the caller's transaction.

The caller holds the subscription's row. A renewal is charged by writing its payment down here;
asking comes after the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from kasir.clock import Clock
from kasir.gateway.renewal_messages import NEVER_SENT, Words, withdrawn
from kasir.ids import Ids, PaymentId
from kasir.ledger.payment_book import PostgresBook
from kasir.shop_events.subscription_shapes import event_data
from kasir.store import links
from kasir.store.database import Connection, queries
from kasir.store.outbox import Outbox, OutgoingEvent
from kasir.store.subscription_rows import (
    attempt_columns,
    renewal_columns,
    renewals_columns,
    subscription_columns,
)
from kasir.store.vault import Vault
from kasir.subscriptions.events import News
from kasir.subscriptions.plan import monthly
from kasir.subscriptions.renewal import Outcome, Renewal
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import Subscription, SubscriptionId
from kasir.subscriptions.turn import Turn
from kasir.tokens.model import Token

SQL: Final = queries("subscriptions")

_PAYING: Final = frozenset({State.ACTIVE, State.PAST_DUE})
#: Enough that a month's share of a day's price is exact to a millionth of a rupiah.
_PLACES: Final = Decimal(1).scaleb(-6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """Writes what was decided of a subscription.

    Attributes:
        book: Where a renewal's payment is written down.
        outbox: Where the shop is told.
        ids: Where names come from.
        clock: What time it is.
        words: How a renewal is asked for.
        public_url: Where shoppers reach Kasir, for the links in events.
        vault: What seals links.
    """

    book: PostgresBook
    outbox: Outbox
    ids: Ids
    clock: Clock
    words: Words
    public_url: str
    vault: Vault

    async def write(
        self, connection: Connection, before: Subscription, turn: Turn, token: Token | None
    ) -> PaymentId | None:
        """Write what a turn came to; the payment that is to be asked for, if there is one."""
        it = turn.subscription
        last = {renewal.period: renewal for renewal in turn.renewals}
        payment_id = None
        if turn.charge and token:
            payment_id = PaymentId(self.ids.new("pay"))
            renewal = turn.renewals[-1]
            last[renewal.period] = _with_payment(renewal, payment_id)
            intent, question = self.words.charge(it, renewal, token, payment_id, self.clock.now())
            await self.book.open_unasked(connection, intent, question)
        await self.invite(connection, it, turn.invitations)
        columns = subscription_columns(it) | renewals_columns(list(last.values()))
        await SQL.write_turn(connection, **columns)
        for renewal in last.values():
            if renewal.outcome is not Outcome.OPEN:
                await self._close(connection, it, renewal)
        if turn.dealt_with:
            await SQL.deal_with(
                connection,
                subscription_id=it.id,
                periods=[loss.period for loss in turn.dealt_with],
                numbers=[loss.number for loss in turn.dealt_with],
                whys=[loss.why for loss in turn.dealt_with],
            )
        await self._write_history(connection, before, turn)
        await self.tell(connection, it, turn.news)
        return payment_id

    async def tell(self, connection: Connection, it: Subscription, every: Sequence[News]) -> None:
        """Write events, with the subscription as it now stands."""
        await self.outbox.write(
            connection,
            [
                OutgoingEvent(it.id, news.event, event_data(it, news, self.public_url))
                for news in every
            ],
        )

    async def drop_unopened(
        self, connection: Connection, it: Subscription, after: timedelta
    ) -> None:
        """Drop attempts that the shopper was to pay and that have no payment after so long."""
        now = self.clock.now()
        await SQL.drop_unopened(connection, subscription_id=it.id, asked_until=now - after, now=now)

    async def _close(self, connection: Connection, it: Subscription, renewal: Renewal) -> None:
        """Let nothing be paid any more of a renewal that is not asked for any more."""
        now = self.clock.now()
        for one in renewal.attempts:
            if one.is_withdrawn and one.payment_id:
                fact = withdrawn(one, it, now)
                await self.book.withdraw(connection, one.payment_id, NEVER_SENT, fact)
        if renewal.link_id:
            await links.SQL.expire_link(connection, id=renewal.link_id, now=now)
            await links.DUE.close_free_attempts_of(connection, link_id=renewal.link_id, now=now)
        if any(one.payment_id is None for one in renewal.attempts):
            await self.drop_unopened(connection, it, timedelta())

    async def invite(
        self, connection: Connection, it: Subscription, renewals: Sequence[Renewal]
    ) -> None:
        """Write down the links by which these renewals are to be paid."""
        for renewal in renewals:
            link = self.words.invitation(it, renewal, self.clock.now())
            await links.write(connection, self.vault, link)

    async def for_shopper(
        self,
        connection: Connection,
        subscription_id: SubscriptionId,
        renewal: Renewal,
        pay_key: str,
    ) -> None:
        """Write down a renewal with the attempt that the shopper is to pay, where it is new.

        Args:
            connection: The caller's transaction.
            subscription_id: Whose.
            renewal: With its attempts.
            pay_key: The shop key that the attempt's payment will come under.
        """
        await SQL.write_renewal(connection, **renewal_columns(subscription_id, renewal))
        for attempt in renewal.attempts:
            key = pay_key if attempt.payment_id is None else None
            columns = attempt_columns(subscription_id, renewal.period, attempt, key)
            await SQL.write_attempt(connection, **columns)

    async def _write_history(
        self, connection: Connection, before: Subscription, turn: Turn
    ) -> None:
        if not turn.changes:
            return
        interval, after = before.plan.interval, turn.subscription
        rate_was, rate_now = (_text(monthly(it.amount, interval)) for it in (before, after))
        await SQL.add_changes(
            connection,
            subscription_id=before.id,
            ats=[change.at for change in turn.changes],
            weres=[change.was for change in turn.changes],
            now_ares=[change.now_is for change in turn.changes],
            moves=[change.move or "change_amount" for change in turn.changes],
            monthly_weres=[rate_was if one.was in _PAYING else "0" for one in turn.changes],
            monthly_nows=[rate_now if one.now_is in _PAYING else "0" for one in turn.changes],
        )


def _with_payment(renewal: Renewal, payment_id: PaymentId) -> Renewal:
    *before, last = renewal.attempts
    return replace(renewal, attempts=(*before, replace(last, payment_id=payment_id)))


def _text(amount: Fraction) -> str:
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    return str(exact.quantize(_PLACES))
