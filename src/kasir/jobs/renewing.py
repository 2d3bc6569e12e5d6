"""Plans and subscriptions in PostgreSQL.

Every method is one commit. A subscription's row is locked before anything of it is read, so that
two workers, or a worker and a shop's wish, take turns; what one decided is all there for the next.
A renewal is charged by writing its payment down in that same transaction. That a period is asked
for once is the primary key of `renewal`, that an attempt is one payment the key of its row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from kasir.clock import Clock
from kasir.errors import KeyReused, NotFound
from kasir.ids import Ids, PaymentId
from kasir.jobs.renewal_writing import Writing
from kasir.ledger import payment_book
from kasir.ledger.payment_book import PostgresBook
from kasir.ledger.tokens import token_of
from kasir.payments.question import ShopKey
from kasir.payments.status import Status
from kasir.store.database import Connection, Pool, once_more, queries
from kasir.store.subscription_rows import (
    losses_of,
    plan_columns,
    plan_of,
    renewal_of,
    renewals_of,
    subscription_of,
    with_renewal,
)
from kasir.store.vault import Vault
from kasir.subscriptions.engine import Rules, go_on
from kasir.subscriptions.events import News, SubscriptionEvent
from kasir.subscriptions.metrics import Counted
from kasir.subscriptions.plan import Plan, WhenTakenBack
from kasir.subscriptions.renewal import Loss, Outcome, Renewal
from kasir.subscriptions.states import OVER, State
from kasir.subscriptions.subscription import Permission, Subscription, SubscriptionId
from kasir.subscriptions.turn import Turn
from kasir.tokens.model import Token

SQL: Final = queries("subscriptions")

P = ParamSpec("P")
T = TypeVar("T")

#: What a shop wishes of a subscription, judged under its lock.
Wish = Callable[[Subscription, datetime], Turn]


class _DecidedMeanwhileError(Exception):
    """A charge was decided on between locking what could be withdrawn and the subscription."""


def _in_turn(
    turn: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Do one commit again where the charge that it may withdraw came up meanwhile."""
    commit = once_more(turn)

    @wraps(turn)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            with suppress(_DecidedMeanwhileError):
                return await commit(*args, **kwargs)

    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which subscriptions to list; an empty word asks for any.

    Attributes:
        state: Where they stand.
        shopper_reference: Whose.
        plan_id: Of which plan.
        reference: The shop's own name.
        after: The id of the last one that the caller has.
    """

    state: str = ""
    shopper_reference: str = ""
    plan_id: str = ""
    reference: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSubscriptions:
    """Where plans and subscriptions are kept, and go on.

    Attributes:
        pool: The database.
        writing: Where what was decided is written.
        book: Where payments are.
        vault: Opens tokens.
        clock: What time it is.
        rules: What is the same for every subscription.
        ids: Where names come from.
        merchant_account: Whose tokens are charged.
    """

    pool: Pool
    writing: Writing
    book: PostgresBook
    vault: Vault
    clock: Clock
    rules: Rules
    ids: Ids
    merchant_account: str

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

    @once_more
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
                await self.writing.for_shopper(connection, it.id, it.renewal, pay_key)
            if it.renewal and it.renewal.link_id:
                await self.writing.invite(connection, it, [it.renewal])
        return it.id

    async def _first(
        self, connection: Connection, it: Subscription, shop_key: ShopKey
    ) -> SubscriptionId | None:
        claimed = await payment_book.SQL.claim_shop_key(
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

    @_in_turn
    async def go_on(self, subscription_id: SubscriptionId) -> PaymentId | None:
        """Do all that is to be done by now; see `gateway.renewing.Renewals.go_on`."""
        async with self.pool.acquire() as connection, connection.transaction():
            found = await self._locked(connection, subscription_id)
            if found is None:
                return None
            it, token = found
            turn = go_on(it, self.clock.now(), self.rules, self.ids)
            return await self.writing.write(connection, it, turn, token)

    @_in_turn
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
            await self.writing.write(connection, it, wish(it, self.clock.now()), token)

    @_in_turn
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
            await self.writing.for_shopper(connection, it.id, renewal, pay_key)
            return replace(it, renewal=renewal)

    async def _locked(
        self, connection: Connection, subscription_id: SubscriptionId
    ) -> tuple[Subscription, Token | None] | None:
        """A subscription whose row is ours until the transaction ends, with all that bears on it.

        What the shopper paid and is not known as such yet is taken in first, and the shop is told
        of what was paid needlessly.
        """
        unsent = SQL.lock_unsent(connection, subscription_id=subscription_id)
        ours = {row["id"] async for row in unsent}
        row = await SQL.lock_subscription(connection, id=subscription_id)
        if row is None:
            return None
        it = subscription_of(row)
        rows = await self._last_renewal(connection, it)
        if any(_may_be_the_shoppers(row) for row in rows):
            await self.writing.drop_unopened(connection, it, self.rules.unopened_for)
            await SQL.adopt_sign_up(connection, subscription_id=it.id)
            await SQL.adopt_from_link(connection, subscription_id=it.id)
            rows = await self._last_renewal(connection, it)
        if rows and rows[0]["may_be_surplus"] and await self._tell_of_surplus(connection, it):
            rows = await self._last_renewal(connection, it)
        if it.state in OVER:
            return it, None
        it = with_renewal(it, rows, self.vault)
        it = replace(it, losses=await self._losses(connection, it))
        return await self._permitted(connection, await self._sure(connection, it, ours))

    async def _losses(self, connection: Connection, it: Subscription) -> tuple[Loss, ...]:
        """Its payments that were taken back, where the plan says what is to be done then."""
        plan, shopper = it.plan, it.shopper_reference
        if plan.on_dispute is plan.on_full_refund is WhenTakenBack.CONTINUE:
            return ()
        found = SQL.losses(connection, subscription_id=it.id, shopper_reference=shopper)
        return losses_of([row async for row in found])

    async def _last_renewal(self, connection: Connection, it: Subscription) -> list[Any]:
        return [row async for row in SQL.last_renewal(connection, subscription_id=it.id)]

    async def _tell_of_surplus(self, connection: Connection, it: Subscription) -> bool:
        """Mark what was paid needlessly and tell the shop of it, each once; whether there was any.

        Nothing is given back: which of two payments to refund is the shop's to say.
        """
        rows = [row async for row in SQL.mark_surplus(connection, subscription_id=it.id)]
        now, event = self.clock.now(), SubscriptionEvent.RENEWAL_OVERPAID
        told = [News(event=event, at=now, renewal=renewal_of([row], self.vault)) for row in rows]
        await self.writing.tell(connection, it, told)
        return bool(rows)

    async def _sure(
        self, connection: Connection, it: Subscription, ours: Collection[str]
    ) -> Subscription:
        """A subscription of which it is certain, until the transaction ends, what was not sent.

        Whoever sends it marks it as asked first, and either did so by now or waits for us.

        Raises:
            _DecidedMeanwhileError: It was decided on while we waited: its payment is not locked.
        """
        unsent = it.renewal.unsent if it.renewal else None
        if it.renewal is None or unsent is None or unsent.payment_id is None:
            return it
        if unsent.payment_id not in ours:
            raise _DecidedMeanwhileError
        if await self.book.lock_unasked(connection, unsent.payment_id):
            return it
        attempts = (replace(one, is_sent=True) for one in it.renewal.attempts)
        return replace(it, renewal=replace(it.renewal, attempts=tuple(attempts)))

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
            merchant_account=self.merchant_account,
        )
        token = token_of(row, self.vault) if row else None
        if token and token.is_active:
            return replace(it, token_id=token.id, permission=Permission.GIVEN), token
        # One that was lost before anybody saw it here was given all the same.
        lost = it.token_id or (token.id if token else "")
        missing = Permission.WITHDRAWN if lost else Permission.MISSING
        return replace(it, token_id=lost, permission=missing), None

    # Looking ------------------------------------------------------------------------------------

    async def find(
        self, subscription_id: str, renewals_max: int
    ) -> tuple[Subscription, list[Renewal]]:
        """Give a subscription with its newest renewals, oldest of them first.

        Raises:
            NotFound: There is none of that id.
        """
        row = await SQL.subscription(self.pool, id=subscription_id)
        if row is None:
            raise NotFound("subscription", subscription_id)
        it = subscription_of(row)
        found = SQL.renewals_of(self.pool, subscription_id=it.id, most=renewals_max)
        renewals = renewals_of([row async for row in found], self.vault)
        last = renewals[-1] if renewals else None
        if last and last.outcome is Outcome.OPEN:
            it = replace(it, renewal=last)
        return it, renewals

    async def of(self, wanted: Wanted, most: int) -> list[str]:
        """Give the ids of subscriptions, newest first.

        Raises:
            NotFound: There is none of the id to list after.
        """
        asked = asdict(wanted)
        after = wanted.after
        if after and not await SQL.is_subscription(self.pool, id=after):
            raise NotFound("subscription", after)
        rows = SQL.subscriptions_of(self.pool, **asked, most=most)
        return [row["id"] async for row in rows]

    async def changes_by_day(self, time_zone: str, until: datetime) -> list[Counted]:
        """Give how many of each change there were on each day, and what they brought a month."""
        rows = SQL.changes_by_day(self.pool, time_zone=time_zone, until=until)
        return [_counted(row) async for row in rows]


def _may_be_the_shoppers(row: Any) -> bool:
    """Whether the shopper may have paid this renewal, or may have begun to, unheard so far."""
    unopened = row["payment_id"] is None and row["status"] == Status.CREATED
    return bool(row["link_id"]) or unopened


def _scoped(shop_key: ShopKey) -> str:
    """A sign-up's key is apart from a payment's: a shop may use one word for both."""
    return f"subscription {shop_key.key}"


def _counted(row: Any) -> Counted:
    day: date = row["day"]
    return Counted(
        day=day,
        was=State(row["was"]),
        now_is=State(row["now_is"]),
        count=row["count"],
        monthly=Fraction(row["monthly"]),
    )
