"""The use case of renewals: subscriptions take their turns, and what falls due is charged.

A turn reads from top to bottom: lock, take in the payments, decide, write; after its commit what it
decided on is charged. It takes a list of subscriptions and sends a number of statements that does
not depend on how long the list is; one subscription is a list of one. What a shop asks of a
subscription (to cancel it, to pause it, another attempt) takes the same path.

Two workers, or a worker and a shop, take turns: a subscription's row is locked before anything of
it is read. A period is asked for once by the primary key of `renewal`, an attempt is one payment by
the key of its row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Final, ParamSpec, Self, TypeVar

import structlog

from kasir.adyen.calls import payment_key
from kasir.clock import Clock
from kasir.config import Settings
from kasir.errors import KeyReused, NotFound
from kasir.gateway.renewal_messages import RenewalMessages
from kasir.ids import Ids, PaymentId
from kasir.jobs.renewal_reading import DecidedMeanwhileError, Locked, RenewalReading
from kasir.jobs.renewal_writing import Prepared, RenewalWriting
from kasir.ledger.payments import Ledger
from kasir.ledger.renewal_payments import RenewalPayments
from kasir.limits import Limits
from kasir.payments.flow import Flow
from kasir.payments.question import ShopKey
from kasir.store import questions
from kasir.store.database import Connection, Pool, queries, retried
from kasir.store.subscription_rows import RenewalRows
from kasir.subscriptions.dunning import Timetable
from kasir.subscriptions.engine import Rules, advance
from kasir.subscriptions.renewal import CatchUp, Renewal
from kasir.subscriptions.subscription import Subscription, SubscriptionId
from kasir.subscriptions.turn import Turn

SQL: Final = queries("subscriptions")
#: Charges that follow each other at once, while a test clock's leap is caught up with.
_IN_A_ROW_MAX: Final = 100

P = ParamSpec("P")
T = TypeVar("T")

#: Decides what is done with a locked subscription at this moment; raises where it cannot be done.
Decide = Callable[[Subscription, datetime], Turn]

_log = structlog.get_logger("kasir.renewing")


@dataclass(frozen=True, slots=True)
class Taken:
    """What the turns of several subscriptions came to.

    Attributes:
        prepared: What was written of each.
        set_aside: Subscriptions of which nothing was written: their decision raised an error.
    """

    prepared: tuple[Prepared, ...] = ()
    set_aside: tuple[SubscriptionId, ...] = ()

    @property
    def charges(self) -> dict[SubscriptionId, PaymentId]:
        """The payments that are to be asked for now, by subscription."""
        return {one.id: one.payment_id for one in self.prepared if one.payment_id}


@dataclass(frozen=True, slots=True)
class Renewing:
    """The worker's work on subscriptions.

    Attributes:
        turns: Where subscriptions take their turns.
        flow: Where their payments are asked for.
        in_a_row: Whether what is due after a charge is done at once: only by a test clock, which
            may have leapt over many periods. By a real one, every charge waits its turn.
    """

    turns: Turns
    flow: Flow
    in_a_row: bool

    async def renew(self, ids: Sequence[SubscriptionId]) -> list[SubscriptionId]:
        """Do all that is due of subscriptions. Repeated or concurrent, it charges nothing twice.

        Returns:
            Those that were set aside because their decision raised an error, which was logged.

        Raises:
            Exception: The decision of the only one raised it.
        """
        waiting, set_aside = ids, list[SubscriptionId]()
        for _ in range(_IN_A_ROW_MAX):
            taken = await self.turns.take(waiting)
            set_aside += taken.set_aside
            waiting = list(taken.charges)
            if not waiting:
                break
            await self._charge([*taken.charges.values()])
            if not self.in_a_row:
                # This settles what came of the charges; what follows is found due by itself.
                set_aside += (await self.turns.take(waiting)).set_aside
                break
        return set_aside

    async def _charge(self, payment_ids: Sequence[PaymentId]) -> None:
        """Ask for payments; where that fails for one, the others are asked for all the same."""
        asked = (self.flow.ask_again(payment_key(payment_id)) for payment_id in payment_ids)
        for ended in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended


def _again_if_decided_meanwhile(
    turn: Callable[P, Coroutine[object, object, T]],
) -> Callable[P, Coroutine[object, object, T]]:
    """Begin a turn again where another one decided on a charge that this one may withdraw."""
    commit = retried(turn)

    @wraps(turn)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            with suppress(DecidedMeanwhileError):
                return await commit(*args, **kwargs)

    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Where subscriptions take their turns. Every method is one commit.

    Attributes:
        pool: The database.
        reading: Locks and reads subscriptions.
        writing: Writes what was decided.
        clock: What time it is.
        rules: What is the same for every subscription.
        ids: Where new names come from.
    """

    pool: Pool
    reading: RenewalReading
    writing: RenewalWriting
    clock: Clock
    rules: Rules
    ids: Ids

    @classmethod
    def built(
        cls,
        settings: Settings,
        pool: Pool,
        ledger: Ledger,
        ids: Ids,
        rows: RenewalRows,
        asker: int,
    ) -> Self:
        """Build it, with what it reads and writes by."""
        limits, clock, vault = settings.limits, ledger.clock, rows.vault
        rules = _rules(limits, clock.now() if settings.follow_twin_clock else None)
        messages = RenewalMessages(
            merchant_account=settings.merchant_account,
            lifetime=timedelta(seconds=limits.attempt_lifetime_s),
        )
        lease = timedelta(seconds=limits.call_lease_s)
        payments = RenewalPayments(vault=vault, ledger=ledger, lease=lease, asker=asker)
        reading = RenewalReading(
            rows=rows,
            payments=payments,
            vault=vault,
            clock=clock,
            unopened_for=rules.unopened_for,
            merchant_account=settings.merchant_account,
        )
        writing = RenewalWriting(
            payments=payments,
            outbox=ledger.outbox,
            ids=ids,
            clock=clock,
            messages=messages,
            public_url=settings.public_url,
            vault=vault,
        )
        return cls(pool=pool, reading=reading, writing=writing, clock=clock, rules=rules, ids=ids)

    async def take(self, ids: Sequence[SubscriptionId]) -> Taken:
        """Do all that is due of these subscriptions, up to one charge each.

        Raises:
            Exception: The decision of the only one raised it; nothing was written.
        """
        return await self._turn(ids, lambda found, now: advance(found, now, self.rules, self.ids))

    async def command(self, subscription_id: str, command: Decide) -> None:
        """Do what the shop asks of a subscription.

        Raises:
            NotFound: There is none of that id.
            Exception: Whatever `command` raises; nothing was written.
        """
        taken = await self._turn([SubscriptionId(subscription_id)], command)
        if not taken.prepared:
            raise NotFound("subscription", subscription_id)

    async def add_attempt(
        self, subscription_id: str, attempt_of: Callable[[Subscription], Renewal], shop_key: str
    ) -> Subscription:
        """Write an attempt that the shopper is to pay; give the subscription with it.

        Args:
            subscription_id: Which.
            attempt_of: Gives the renewal with the new attempt.
            shop_key: The key that the attempt's payment will come under.

        Raises:
            NotFound: There is none of that id.
            Exception: Whatever `attempt_of` raises; nothing was written.
        """

        def decide(found: Subscription, _: datetime) -> Turn:
            renewal = attempt_of(found)
            return Turn(subscription=replace(found, renewal=renewal), renewals=(renewal,))

        taken = await self._turn([SubscriptionId(subscription_id)], decide, shop_key)
        if not taken.prepared:
            raise NotFound("subscription", subscription_id)
        return taken.prepared[0].subscription

    @_again_if_decided_meanwhile
    async def _turn(
        self, ids: Sequence[SubscriptionId], decide: Decide, shop_key: str | None = None
    ) -> Taken:
        async with self.pool.acquire() as connection, connection.transaction():
            locked = await self.reading.lock(connection, ids)
            taken = self._decided(locked, decide, shop_key)
            await self.writing.write(connection, taken.prepared)
        return taken

    def _decided(self, locked: Sequence[Locked], decide: Decide, shop_key: str | None) -> Taken:
        """Decide each in memory. One whose decision raises does not hold up the others."""
        prepared, set_aside = list[Prepared](), list[SubscriptionId]()
        for one in locked:
            try:
                found = self.reading.found(one)
                turn = decide(found.subscription, self.clock.now())
                prepared.append(self.writing.prepared(found, turn, shop_key))
            except Exception as error:
                if len(locked) == 1:
                    raise
                name = type(error).__name__
                _log.warning("a subscription is set aside", subscription=one.id, error=name)
                set_aside.append(one.id)
        return Taken(tuple(prepared), tuple(set_aside))

    @retried
    async def sign_up(
        self, subscription: Subscription, pay_key: str, shop_key: ShopKey | None
    ) -> SubscriptionId:
        """Write a subscription with the attempt that is to begin it, once per shop key.

        Args:
            subscription: With its first renewal open.
            pay_key: The shop key under which its first payment will be made.
            shop_key: The shop's own key for this sign-up, if it gave one.

        Returns:
            Its id, or that of the first one written under this shop key.

        Raises:
            KeyReused: The shop key came first with another body.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            if shop_key and (first := await _first(connection, subscription, shop_key)):
                return first
            lapses_at = subscription.created_at + self.rules.incomplete_for
            await self.writing.write_new(connection, subscription, lapses_at, pay_key)
        return subscription.id


async def _first(
    connection: Connection, subscription: Subscription, shop_key: ShopKey
) -> SubscriptionId | None:
    """The subscription that came first under this key; None where it is this one.

    Raises:
        KeyReused: It came with another body.
    """
    scoped = _scoped(shop_key)
    if await questions.claim_shop_key(connection, scoped, subscription.id, subscription.created_at):
        return None
    first = await SQL.shop_request(connection, key=scoped.key)
    if first["fingerprint"] != shop_key.fingerprint:
        raise KeyReused(shop_key.key)
    return SubscriptionId(first["question_key"])


def _scoped(shop_key: ShopKey) -> ShopKey:
    """A sign-up's key is apart from a payment's: a shop may use one key for both."""
    return replace(shop_key, key=f"subscription {shop_key.key}")


def _rules(limits: Limits, watched_since: datetime | None) -> Rules:
    return Rules(
        timetable=Timetable(),
        incomplete_for=timedelta(seconds=limits.sign_up_lifetime_s),
        unopened_for=timedelta(seconds=limits.attempt_lifetime_s),
        unresolved_for=timedelta(seconds=limits.unresolved_for_s),
        # By the twin's clock, a leap that is seen as it happens is no downtime.
        catch_up=CatchUp(watched_since),
    )
