"""A transaction that waits for a row holds no row that is later in the order of locks.

Each test locks one row, runs Kasir until it waits for that row, and checks that Kasir has locked no
row that is later in the order (docs/adr/0015). Transactions that lock in this order cannot
deadlock; of transactions that do deadlock, PostgreSQL ends one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import asyncpg
import pytest

from fakes import NOW, a_question, an_intent
from integration.subscriptions.shop import MONTH, NOON, Shop, shop_on
from kasir.adyen.replies import Answer
from kasir.demo.client import until
from kasir.gateway import meanings
from kasir.ids import LinkId, PaymentId
from kasir.payments.links import Link
from kasir.store.inbox import Notice, NoticeKind
from kasir.subscriptions.subscription import SubscriptionId
from kasir.tokens.model import TokenFact, TokenName, TokenReport, TokenSays
from lock_witness import statements
from opened_kasir import a_database

#: Locks a subscription, or fails at once if another session has locked it.
LOCK_SUBSCRIPTION: Final = "SELECT FROM subscription WHERE id = $1 FOR UPDATE NOWAIT"


@pytest.fixture
async def shop(postgres_dsn: str) -> AsyncIterator[Shop]:
    """A shop with the DSN of its database, for the connections of `locks`."""
    async with a_database(postgres_dsn) as database, shop_on(database) as opened:
        opened.database = database  # type: ignore[attr-defined]
        yield opened


class LockHolder:
    """One connection that holds locks, and one that checks which locks are awaited or free."""

    def __init__(self, holding: Any, checking: Any) -> None:
        self.holding, self.checking = holding, checking

    async def hold(self, sql: str, *args: object) -> None:
        """Hold the locks that a statement takes."""
        await self.holding.execute("BEGIN")
        await self.holding.execute(sql, *args)

    async def until_awaited(self, count: int = 1) -> None:
        """Wait until this number of sessions waits for a lock."""
        sql = """SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'"""
        await until(
            lambda: self.checking.fetchval(sql), lambda waits: waits >= count, "waiting for a lock"
        )

    async def is_free(self, sql: str, *args: object) -> bool:
        """Whether a statement gets its locks at once."""
        attempt = self.checking.transaction()
        await attempt.start()
        try:
            await self.checking.execute("SET LOCAL lock_timeout = '1ms'")
            await self.checking.execute(sql, *args)
        except asyncpg.LockNotAvailableError:
            return False
        else:
            return True
        finally:
            await attempt.rollback()

    async def release(self) -> None:
        """Release the held locks."""
        await self.holding.execute("ROLLBACK")


@pytest.fixture
async def locks(shop: Shop) -> AsyncIterator[LockHolder]:
    dsn = shop.database  # type: ignore[attr-defined]
    holding, checking = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        yield LockHolder(holding, checking)
    finally:
        await holding.close()
        await checking.close()


@asynccontextmanager
async def waiting(locks: LockHolder, work: Awaitable[Any]) -> AsyncIterator[None]:
    """Run work until it waits for the held row; at the end release the row and finish the work."""
    task = asyncio.ensure_future(work)
    try:
        await locks.until_awaited()
        yield
    finally:
        await locks.release()
        await task


def a_token(shopper: str, stored: str, says: TokenSays = TokenSays.CREATED) -> TokenReport:
    name = TokenName(merchant_account="TwinMerchant", shopper_reference=shopper, stored_id=stored)
    fact = TokenFact(key=f"{says}-{stored}", says=says, source="test", at=NOW)
    return TokenReport(name=name, method="gopay_wallet", fact=fact)


LOCK_TOKENS: Final = "UPDATE token SET method = method WHERE shopper_reference = $1"


async def test_a_transaction_that_waits_for_a_token_holds_no_subscription_for_another_token(
    shop: Shop, locks: LockHolder
) -> None:
    """This deadlocked once: a transaction locked the subscription before the second token."""
    subscription_id = await shop.create_active("SUB")
    await shop.kasir.tokens.record([a_token("shopper-SUB", "ZZZ")])
    await locks.hold("UPDATE token SET method = method WHERE stored_hash = sha256('ZZZ')")
    reports = [a_token("shopper-SUB", "AAA"), a_token("shopper-SUB", "ZZZ", TokenSays.UPDATED)]
    async with waiting(locks, shop.kasir.tokens.record(reports)):
        free = await locks.is_free(LOCK_SUBSCRIPTION, subscription_id)

    assert free


async def test_reading_notices_of_a_payment_and_its_token_locks_no_subscription_before_the_token(
    shop: Shop, locks: LockHolder
) -> None:
    subscription_id = await shop.create_active("SUB")
    psp = (await shop.kasir.payments.payments_of("SUB", 1))[0].summary.psp_reference
    await locks.hold(LOCK_TOKENS, "shopper-SUB")
    await shop.post_notification(
        eventCode="CANCELLATION",
        pspReference="A" * 16,
        originalReference=psp,
        merchantReference="SUB",
        amount={"currency": "IDR", "value": 50_000},
    )
    extra = {
        "recurring.recurringDetailReference": "TOKEN-SUB",
        "recurring.shopperReference": "shopper-SUB",
    }
    await shop.post_notification(
        eventCode="RECURRING_CONTRACT",
        pspReference="TOKEN-SUB",
        originalReference=psp,
        merchantReference="SUB",
        amount={"currency": "IDR", "value": 0},
        additionalData=extra,
    )
    async with waiting(locks, shop.kasir.reader.read_all()):
        free = await locks.is_free(LOCK_SUBSCRIPTION, subscription_id)

    assert free


async def with_unsent_charge(shop: Shop) -> tuple[SubscriptionId, PaymentId]:
    """A subscription whose second charge is stored but not sent."""
    subscription_id = await shop.create_active("SUB")
    shop.clock.at = NOON + MONTH
    payment_id = await shop.take_turn(subscription_id)
    assert payment_id is not None
    return subscription_id, payment_id


async def test_withdrawing_a_charge_locks_its_payment_before_the_subscription(
    shop: Shop, locks: LockHolder
) -> None:
    subscription_id, payment_id = await with_unsent_charge(shop)
    await locks.hold("SELECT FROM payment WHERE id = $1 FOR UPDATE", payment_id)
    async with waiting(locks, shop.kasir.subscribing.cancel(subscription_id, b"")):
        free = await locks.is_free(LOCK_SUBSCRIPTION, subscription_id)

    assert free


async def test_a_charge_that_is_created_while_a_cancel_waits_is_withdrawn_too(
    shop: Shop, locks: LockHolder
) -> None:
    """The cancel reads the unsent charges, then waits; the charge is created while it waits."""
    subscription_id = await shop.create_active("SUB")
    shop.clock.at = NOON + MONTH
    await locks.hold("SELECT FROM subscription WHERE id = $1 FOR UPDATE", subscription_id)
    turn = asyncio.ensure_future(shop.take_turn(subscription_id))
    await locks.until_awaited()
    command = asyncio.ensure_future(shop.kasir.subscribing.cancel(subscription_id, b""))
    await locks.until_awaited(2)
    await locks.release()
    payment_id = await turn
    await command
    assert payment_id is not None
    payment = await shop.kasir.payments.payment(payment_id)
    assert payment is not None

    assert (await shop.find(subscription_id)).state == "cancelled"
    assert payment.status == "cancelled"


async def test_withdrawing_a_link_does_not_lock_it_while_waiting_for_a_payment(
    shop: Shop, locks: LockHolder
) -> None:
    """This deadlocked once: the withdrawal, the reader and the turn waited for each other."""
    now = shop.clock.at
    link = Link(id=LinkId("PL1"), request={}, created_at=now, expires_at=now + timedelta(days=1))
    await shop.kasir.links.book.open(link, None)
    intent = an_intent("pay_L", link_id=link.id, created_at=now, close_at=now + timedelta(hours=1))
    await shop.kasir.payments.open(intent, a_question("pay_L"), shop_key=None)
    await locks.hold("SELECT FROM payment WHERE id = 'pay_L' FOR UPDATE")
    async with waiting(locks, shop.kasir.links.book.expire(link.id, now)):
        free = await locks.is_free("SELECT FROM payment_link WHERE id = 'PL1' FOR UPDATE NOWAIT")
    due = await shop.kasir.pool.fetchval("SELECT close_due_at FROM payment WHERE id = 'pay_L'")

    assert free
    assert due == now


async def test_recording_a_first_fact_locks_its_psp_reference_before_the_subscription(
    shop: Shop, locks: LockHolder
) -> None:
    subscription_id = await shop.create_active("SUB")
    other = an_intent("pay_O")
    await shop.kasir.payments.open(other, a_question("pay_O"), shop_key=None)
    intent = an_intent("pay_N", shopper_reference="shopper-SUB")
    question = a_question("pay_N")
    await shop.kasir.payments.open(intent, question, shop_key=None)
    answer = Answer(200, b'{"resultCode":"RedirectShopper"}', psp_reference="OFFER")
    result = meanings.of_reply(question, answer, NOW)
    await locks.hold("INSERT INTO psp_reference VALUES ('OFFER', 'pay_O')")
    async with waiting(
        locks, shop.kasir.payments.record(question, result, ask_again_at=None, opened=intent)
    ):
        free = await locks.is_free(LOCK_SUBSCRIPTION, subscription_id)

    assert free


async def test_recording_a_first_fact_locks_the_subscription_before_the_notices(
    shop: Shop, locks: LockHolder
) -> None:
    subscription_id = await shop.create_active("SUB")
    intent = an_intent("pay_N", shopper_reference="shopper-SUB", reference="N")
    question = a_question("pay_N")
    await shop.kasir.payments.open(intent, question, shop_key=None)
    await shop.post_notification(
        eventCode="REFUND",
        pspReference="C" * 16,
        originalReference="OFFER",
        merchantReference="N",
    )
    await shop.kasir.reader.read_all()  # The notice waits for a payment that has OFFER.
    answer = Answer(200, b'{"resultCode":"RedirectShopper"}', psp_reference="OFFER")
    result = meanings.of_reply(question, answer, NOW)
    await locks.hold("SELECT FROM subscription WHERE id = $1 FOR UPDATE", subscription_id)
    async with waiting(
        locks, shop.kasir.payments.record(question, result, ask_again_at=None, opened=intent)
    ):
        free = await locks.is_free(
            "SELECT FROM notice WHERE 'OFFER' = ANY (names) FOR UPDATE NOWAIT"
        )
        state = await locks.checking.fetchval(
            "SELECT state FROM notice WHERE 'OFFER' = ANY (names)"
        )

    assert (free, state) == (True, "waiting")


async def test_notices_are_inserted_in_the_order_of_their_keys(
    shop: Shop, locks: LockHolder
) -> None:
    def notice(key: bytes) -> Notice:
        return Notice(
            key=key,
            kind=NoticeKind.STANDARD,
            item=b"{}",
            received_at=NOW,
            event_date=None,
            event_code="",
            names=(),
        )

    insert = "INSERT INTO notice (key, kind, item, received_at, event_code, names) VALUES"
    await locks.hold(f"{insert} ('A', 'standard', '', now(), '', '{{}}')")
    async with waiting(locks, shop.kasir.inbox.keep([notice(b"Z"), notice(b"A")])):
        free = await locks.is_free(f"{insert} ('Z', 'standard', '', now(), '', '{{}}')")

    assert free


async def test_the_lock_witness_reports_two_statements_in_the_wrong_order(
    shop: Shop, lock_faults: list[str]
) -> None:
    texts = {name: text for text, name in statements().items()}
    async with shop.kasir.pool.acquire() as connection, connection.transaction():
        await connection.execute(texts["subscriptions.schedule"], NOON, [], [])
        await connection.fetch(texts["payments.lock_payments"], [])
    seen = [*lock_faults]
    lock_faults.clear()  # Otherwise the fixture fails this test.

    assert seen == ["payments.lock_payments waits for ['payment'] after ['subscriptions.schedule']"]
