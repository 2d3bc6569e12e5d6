"""The use case of renewals: takes the turns of subscriptions, and charges what is due.

The turns of a list of subscriptions are one transaction: it locks the subscriptions, reads their
payments, decides each turn, and writes. After the commit the charges are sent. The number of
statements does not depend on the length of the list. A shop's command (cancel, pause, another
attempt) is a turn too, in a list with one subscription.

Turns of one subscription never overlap, because the subscription's row is locked before the turn
reads any of its rows. The primary key of `renewal` allows one renewal for a period; the primary key
of `renewal_attempt` allows one payment for an attempt.
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
#: The most periods of one subscription that one job charges after a leap of the test clock.
_IN_A_ROW_MAX: Final = 100

P = ParamSpec("P")
T = TypeVar("T")

#: Decides the turn of a locked subscription; raises an error if a command is not allowed.
Decide = Callable[[Subscription, datetime], Turn]

_log = structlog.get_logger("kasir.renewing")


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of the turns of several subscriptions.

    Attributes:
        prepared: The rows that were written for each subscription.
        set_aside: Subscriptions that were skipped, because their decision raised an error. Nothing
            was written for these subscriptions.
    """

    prepared: tuple[Prepared, ...] = ()
    set_aside: tuple[SubscriptionId, ...] = ()

    @property
    def charges(self) -> dict[SubscriptionId, PaymentId]:
        """The payments to send now, by subscription."""
        return {one.id: one.payment_id for one in self.prepared if one.payment_id}


@dataclass(frozen=True, slots=True)
class Renewing:
    """Renews subscriptions that are due.

    Attributes:
        turns: Takes the turns of subscriptions.
        flow: Sends the payments.
        in_a_row: Whether one job charges every period that is due. True only with a test clock,
            which may leap over many periods; with a real clock each period has its own job.
    """

    turns: Turns
    flow: Flow
    in_a_row: bool

    async def renew(self, ids: Sequence[SubscriptionId]) -> list[SubscriptionId]:
        """Do all due steps of subscriptions. Repeated or concurrent calls charge nothing twice.

        Returns:
            Subscriptions that were skipped, because their decision raised an error.

        Raises:
            Exception: Raised by the decision, if `ids` has one subscription.
        """
        due_ids, set_aside = ids, list[SubscriptionId]()
        for _ in range(_IN_A_ROW_MAX):
            taken = await self.turns.take(due_ids)
            set_aside += taken.set_aside
            due_ids = list(taken.charges)
            if not due_ids:
                break
            await self._charge([*taken.charges.values()])
            if not self.in_a_row:
                # This turn handles the results of the charges. A later period has its own job.
                set_aside += (await self.turns.take(due_ids)).set_aside
                break
        return set_aside

    async def _charge(self, payment_ids: Sequence[PaymentId]) -> None:
        """Send payments. If a payment raises an error, the others are sent before it is raised."""
        calls = (self.flow.ask_again(payment_key(payment_id)) for payment_id in payment_ids)
        for result in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result


def _again_if_decided_meanwhile(
    turn: Callable[P, Coroutine[object, object, T]],
) -> Callable[P, Coroutine[object, object, T]]:
    """Decorate a turn to begin again if another turn stored a charge before it had its locks."""
    turn_retried = retried(turn)

    @wraps(turn)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            with suppress(DecidedMeanwhileError):
                return await turn_retried(*args, **kwargs)

    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Takes the turns of subscriptions. Every method is one transaction.

    Attributes:
        pool: The database.
        reading: Locks and reads subscriptions.
        writing: Writes the results of turns.
        clock: Kasir's clock.
        rules: The rules that are the same for every subscription.
        ids: Makes new ids.
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
        """Build the parts; `asker` is the number of this process (see `store.askers`)."""
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
            no_payment_for=rules.no_payment_for,
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
        """Do all due steps of these subscriptions, at most one charge for each subscription.

        Raises:
            Exception: Raised by the decision, if `ids` has one subscription; nothing was written.
        """
        return await self._turn(
            ids, lambda subscription, now: advance(subscription, now, self.rules, self.ids)
        )

    async def command(self, subscription_id: str, command: Decide) -> None:
        """Run a command of the shop on a subscription.

        Raises:
            NotFound: There is no subscription with that id.
            Exception: Whatever `command` raises; nothing was written.
        """
        taken = await self._turn([SubscriptionId(subscription_id)], command)
        if not taken.prepared:
            raise NotFound("subscription", subscription_id)

    async def add_attempt(
        self, subscription_id: str, attempt_of: Callable[[Subscription], Renewal], shop_key: str
    ) -> Subscription:
        """Write an attempt that the shopper is to pay; return the subscription with the attempt.

        Args:
            subscription_id: The subscription.
            attempt_of: Returns the subscription's renewal with the new attempt.
            shop_key: The idempotency key with which the attempt's payment will be opened.

        Raises:
            NotFound: There is no subscription with that id.
            Exception: Whatever `attempt_of` raises; nothing was written.
        """

        def decide(subscription: Subscription, _: datetime) -> Turn:
            renewal = attempt_of(subscription)
            return Turn(subscription=replace(subscription, renewal=renewal), renewals=(renewal,))

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
            taken = self._decide_each(locked, decide, shop_key)
            await self.writing.write(connection, taken.prepared)
        return taken

    def _decide_each(self, locked: Sequence[Locked], decide: Decide, shop_key: str | None) -> Taken:
        """Decide the turn of each subscription, without I/O. After an error the others continue."""
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
        """Write a subscription with its first attempt, once per shop key.

        Args:
            subscription: The subscription, with its first renewal open.
            pay_key: The idempotency key with which the first payment will be opened.
            shop_key: The idempotency key of the shop's request to sign up, if it has one.

        Returns:
            The subscription's id, or the id of the earlier subscription with this shop key.

        Raises:
            KeyReused: The shop key was first used with another body.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            if shop_key and (earlier := await _claim(connection, subscription, shop_key)):
                return earlier
            lapses_at = subscription.created_at + self.rules.incomplete_for
            await self.writing.write_new(connection, subscription, lapses_at, pay_key)
        return subscription.id


async def _claim(
    connection: Connection, subscription: Subscription, shop_key: ShopKey
) -> SubscriptionId | None:
    """Claim a shop key. Returns None, or the id of an earlier subscription with this shop key.

    Raises:
        KeyReused: The shop key was first used with another body.
    """
    stored_key = _stored_key(shop_key)
    if await questions.claim_shop_key(
        connection, stored_key, subscription.id, subscription.created_at
    ):
        return None
    earlier = await SQL.shop_request(connection, key=stored_key.key)
    if earlier["fingerprint"] != shop_key.fingerprint:
        raise KeyReused(shop_key.key)
    return SubscriptionId(earlier["question_key"])  # For a sign-up: the subscription's id.


def _stored_key(shop_key: ShopKey) -> ShopKey:
    """A sign-up's shop key as stored, with a prefix, because a payment may have the same key."""
    return replace(shop_key, key=f"subscription {shop_key.key}")


def _rules(limits: Limits, test_clock_since: datetime | None) -> Rules:
    return Rules(
        timetable=Timetable(),
        incomplete_for=timedelta(seconds=limits.sign_up_lifetime_s),
        no_payment_for=timedelta(seconds=limits.attempt_lifetime_s),
        unresolved_for=timedelta(seconds=limits.unresolved_for_s),
        # With the twin's clock, a gap since Kasir started is a leap of that clock, not downtime.
        catch_up=CatchUp(test_clock_since),
    )
