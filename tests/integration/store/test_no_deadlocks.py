"""Concurrent work for one shopper does not deadlock; rolled back transactions are retried."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final

import asyncpg
import pytest
import stamina
from structlog.testing import capture_logs

from fakes import NOW, a_question, an_intent
from integration.store.test_lock_order import a_token
from integration.subscriptions.shop import Shop, shop_on
from kasir.adyen.replies import Answer
from kasir.gateway import meanings
from kasir.store.database import retried
from kasir.subscriptions.subscription import SubscriptionId
from kasir.tokens.model import TokenReport, TokenSays
from opened_kasir import a_database

TOKENS: Final = ("AAA", "MMM", "ZZZ")
ROUNDS: Final = 12


@pytest.fixture
async def shop(postgres_dsn: str) -> AsyncIterator[Shop]:
    """A shop on a database that checks for deadlocks at once."""
    async with a_database(postgres_dsn) as database:
        connection = await asyncpg.connect(database)
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '2ms'")
        await connection.close()
        async with shop_on(database) as opened:
            yield opened


async def token_reports(shop: Shop, number: int) -> None:
    """Record reports of three tokens of the shopper together; `number` varies their order."""
    reports = [a_token("shopper-SUB", stored, TokenSays.UPDATED) for stored in TOKENS]
    key = f"{number}-{secrets.token_hex(4)}"
    new_reports = [_with_key(report, f"{key}-{n}") for n, report in enumerate(reports)]
    await shop.kasir.tokens.record(new_reports[number % 3 :] + new_reports[: number % 3])


def _with_key(report: TokenReport, key: str) -> TokenReport:
    return replace(report, fact=replace(report.fact, key=key))


async def notices(shop: Shop, number: int) -> None:
    """Receive a payment's and a token's notification of the shopper, and read both."""
    name = f"pay_{secrets.token_hex(6)}"
    intent = an_intent(name, shopper_reference="shopper-SUB", reference=name)
    await shop.kasir.payments.open(intent, a_question(name), shop_key=None)
    psp = secrets.token_hex(8).upper()
    await shop.post_notification(
        pspReference=psp,
        merchantReference=name,
        additionalData={"metadata.kasirPaymentId": name},
    )
    extra = {
        "recurring.recurringDetailReference": TOKENS[number % 3],
        "recurring.shopperReference": "shopper-SUB",
    }
    await shop.post_notification(
        eventCode="RECURRING_CONTRACT",
        pspReference=TOKENS[number % 3],
        originalReference=psp,
        additionalData=extra,
    )
    await shop.kasir.reader.read_all()


async def turns(shop: Shop, _: int) -> None:
    """Take a turn of the subscription, as a worker does."""
    subscription_id = await shop.kasir.pool.fetchval("SELECT id FROM subscription LIMIT 1")
    await shop.take_turn(SubscriptionId(subscription_id))


async def first_answers(shop: Shop, _: int) -> None:
    """Open a payment of the shopper and record its answer."""
    name = f"pay_{secrets.token_hex(6)}"
    intent = an_intent(name, shopper_reference="shopper-SUB", reference=name)
    question = a_question(name)
    await shop.kasir.payments.open(intent, question, shop_key=None)
    redirect = b'{"resultCode":"RedirectShopper"}'
    answer = Answer(200, redirect, psp_reference=secrets.token_hex(8))
    result = meanings.of_reply(question, answer, NOW)
    await shop.kasir.payments.record(question, result, ask_again_at=None, opened=intent)


WORK: Final[tuple[Callable[[Shop, int], Awaitable[None]], ...]] = (
    token_reports,
    notices,
    turns,
    first_answers,
)


async def test_concurrent_work_for_one_shopper_does_not_deadlock(shop: Shop) -> None:
    """If transactions do not lock in one order, PostgreSQL ends one of them here."""
    await shop.create_active("SUB")
    await shop.kasir.tokens.record([a_token("shopper-SUB", stored) for stored in TOKENS])

    async def work(kind: Callable[[Shop, int], Awaitable[None]]) -> None:
        for number in range(ROUNDS):
            await kind(shop, number)

    with capture_logs() as logs:
        await asyncio.gather(*(work(kind) for kind in WORK for _ in range(3)))
        await shop.kasir.reader.read_all()
    unread = await shop.kasir.pool.fetchval("SELECT count(*) FROM notice WHERE state = 'unread'")
    paid = await shop.kasir.pool.fetchval(
        "SELECT count(*) FROM payment WHERE status = 'authorised' AND id LIKE 'pay\\_%'"
    )

    assert [one["event"] for one in logs if "retry" in one["event"]] == []
    assert unread == 0
    assert paid >= 3 * ROUNDS


#: A trigger that rolls back the first writes to a table with the error code of a deadlock or of a
#: serialization failure.
ROLL_BACK: Final = """
CREATE SEQUENCE undone;
CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('undone') <= {times} THEN
        RAISE EXCEPTION 'undone on purpose' USING ERRCODE = '{code}';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER undo AFTER INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION undo();
"""


async def roll_back_writes(shop: Shop, table: str, code: str, times: int = 2) -> None:
    """Have the database roll back the first `times` writes to a table."""
    await shop.kasir.pool.execute(ROLL_BACK.format(table=table, code=code, times=times))


async def _open_payment(shop: Shop) -> None:
    """Open the payment of the work below; its question is due to be sent again."""
    intent = an_intent("pay_U", reference="UNDONE")
    await shop.kasir.payments.open(intent, a_question("pay_U"), shop_key=None)
    await shop.kasir.pool.execute("UPDATE question SET ask_again_at = 'epoch'")


# Each function of work returns 1 if its result is stored once.


async def a_notice_is_stored(shop: Shop) -> object:
    await shop.post_notification(pspReference="P" * 16)
    return await shop.kasir.pool.fetchval("SELECT count(*) FROM notice")


async def a_notice_is_read(shop: Shop) -> object:
    await shop.post_notification(pspReference="P" * 16, merchantReference="UNDONE")
    await shop.kasir.reader.read_all()
    return await shop.kasir.pool.fetchval("SELECT count(*) FROM notice WHERE state = 'read'")


async def an_answer_is_stored(shop: Shop) -> object:
    question = a_question("pay_U")
    answer = Answer(200, b'{"resultCode":"Refused","pspReference":"PSP1"}')
    await shop.kasir.payments.record(
        question, meanings.of_reply(question, answer, NOW), ask_again_at=None
    )
    payment = await shop.kasir.payments.payment(an_intent("pay_U").id)
    return 1 if payment and payment.status == "refused" else 0


async def a_token_is_recorded(shop: Shop) -> object:
    await shop.kasir.tokens.record([a_token("shopper-U", "AAA")])
    return len(await shop.kasir.tokens.of("shopper-U"))


async def a_subscription_starts(shop: Shop) -> object:
    subscription_id = await shop.sign_up(await shop.create_plan(), "SUB")
    await shop.record_token("SUB")
    await shop.take_turn(subscription_id)
    return 1 if (await shop.find(subscription_id)).state == "active" else 0


async def due_work_is_found(shop: Shop) -> object:
    return 1 if await shop.kasir.due.look() else 0


@pytest.mark.parametrize("code", ["40P01", "40001"])  # Deadlock, serialization failure.
@pytest.mark.parametrize(
    ("work", "table"),
    [
        (a_notice_is_stored, "notice"),
        (a_notice_is_read, "fact"),
        (an_answer_is_stored, "question"),
        (a_token_is_recorded, "token_fact"),
        (a_subscription_starts, "subscription"),
        (due_work_is_found, "question"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
async def test_a_transaction_that_the_database_rolled_back_is_retried_at_once_and_logged(
    shop: Shop, work: Callable[[Shop], Awaitable[object]], table: str, code: str
) -> None:
    await _open_payment(shop)
    await roll_back_writes(shop, table, code)
    with capture_logs() as logs:
        done = await work(shop)
    retries = [line for line in logs if line["event"] == "stamina.retry_scheduled"]

    assert done == 1
    assert len(retries) == 2
    assert {line["log_level"] for line in retries} == {"warning"}


async def test_a_transaction_that_violates_a_constraint_is_not_retried() -> None:
    attempts: list[int] = []

    @retried
    async def commit() -> None:
        attempts.append(1)
        raise asyncpg.UniqueViolationError

    with pytest.raises(asyncpg.UniqueViolationError):
        await commit()

    assert attempts == [1]


async def test_a_transaction_that_is_always_rolled_back_raises_after_ten_attempts() -> None:
    attempts: list[int] = []

    @retried
    async def commit() -> None:
        attempts.append(1)
        raise asyncpg.DeadlockDetectedError

    # `cap` keeps the usual number of attempts, since it is below 100; pauses are left out.
    with (
        stamina.set_testing(True, attempts=100, cap=True),
        pytest.raises(asyncpg.DeadlockDetectedError),
    ):
        await commit()

    assert len(attempts) == 10
