"""A charge that was never sent can be withdrawn; one that may have been sent cannot."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from integration.subscriptions.shop import MONTH, NO_BALANCE, NOON, SILENCE, Shop
from kasir.adyen.calls import payment_key
from kasir.ids import PaymentId
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.payment import Payment
from kasir.payments.question import Question
from kasir.payments.status import Status
from kasir.subscriptions.renewal import Outcome
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import SubscriptionId
from opened_kasir import until


async def run_command(shop: Shop, subscription_id: SubscriptionId, command: str) -> None:
    """Cancel or pause a subscription, as the shop does."""
    if command == "cancel":
        await shop.kasir.subscribing.cancel(subscription_id, b"")
    else:
        await shop.kasir.subscribing.pause(subscription_id)


async def with_unsent_charge(shop: Shop, name: str) -> tuple[SubscriptionId, PaymentId]:
    """A subscription whose second charge is stored but not sent, because the worker died."""
    subscription_id = await shop.create_active(name)
    shop.clock.at = NOON + MONTH
    payment_id = await shop.take_turn(subscription_id)
    assert payment_id is not None
    return subscription_id, payment_id


async def payment(shop: Shop, payment_id: PaymentId) -> Payment:
    stored = await shop.kasir.payments.payment(payment_id)
    assert stored is not None
    return stored


async def let_workers_run(shop: Shop) -> None:
    """Advance the clock by 80 minutes while two concurrent workers do all due work."""
    for _ in range(4):
        shop.clock.at += timedelta(minutes=20)
        await asyncio.gather(shop.work(), shop.work())


@pytest.mark.parametrize(
    ("command", "state"), [("cancel", State.CANCELLED), ("pause", State.PAUSED)]
)
async def test_a_charge_that_was_never_sent_is_not_sent_after_the_command(
    shop: Shop, command: str, state: State
) -> None:
    subscription_id, payment_id = await with_unsent_charge(shop, "SUB")
    await run_command(shop, subscription_id, command)
    await shop.flow.ask_again(payment_key(payment_id))  # A worker was about to send.
    await let_workers_run(shop)
    subscription, renewals = await shop.kasir.subscriptions.find(subscription_id, 10)
    (fact,) = (await payment(shop, payment_id)).facts

    assert shop.adyen.charges() == Counter({"SUB": 1})
    assert subscription.state is state
    assert (renewals[-1].outcome, renewals[-1].attempts[-1].status) == (
        Outcome.UNPAID,
        Status.CANCELLED,
    )
    assert (fact.says, fact.source) == (Says.CANCELLED, Source.KASIR)
    assert fact.words == f"never sent: by then the subscription was {state} and owed nothing"


@pytest.mark.parametrize("command", ["cancel", "pause"])
async def test_a_charge_that_may_have_been_sent_is_sent_again_with_the_same_key(
    shop: Shop, command: str
) -> None:
    subscription_id = await shop.create_active("SENT")
    shop.adyen.answers["SENT-p2"] = [SILENCE]
    shop.clock.at = NOON + MONTH
    await shop.renew(subscription_id)
    await run_command(shop, subscription_id, command)
    await let_workers_run(shop)
    renewals = (await shop.kasir.subscriptions.find(subscription_id, 10))[1]
    keys = [key for key, body in shop.adyen.processed.items() if body["reference"] == "SENT-p2"]

    assert shop.adyen.charges() == Counter({"SENT": 1, "SENT-p2": 1})
    assert len(keys) == 1
    assert renewals[-1].attempts[-1].status is Status.AUTHORISED


@pytest.mark.parametrize("command", ["cancel", "pause"])
async def test_a_charge_that_a_dead_worker_may_have_sent_is_not_withdrawn(
    shop: Shop, command: str
) -> None:
    subscription_id, payment_id = await with_unsent_charge(shop, "TAKEN")
    question = await shop.question_of(payment_id)
    # The worker takes the question to send it, and dies.
    assert await shop.kasir.payments.take_over(question, shop.clock.now())
    await run_command(shop, subscription_id, command)
    await let_workers_run(shop)

    assert shop.adyen.charges() == Counter({"TAKEN": 1, "TAKEN-p2": 1})


@pytest.mark.parametrize("command", ["cancel", "pause"])
async def test_a_charge_is_either_sent_or_withdrawn_by_a_concurrent_command(
    shop: Shop, command: str
) -> None:
    plan, sent_count = await shop.create_plan(), 0
    subscription_ids = [await shop.create_active(f"RACE-{number}", plan) for number in range(12)]
    shop.clock.at = NOON + MONTH
    for number, each in enumerate(subscription_ids):
        payment_id = await shop.take_turn(each)
        assert payment_id is not None
        calls = shop.flow.ask_again(payment_key(payment_id)), run_command(shop, each, command)
        await asyncio.gather(*(calls if number % 2 else calls[::-1]))  # Either starts first.
        stored = await payment(shop, payment_id)
        is_sent = f"RACE-{number}-p2" in shop.adyen.charges()
        sent_count += is_sent

        assert stored.status is (Status.AUTHORISED if is_sent else Status.CANCELLED)
    await let_workers_run(shop)

    assert sum(name.endswith("-p2") for name in shop.adyen.charges()) == sent_count


async def test_sending_waits_for_a_command_that_is_being_stored(shop: Shop) -> None:
    _, payment_id = await with_unsent_charge(shop, "LOCK")
    key = payment_key(payment_id)
    asked: list[Question] = []
    shop.adyen.before = asked.append
    async with shop.kasir.pool.acquire() as connection, connection.transaction():
        payments = shop.kasir.renewing.turns.reading.payments
        assert await payments.lock_unasked(connection, [payment_id]) == {payment_id}
        sending = asyncio.create_task(shop.flow.ask_again(key))
        waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        await until(lambda: connection.fetchval(waits))
        before = list(asked)
    await sending

    assert before == []
    assert [question.key for question in asked] == [key]


async def test_a_late_authorisation_of_the_first_attempt_withdraws_the_second(shop: Shop) -> None:
    subscription_id = await shop.create_active("LATE")
    shop.adyen.answers["LATE-p2"] = [NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    first = (await shop.kasir.payments.payments_of("LATE-p2", 1))[0]
    shop.clock.at += timedelta(days=2)
    assert await shop.take_turn(subscription_id) is not None
    late_authorisation = Fact(
        key="late",
        says=Says.AUTHORISED,
        source=Source.NOTIFICATION,
        at=shop.clock.now(),
        about="",
        psp_reference="PSP-LATE",
    )
    await shop.kasir.payments.add_facts(first.intent.id, [late_authorisation])
    await shop.take_turn(subscription_id)
    await let_workers_run(shop)
    payments = await shop.kasir.payments.payments_of("LATE-p2", 5)

    assert (await shop.find(subscription_id)).state is State.ACTIVE
    assert shop.adyen.charges() == Counter({"LATE": 1})
    assert [one.status for one in payments] == [Status.CANCELLED, Status.AUTHORISED]


async def test_a_new_period_begins_after_a_pause_that_withdrew_a_charge(shop: Shop) -> None:
    subscription_id, _ = await with_unsent_charge(shop, "AGAIN")
    await run_command(shop, subscription_id, "pause")
    shop.clock.at += timedelta(days=2)
    await shop.kasir.subscribing.resume(subscription_id)
    await shop.work()
    subscription = await shop.find(subscription_id)

    assert shop.adyen.charges() == Counter({"AGAIN": 1, "AGAIN-p3": 1})
    assert subscription.current_period is not None
    assert subscription.current_period.start == shop.clock.at


async def test_a_resume_after_a_refused_period_charges_a_new_period(shop: Shop) -> None:
    subscription_id = await shop.create_active("OWES")
    shop.adyen.answers["OWES-p2"] = [NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    await run_command(shop, subscription_id, "pause")
    shop.clock.at += timedelta(hours=1)
    await shop.kasir.subscribing.resume(subscription_id)
    await shop.work()

    assert shop.adyen.charges() == Counter({"OWES": 1, "OWES-p3": 1})
