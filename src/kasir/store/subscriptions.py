"""Plans and subscriptions in PostgreSQL.

Every method is one commit. A subscription's row is locked before anything of it is read, so that
two workers, or a worker and a shop's wish, take turns; what one decided is all there for the next.
A renewal is charged by writing its payment down in that same transaction. That a period is asked
for once is the primary key of `renewal`, that an attempt is one payment the key of its row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import msgspec

from kasir.clock import Clock
from kasir.errors import KeyReused, NotFound
from kasir.gateway.renewing import Words
from kasir.ids import Ids, PaymentId
from kasir.payments.ports import ShopKey
from kasir.shop_events.subscriptions import shown_news
from kasir.store import links, payments
from kasir.store.database import Connection, Pool, queries
from kasir.store.outbox import Outbox, Telling
from kasir.store.payments import PostgresBook
from kasir.store.subscription_rows import (
    attempt_columns,
    listed_renewal,
    plan_columns,
    plan_of,
    renewal_columns,
    subscription_columns,
    subscription_of,
    with_renewal,
)
from kasir.store.tokens import token_of
from kasir.store.vault import Vault
from kasir.subscriptions.engine import Rules, Turn, go_on
from kasir.subscriptions.metrics import Counted
from kasir.subscriptions.plan import Plan, monthly
from kasir.subscriptions.renewal import Renewal
from kasir.subscriptions.states import OVER, State
from kasir.subscriptions.subscription import Permission, Subscription, SubscriptionId
from kasir.tokens.model import Token

SQL: Final = queries("subscriptions")

_PAYING: Final = frozenset({State.ACTIVE, State.PAST_DUE})
#: Enough that a month's share of a day's price is exact to a millionth of a rupiah.
_PLACES: Final = Decimal(1).scaleb(-6)

#: What a shop wishes of a subscription, judged under its lock.
Wish = Callable[[Subscription, datetime], Turn]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSubscriptions:
    """Where plans and subscriptions are kept, and go on.

    Attributes:
        pool: The database.
        book: Where a renewal's payment is written down.
        outbox: Where the shop is told.
        vault: Opens tokens.
        ids: Where names come from.
        clock: What time it is.
        rules: What is the same for every subscription.
        words: How a renewal is asked for.
        public_url: Where shoppers reach Kasir, for the links in events.
    """

    pool: Pool
    book: PostgresBook
    outbox: Outbox
    vault: Vault
    ids: Ids
    clock: Clock
    rules: Rules
    words: Words
    public_url: str

    # Plans --------------------------------------------------------------------------------------

    async def add_plan(self, plan: Plan) -> None:
        """Write a plan down."""
        await SQL.add_plan(self.pool, **plan_columns(plan))

    async def plan(self, plan_id: str) -> Plan | None:
        """Give a plan."""
        row = await SQL.plan(self.pool, id=plan_id)
        return plan_of(row) if row else None

    async def plans(self, most: int) -> list[Plan]:
        """Give the newest plans, newest first."""
        return [plan_of(row) async for row in SQL.plans(self.pool, most=most)]

    # Signing up ---------------------------------------------------------------------------------

    async def sign_up(
        self, it: Subscription, pay_key: str, shop_key: ShopKey | None
    ) -> SubscriptionId:
        """Write a subscription down with the attempt that is to begin it, once per shop key.

        Args:
            it: The subscription, with its first renewal open.
            pay_key: The shop key under which its first payment will be made.
            shop_key: The shop's own key for this sign-up, if it gave one.

        Returns:
            Its id, or that of the one first written down under this shop key.

        Raises:
            KeyReused: The shop key came first with another body.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            if shop_key and (first := await self._first(connection, it, shop_key)):
                return first
            await SQL.add_subscription(
                connection,
                id=it.id,
                plan_id=it.plan.id,
                reference=it.reference,
                shopper_reference=it.shopper_reference,
                return_url=it.return_url,
                created_at=it.created_at,
                starts_at=it.starts_at,
                state=it.state,
                minor_units=it.amount.minor_units,
                dealt=it.dealt,
                due_at=it.created_at + self.rules.incomplete_for,
            )
            if it.renewal:
                await self._write_renewals(connection, it.id, [it.renewal], pay_key)
            if it.renewal and it.renewal.link_id:
                await self._invite(connection, it, [it.renewal])
        return it.id

    async def _first(
        self, connection: Connection, it: Subscription, shop_key: ShopKey
    ) -> SubscriptionId | None:
        claimed = await payments.SQL.claim_shop_key(
            connection,
            shop_key=_scoped(shop_key),
            fingerprint=shop_key.fingerprint,
            question_key=it.id,
            at=it.created_at,
        )
        if claimed is not None:
            return None
        first = await SQL.shop_request(connection, key=_scoped(shop_key))
        if first["fingerprint"] != shop_key.fingerprint:
            raise KeyReused(shop_key.key)
        return SubscriptionId(first["question_key"])

    # Going on -----------------------------------------------------------------------------------

    async def go_on(self, subscription_id: SubscriptionId) -> PaymentId | None:
        """Do all that is to be done by now; see `gateway.renewing.Renewals.go_on`."""
        async with self.pool.acquire() as connection, connection.transaction():
            found = await self._locked(connection, subscription_id)
            if found is None:
                return None
            it, token = found
            turn = go_on(it, self.clock.now(), self.rules, self.ids)
            return await self._write(connection, it, turn, token)

    async def wish(self, subscription_id: str, wish: Wish) -> None:
        """Do as the shop wishes, if the subscription's state lets it.

        Raises:
            NotFound: There is none of that id.
            IllegalMove: It cannot be done from where the subscription stands.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            found = await self._locked(connection, SubscriptionId(subscription_id))
            if found is None:
                raise NotFound("subscription", subscription_id)
            it, token = found
            await self._write(connection, it, wish(it, self.clock.now()), token)

    async def add_attempt(
        self, subscription_id: str, attempt_of: Callable[[Subscription], Renewal], pay_key: str
    ) -> Subscription:
        """Write down an attempt that the shopper will pay; give the subscription with it.

        Raises:
            NotFound: There is none of that id.
            Exception: Whatever `attempt_of` raises; nothing was written.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            found = await self._locked(connection, SubscriptionId(subscription_id))
            if found is None:
                raise NotFound("subscription", subscription_id)
            it, _ = found
            renewal = attempt_of(it)
            await self._write_renewals(connection, it.id, [renewal], pay_key)
            return replace(it, renewal=renewal)

    async def _locked(
        self, connection: Connection, subscription_id: SubscriptionId
    ) -> tuple[Subscription, Token | None] | None:
        """A subscription whose row is ours until the transaction ends, with all that bears on it.

        Payments that were made for it and are not known as such yet are taken in first.
        """
        row = await SQL.lock_subscription(connection, id=subscription_id)
        if row is None:
            return None
        it = subscription_of(row)
        if it.state in OVER:
            return it, None
        if it.state in {State.INCOMPLETE, State.PAST_DUE, State.PAUSED}:
            await SQL.adopt_sign_up(connection, subscription_id=it.id)
            await SQL.adopt_from_link(connection, subscription_id=it.id)
        rows = [row async for row in SQL.last_renewal(connection, subscription_id=it.id)]
        it = with_renewal(it, rows, self.vault)
        return await self._permitted(connection, it)

    async def _permitted(
        self, connection: Connection, it: Subscription
    ) -> tuple[Subscription, Token | None]:
        """A subscription with its token, or with the one that a payment of it has made since."""
        row = await SQL.token(connection, id=it.token_id) if it.token_id else None
        token = token_of(row, self.vault) if row else None
        if token and token.is_active:
            return replace(it, permission=Permission.GIVEN), token
        row = await SQL.token_of_payments(
            connection,
            subscription_id=it.id,
            shopper_reference=it.shopper_reference,
            merchant_account=self.words.merchant_account,
        )
        if row:
            token = token_of(row, self.vault)
            return replace(it, token_id=token.id, permission=Permission.GIVEN), token
        missing = Permission.WITHDRAWN if it.token_id else Permission.MISSING
        return replace(it, permission=missing), None

    # Writing ------------------------------------------------------------------------------------

    async def _write(
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
        await self._invite(connection, it, turn.invitations)
        await self._write_renewals(connection, it.id, list(last.values()), None)
        await SQL.write_subscription(connection, **subscription_columns(it))
        await self._write_history(connection, before, turn)
        await self.outbox.write(
            connection,
            [
                Telling(it.id, news.event, shown_news(it, news, self.public_url))
                for news in turn.news
            ],
        )
        return payment_id

    async def _invite(
        self, connection: Connection, it: Subscription, renewals: Sequence[Renewal]
    ) -> None:
        for renewal in renewals:
            link = self.words.invitation(it, renewal, self.clock.now())
            await links.SQL.open_link(
                connection,
                id=link.id,
                request=msgspec.json.encode(link.request).decode(),
                created_at=link.created_at,
                expires_at=link.expires_at,
                shop_key=None,
                fingerprint=None,
            )

    async def _write_renewals(
        self,
        connection: Connection,
        subscription_id: SubscriptionId,
        renewals: Sequence[Renewal],
        pay_key: str | None,
    ) -> None:
        for renewal in renewals:
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

    # Looking ------------------------------------------------------------------------------------

    async def find(
        self, subscription_id: str, renewals_max: int
    ) -> tuple[Subscription, list[Renewal]]:
        """Give a subscription with its newest renewals, oldest of them first.

        Raises:
            NotFound: There is none of that id.
        """
        row = None
        if "\0" not in subscription_id:
            row = await SQL.subscription(self.pool, id=subscription_id)
        if row is None:
            raise NotFound("subscription", subscription_id)
        it = subscription_of(row)
        rows = SQL.renewals_of(self.pool, subscription_id=it.id, most=renewals_max)
        renewals = [listed_renewal(row) async for row in rows]
        last = renewals[0] if renewals else None
        if last and last.outcome == "open":
            it = replace(it, renewal=last)
        return it, renewals[::-1]

    async def of(self, shopper_reference: str, reference: str, most: int) -> list[str]:
        """Give the ids of subscriptions, newest first; an empty word asks for any."""
        rows = SQL.subscriptions_of(
            self.pool, shopper_reference=shopper_reference, reference=reference, most=most
        )
        return [row["id"] async for row in rows]

    async def changes_by_day(self, time_zone: str, until: datetime) -> list[Counted]:
        """Give how many of each change there were on each day, and what they brought a month."""
        rows = SQL.changes_by_day(self.pool, time_zone=time_zone, until=until)
        return [_counted(row) async for row in rows]


def _with_payment(renewal: Renewal, payment_id: PaymentId) -> Renewal:
    *before, last = renewal.attempts
    return replace(renewal, attempts=(*before, replace(last, payment_id=payment_id)))


def _scoped(shop_key: ShopKey) -> str:
    """A sign-up's key is apart from a payment's: a shop may use one word for both."""
    return f"subscription {shop_key.key}"


def _text(amount: Fraction) -> str:
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    return str(exact.quantize(_PLACES))


def _counted(row: Any) -> Counted:
    day: date = row["day"]
    return Counted(
        day=day,
        was=State(row["was"]),
        now_is=State(row["now_is"]),
        count=row["count"],
        monthly=Fraction(row["monthly"]),
    )
