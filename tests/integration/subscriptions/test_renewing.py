"""Renewals on a real database: each period is charged once, even if workers die."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from integration.subscriptions.shop import (
    AUTHORISED,
    MONTH,
    NO_BALANCE,
    NOON,
    REVOKED,
    SILENCE,
    Shop,
)
from kasir.jobs.due_subscriptions import SQL, DueSubscriptions
from kasir.payments.question import Question
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import SubscriptionId
from kasir.tokens.model import TokenSays

#: Inserts copies of the only subscription, each due one hour after the previous one.
INSERT_COPIES = """
    INSERT INTO subscription
        (id, plan_id, reference, shopper_reference, return_url, created_at, state, minor_units,
         settled_period, due_at)
    SELECT 'copy-' || n, plan_id, 'copy', 'copy-' || n, return_url, created_at, state, minor_units,
           settled_period, due_at + n * interval '1 hour'
    FROM subscription, generate_series(1, 20000) AS n
"""


class KilledError(BaseException):
    """Simulates that a worker is killed."""


def die(_: Question) -> None:
    raise KilledError


async def test_a_subscription_is_active_after_the_payment_and_then_the_token(shop: Shop) -> None:
    subscription_id = await shop.sign_up(await shop.create_plan(), "SUB-1")
    await shop.work()
    before = (await shop.find(subscription_id)).state
    await shop.record_token("SUB-1")
    await shop.work()

    assert (before, (await shop.find(subscription_id)).state) == (State.INCOMPLETE, State.ACTIVE)
    assert await shop.events() == ["subscription.activated"]


async def test_a_subscription_is_active_after_the_token_and_then_the_payment(shop: Shop) -> None:
    shop.adyen.answers["SUB-2"] = [{"resultCode": "Pending"}]
    subscription_id = await shop.sign_up(await shop.create_plan(), "SUB-2")
    await shop.record_token("SUB-2")
    await shop.work()
    before = (await shop.find(subscription_id)).state
    payment = (await shop.kasir.payments.payments_of("SUB-2", 1))[0]
    question = await shop.question_of(payment.intent.id)
    shop.adyen.answers_by_key[question.key] = AUTHORISED
    result = await shop.adyen.ask(question)
    # The fact of the first answer is stored with this key, so the later fact needs another key.
    facts = tuple(replace(fact, key="later") for fact in result.facts)
    await shop.kasir.payments.add_facts(payment.intent.id, facts)
    await shop.work()

    assert (before, (await shop.find(subscription_id)).state) == (State.INCOMPLETE, State.ACTIVE)


async def test_an_unpaid_sign_up_is_cancelled_later(shop: Shop) -> None:
    shop.adyen.answers["SUB-3"] = [NO_BALANCE]
    subscription_id = await shop.sign_up(await shop.create_plan(), "SUB-3")
    shop.clock.at += timedelta(days=2)
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.CANCELLED


async def test_many_workers_at_once_charge_a_period_once(shop: Shop) -> None:
    subscription_id = await shop.create_active("SUB-4")
    shop.clock.at = NOON + MONTH
    await asyncio.gather(*(shop.renew(subscription_id) for _ in range(8)))
    await shop.work()

    assert shop.adyen.charges() == Counter({"SUB-4": 1, "SUB-4-p2": 1})


@pytest.mark.parametrize("step", ["before writing", "before sending", "sending", "receiving"])
async def test_a_period_is_charged_once_although_its_worker_is_killed(
    shop: Shop, step: str
) -> None:
    subscription_id = await shop.create_active("SUB-5")
    shop.clock.at = NOON + MONTH
    await _renew_and_die(shop, subscription_id, step)
    shop.adyen.before = shop.adyen.after = lambda _: None
    for _ in range(3):  # The unfinished work is due again; two other workers do it.
        shop.clock.at += timedelta(minutes=20)
        await asyncio.gather(shop.work(), shop.work())
    renewals = (await shop.kasir.subscriptions.find(subscription_id, 10))[1]

    assert shop.adyen.charges() == Counter({"SUB-5": 1, "SUB-5-p2": 1})
    assert [one.paid is not None for one in renewals] == [True, True]


async def _renew_and_die(shop: Shop, subscription_id: SubscriptionId, step: str) -> None:
    """Renew a subscription with a worker that dies at this step."""
    if step == "before writing":
        async with shop.kasir.pool.acquire() as connection:
            # Without this table the turn cannot be written.
            await connection.execute("ALTER TABLE question RENAME TO away")
            with pytest.raises(Exception, match="question"):
                await shop.renew(subscription_id)
            await connection.execute("ALTER TABLE away RENAME TO question")
    elif step == "before sending":
        assert await shop.take_turn(subscription_id)  # Stores the charge without sending it.
    else:
        if step == "sending":
            shop.adyen.before = die
        else:
            shop.adyen.after = die
        with pytest.raises(KilledError):
            await shop.renew(subscription_id)


async def test_an_unknown_outcome_is_resolved_and_never_charged_with_a_new_key(shop: Shop) -> None:
    subscription_id = await shop.create_active("SUB-6")
    shop.adyen.answers["SUB-6-p2"] = [SILENCE] * 4
    shop.clock.at = NOON + MONTH
    for _ in range(6):
        await shop.work()
        shop.clock.at += timedelta(days=1)
    await shop.work()
    keys = {key for key, body in shop.adyen.processed.items() if body["reference"] == "SUB-6-p2"}

    assert len(keys) == 1
    assert (await shop.find(subscription_id)).state is State.ACTIVE
    assert "renewal.failed" not in await shop.events()


async def test_a_renewal_refused_for_lack_of_balance_is_retried_until_day_3_and_recovers(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("SUB-7")
    shop.adyen.answers["SUB-7-p2"] = [NO_BALANCE, NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    past_due = await shop.find(subscription_id)
    for _ in range(4):
        shop.clock.at += timedelta(days=1)
        await shop.work()

    assert (past_due.state, (await shop.find(subscription_id)).state) == (
        State.PAST_DUE,
        State.ACTIVE,
    )
    assert await shop.events() == [
        "subscription.activated",
        "renewal.failed",
        "subscription.past_due",
        "renewal.failed",
        "renewal.succeeded",
        "subscription.recovered",
    ]


async def test_a_refusal_because_the_token_is_gone_gives_the_shopper_a_link(shop: Shop) -> None:
    subscription_id = await shop.create_active("SUB-8")
    shop.adyen.answers["SUB-8-p2"] = [REVOKED]
    shop.clock.at = NOON + MONTH
    await shop.work()
    renewal = (await shop.kasir.subscriptions.find(subscription_id, 10))[1][-1]
    link = await shop.kasir.links.find(renewal.link_id)

    assert link.link.request["amount"] == {"currency": "IDR", "value": 50_000}
    assert link.link.request["storePaymentMethodMode"] == "enabled"


async def test_a_disabled_token_is_not_charged_at_all(shop: Shop) -> None:
    subscription_id = await shop.create_active("SUB-9")
    await shop.record_token("SUB-9", TokenSays.DISABLED)
    shop.clock.at = NOON + MONTH
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.PAST_DUE
    assert shop.adyen.charges() == Counter({"SUB-9": 1})


async def test_a_refusal_for_fraud_cancels_the_subscription(shop: Shop) -> None:
    subscription_id = await shop.create_active("SUB-10")
    fraud = {"resultCode": "Refused", "refusalReason": "FRAUD", "refusalReasonCode": "20"}
    shop.adyen.answers["SUB-10-p2"] = [fraud]
    shop.clock.at = NOON + MONTH
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.CANCELLED


async def test_after_downtime_one_period_is_charged_and_missed_ones_are_reported(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("SUB-11")
    shop.clock.at = NOON + 3 * MONTH
    await shop.work()
    renewals = (await shop.kasir.subscriptions.find(subscription_id, 10))[1]

    assert [one.outcome for one in renewals] == ["paid", "missed", "missed", "paid"]
    assert shop.adyen.charges() == Counter({"SUB-11": 1, "SUB-11-p4": 1})
    assert (await shop.events()).count("renewal.missed") == 2


async def test_a_query_of_due_work_takes_no_more_than_the_rate_limit_allows(shop: Shop) -> None:
    plan = await shop.create_plan()
    for number in range(12):
        await shop.sign_up(plan, f"PACE-{number}")
    shop.clock.at += timedelta(days=2)
    due = shop.kasir.due_subscriptions
    limited = DueSubscriptions(
        pool=due.pool,
        clock=due.clock,
        enqueue=due.enqueue,
        merchant_account=due.merchant_account,
        again_after=due.again_after,
        batch_max=100,
        per_s_max=5,
    )
    first, second = await limited.look(), await limited.look()

    assert first == 5
    assert second <= 2  # The second query follows at once, so the limit allows almost nothing.


async def test_a_taken_subscription_is_due_again_when_its_worker_died(shop: Shop) -> None:
    await shop.create_active("SUB-13")
    shop.clock.at = NOON + MONTH
    due = shop.kasir.due_subscriptions
    taken_counts = [await due.look(), await due.look()]
    shop.clock.at += due.again_after
    taken_counts.append(await due.look())

    assert taken_counts == [1, 0, 1]


async def test_a_taken_subscription_is_due_again_at_once_when_a_fact_is_recorded(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("SUB-14")
    shop.clock.at = NOON + MONTH
    due = shop.kasir.due_subscriptions
    taken_counts = [await due.look()]
    shopper = (await shop.find(subscription_id)).shopper_reference
    now = shop.clock.now()
    # This statement is run whenever a fact about a payment is recorded.
    await SQL.schedule(shop.kasir.pool, shoppers=[shopper], payment_ids=[], now=now)
    taken_counts.append(await due.look())
    await shop.renew(subscription_id)  # After this renewal the next one is not due yet.
    taken_counts.append(await due.look())
    shop.clock.at = NOON + 3 * MONTH
    taken_counts.append(await due.look())

    assert taken_counts == [1, 1, 0, 1]


async def test_the_query_of_due_subscriptions_uses_an_index(shop: Shop) -> None:
    await shop.create_active("SUB-12")
    async with shop.kasir.pool.acquire() as connection:
        await connection.execute(INSERT_COPIES)
        await connection.execute("ANALYZE subscription")
        rows = await connection.fetch(
            "EXPLAIN SELECT id FROM subscription WHERE due_at <= $1"
            " AND (taken_until IS NULL OR taken_until <= $1)"
            " ORDER BY due_at LIMIT 100 FOR UPDATE SKIP LOCKED",
            NOON,
        )
    plan = "\n".join(row[0] for row in rows)

    assert "Index Scan using subscription_due" in plan
    assert "Sort" not in plan
