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


async def do(shop: Shop, found: SubscriptionId, command: str) -> None:
    """Have the shop cancel or pause."""
    if command == "cancel":
        await shop.kasir.subscribing.cancel(found, b"")
    else:
        await shop.kasir.subscribing.pause(found)


async def decided(shop: Shop, name: str) -> tuple[SubscriptionId, PaymentId]:
    """A subscription whose second period was decided on; then the worker died."""
    found = await shop.active(name)
    shop.clock.at = NOON + MONTH
    payment_id = await shop.take_turn(found)
    assert payment_id is not None
    return found, payment_id


async def payment(shop: Shop, payment_id: PaymentId) -> Payment:
    kept = await shop.kasir.payments.payment(payment_id)
    assert kept is not None
    return kept


async def hours_go_by(shop: Shop) -> None:
    """Advance the clock; two concurrent workers ask all due questions."""
    for _ in range(4):
        shop.clock.at += timedelta(minutes=20)
        await asyncio.gather(shop.work(), shop.work())


@pytest.mark.parametrize(
    ("command", "state"), [("cancel", State.CANCELLED), ("pause", State.PAUSED)]
)
async def test_a_charge_that_was_never_sent_is_not_sent_after_the_command(
    shop: Shop, command: str, state: State
) -> None:
    found, payment_id = await decided(shop, "SUB")
    await do(shop, found, command)
    await shop.flow.ask_again(payment_key(payment_id))  # The worker that was about to send it.
    await hours_go_by(shop)
    subscription, renewals = await shop.kasir.subscriptions.find(found, 10)
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
async def test_a_charge_that_may_have_been_sent_is_resolved_with_its_key_and_shown(
    shop: Shop, command: str
) -> None:
    found = await shop.active("SENT")
    shop.adyen.answers["SENT-p2"] = [SILENCE]
    shop.clock.at = NOON + MONTH
    await shop.go_on(found)
    await do(shop, found, command)
    await hours_go_by(shop)
    renewals = (await shop.kasir.subscriptions.find(found, 10))[1]
    keys = [key for key, body in shop.adyen.acted.items() if body["reference"] == "SENT-p2"]

    assert shop.adyen.charges() == Counter({"SENT": 1, "SENT-p2": 1})
    assert len(keys) == 1
    assert renewals[-1].attempts[-1].status is Status.AUTHORISED


@pytest.mark.parametrize("command", ["cancel", "pause"])
async def test_a_worker_that_died_while_asking_may_have_sent_the_charge(
    shop: Shop, command: str
) -> None:
    found, payment_id = await decided(shop, "TAKEN")
    question = await shop.asked(payment_id)
    assert await shop.kasir.payments.take_over(question, shop.clock.now())
    await do(shop, found, command)
    await hours_go_by(shop)

    assert shop.adyen.charges() == Counter({"TAKEN": 1, "TAKEN-p2": 1})


@pytest.mark.parametrize("command", ["cancel", "pause"])
async def test_a_charge_and_a_concurrent_command_are_serialized(shop: Shop, command: str) -> None:
    plan, sent = await shop.plan(), 0
    found = [await shop.active(f"RACE-{number}", plan) for number in range(12)]
    shop.clock.at = NOON + MONTH
    for number, each in enumerate(found):
        payment_id = await shop.take_turn(each)
        assert payment_id is not None
        both = shop.flow.ask_again(payment_key(payment_id)), do(shop, each, command)
        await asyncio.gather(*(both if number % 2 else both[::-1]))
        kept = await payment(shop, payment_id)
        is_sent = f"RACE-{number}-p2" in shop.adyen.charges()
        sent += is_sent

        assert kept.status is (Status.AUTHORISED if is_sent else Status.CANCELLED)
    await hours_go_by(shop)

    assert sum(name.endswith("-p2") for name in shop.adyen.charges()) == sent


async def test_asking_waits_for_the_command_that_is_being_stored(shop: Shop) -> None:
    _, payment_id = await decided(shop, "LOCK")
    key = payment_key(payment_id)
    asked: list[Question] = []
    shop.adyen.before = asked.append
    async with shop.kasir.pool.acquire() as connection, connection.transaction():
        payments = shop.kasir.renewing.turns.reading.payments
        assert await payments.lock_unasked(connection, [payment_id]) == {payment_id}
        asking = asyncio.create_task(shop.flow.ask_again(key))
        waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        await until(lambda: connection.fetchval(waits))
        before = list(asked)
    await asking

    assert before == []
    assert [question.key for question in asked] == [key]


async def test_a_late_authorisation_of_the_first_attempt_withdraws_the_second(shop: Shop) -> None:
    found = await shop.active("LATE")
    shop.adyen.answers["LATE-p2"] = [NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    first = (await shop.kasir.payments.payments_of("LATE-p2", 1))[0]
    shop.clock.at += timedelta(days=2)
    assert await shop.take_turn(found) is not None
    good = Fact("late", Says.AUTHORISED, Source.NOTIFICATION, shop.clock.now(), "", "PSP-LATE")
    await shop.kasir.payments.add_facts(first.intent.id, [good])
    await shop.take_turn(found)
    await hours_go_by(shop)
    payments = await shop.kasir.payments.payments_of("LATE-p2", 5)

    assert (await shop.find(found)).state is State.ACTIVE
    assert shop.adyen.charges() == Counter({"LATE": 1})
    assert [one.status for one in payments] == [Status.CANCELLED, Status.AUTHORISED]


async def test_after_a_pause_that_withdrew_a_charge_a_new_period_begins(shop: Shop) -> None:
    found, _ = await decided(shop, "AGAIN")
    await do(shop, found, "pause")
    shop.clock.at += timedelta(days=2)
    await shop.kasir.subscribing.resume(found)
    await shop.work()
    subscription = await shop.find(found)

    assert shop.adyen.charges() == Counter({"AGAIN": 1, "AGAIN-p3": 1})
    assert subscription.current_period is not None
    assert subscription.current_period.start == shop.clock.at


async def test_a_pause_does_not_pay_for_a_period_that_was_refused(shop: Shop) -> None:
    found = await shop.active("OWES")
    shop.adyen.answers["OWES-p2"] = [NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    await do(shop, found, "pause")
    shop.clock.at += timedelta(hours=1)
    await shop.kasir.subscribing.resume(found)
    await shop.work()

    assert shop.adyen.charges() == Counter({"OWES": 1, "OWES-p3": 1})
