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

#: Copies of the only subscription, due one hour after another.
MANY = """
    INSERT INTO subscription
        (id, plan_id, reference, shopper_reference, return_url, created_at, state, minor_units,
         settled_period, due_at)
    SELECT 'copy-' || n, plan_id, 'copy', 'copy-' || n, return_url, created_at, state, minor_units,
           settled_period, due_at + n * interval '1 hour'
    FROM subscription, generate_series(1, 20000) AS n
"""


class KilledError(BaseException):
    """The worker dies here and runs no further line."""


def die(_: Question) -> None:
    raise KilledError


async def test_a_subscription_is_active_after_the_payment_and_then_the_token(shop: Shop) -> None:
    found = await shop.sign_up(await shop.plan(), "SUB-1")
    await shop.work()
    before = (await shop.find(found)).state
    await shop.record_token("SUB-1")
    await shop.work()

    assert (before, (await shop.find(found)).state) == (State.INCOMPLETE, State.ACTIVE)
    assert await shop.events() == ["subscription.activated"]


async def test_a_subscription_is_active_after_the_token_and_then_the_payment(shop: Shop) -> None:
    shop.adyen.answers["SUB-2"] = [{"resultCode": "Pending"}]
    found = await shop.sign_up(await shop.plan(), "SUB-2")
    await shop.record_token("SUB-2")
    await shop.work()
    before = (await shop.find(found)).state
    payment = (await shop.kasir.payments.payments_of("SUB-2", 1))[0]
    question = await shop.asked(payment.intent.id)
    shop.adyen.given[question.key] = AUTHORISED
    result = await shop.adyen.ask(question)
    facts = tuple(replace(fact, key="news") for fact in result.facts)
    await shop.kasir.payments.add_facts(payment.intent.id, facts)
    await shop.work()

    assert (before, (await shop.find(found)).state) == (State.INCOMPLETE, State.ACTIVE)


async def test_an_unpaid_sign_up_lapses(shop: Shop) -> None:
    shop.adyen.answers["SUB-3"] = [NO_BALANCE]
    found = await shop.sign_up(await shop.plan(), "SUB-3")
    shop.clock.at += timedelta(days=2)
    await shop.work()

    assert (await shop.find(found)).state is State.CANCELLED


async def test_many_workers_at_once_charge_a_period_once(shop: Shop) -> None:
    found = await shop.active("SUB-4")
    shop.clock.at = NOON + MONTH
    await asyncio.gather(*(shop.go_on(found) for _ in range(8)))
    await shop.work()

    assert shop.adyen.charges() == Counter({"SUB-4": 1, "SUB-4-p2": 1})


@pytest.mark.parametrize("line", ["before writing", "before asking", "asking", "hearing"])
async def test_a_worker_killed_at_any_line_charges_the_period_once(shop: Shop, line: str) -> None:
    found = await shop.active("SUB-5")
    shop.clock.at = NOON + MONTH
    await _killed(shop, found, line)
    shop.adyen.before = shop.adyen.after = lambda _: None
    for _ in range(3):  # The unfinished work is due again; two other workers do it.
        shop.clock.at += timedelta(minutes=20)
        await asyncio.gather(shop.work(), shop.work())
    renewals = (await shop.kasir.subscriptions.find(found, 10))[1]

    assert shop.adyen.charges() == Counter({"SUB-5": 1, "SUB-5-p2": 1})
    assert [one.paid is not None for one in renewals] == [True, True]


async def _killed(shop: Shop, found: SubscriptionId, line: str) -> None:
    """Renew a subscription with a worker that dies at that line."""
    if line == "before writing":
        async with shop.kasir.pool.acquire() as connection:
            await connection.execute("ALTER TABLE question RENAME TO away")
            with pytest.raises(Exception, match="question"):
                await shop.go_on(found)
            await connection.execute("ALTER TABLE away RENAME TO question")
    elif line == "before asking":
        assert await shop.take_turn(found)
    else:
        if line == "asking":
            shop.adyen.before = die
        else:
            shop.adyen.after = die
        with pytest.raises(KilledError):
            await shop.go_on(found)


async def test_an_unknown_outcome_is_resolved_and_never_charged_with_a_new_key(shop: Shop) -> None:
    found = await shop.active("SUB-6")
    shop.adyen.answers["SUB-6-p2"] = [SILENCE] * 4
    shop.clock.at = NOON + MONTH
    for _ in range(6):
        await shop.work()
        shop.clock.at += timedelta(days=1)
    await shop.work()
    keys = {key for key, body in shop.adyen.acted.items() if body["reference"] == "SUB-6-p2"}

    assert len(keys) == 1
    assert (await shop.find(found)).state is State.ACTIVE
    assert "renewal.failed" not in await shop.events()


async def test_a_refusal_for_lack_of_balance_is_past_due_and_recovers_on_day_3(shop: Shop) -> None:
    found = await shop.active("SUB-7")
    shop.adyen.answers["SUB-7-p2"] = [NO_BALANCE, NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    behind = await shop.find(found)
    for _ in range(4):
        shop.clock.at += timedelta(days=1)
        await shop.work()

    assert (behind.state, (await shop.find(found)).state) == (State.PAST_DUE, State.ACTIVE)
    assert await shop.events() == [
        "subscription.activated",
        "renewal.failed",
        "subscription.past_due",
        "renewal.failed",
        "renewal.succeeded",
        "subscription.recovered",
    ]


async def test_a_token_that_is_gone_invites_the_shopper_to_pay_by_link(shop: Shop) -> None:
    found = await shop.active("SUB-8")
    shop.adyen.answers["SUB-8-p2"] = [REVOKED]
    shop.clock.at = NOON + MONTH
    await shop.work()
    renewal = (await shop.kasir.subscriptions.find(found, 10))[1][-1]
    link = await shop.kasir.links.find(renewal.link_id)

    assert link.link.request["amount"] == {"currency": "IDR", "value": 50_000}
    assert link.link.request["storePaymentMethodMode"] == "enabled"


async def test_a_disabled_token_is_not_charged_at_all(shop: Shop) -> None:
    found = await shop.active("SUB-9")
    await shop.record_token("SUB-9", TokenSays.DISABLED)
    shop.clock.at = NOON + MONTH
    await shop.work()

    assert (await shop.find(found)).state is State.PAST_DUE
    assert shop.adyen.charges() == Counter({"SUB-9": 1})


async def test_fraud_stops_everything(shop: Shop) -> None:
    found = await shop.active("SUB-10")
    fraud = {"resultCode": "Refused", "refusalReason": "FRAUD", "refusalReasonCode": "20"}
    shop.adyen.answers["SUB-10-p2"] = [fraud]
    shop.clock.at = NOON + MONTH
    await shop.work()

    assert (await shop.find(found)).state is State.CANCELLED


async def test_after_downtime_one_period_is_charged_and_the_missed_are_reported(
    shop: Shop,
) -> None:
    found = await shop.active("SUB-11")
    shop.clock.at = NOON + 3 * MONTH
    await shop.work()
    renewals = (await shop.kasir.subscriptions.find(found, 10))[1]

    assert [one.outcome for one in renewals] == ["paid", "missed", "missed", "paid"]
    assert shop.adyen.charges() == Counter({"SUB-11": 1, "SUB-11-p4": 1})
    assert (await shop.events()).count("renewal.missed") == 2


async def test_a_look_takes_no_more_than_the_rate_limit_allows(shop: Shop) -> None:
    plan = await shop.plan()
    for number in range(12):
        await shop.sign_up(plan, f"PACE-{number}")
    shop.clock.at += timedelta(days=2)
    due = shop.kasir.due_subscriptions
    slow = DueSubscriptions(
        pool=due.pool,
        clock=due.clock,
        enqueue=due.enqueue,
        merchant_account=due.merchant_account,
        again_after=due.again_after,
        batch_max=100,
        per_s_max=5,
    )
    taken = [await slow.look(), await slow.look()]

    assert taken[0] == 5
    assert taken[1] <= 2  # An immediate second look: the limit allows almost nothing yet.


async def test_a_taken_subscription_is_due_again_when_its_worker_died(shop: Shop) -> None:
    await shop.active("SUB-13")
    shop.clock.at = NOON + MONTH
    due = shop.kasir.due_subscriptions
    taken = [await due.look(), await due.look()]
    shop.clock.at += due.again_after
    taken.append(await due.look())

    assert taken == [1, 0, 1]


async def test_a_taken_subscription_is_due_again_at_once_when_a_fact_is_recorded(
    shop: Shop,
) -> None:
    found = await shop.active("SUB-14")
    shop.clock.at = NOON + MONTH
    due = shop.kasir.due_subscriptions
    taken = [await due.look()]
    shopper = (await shop.find(found)).shopper_reference
    now = shop.clock.now()
    await SQL.schedule(shop.kasir.pool, shoppers=[shopper], payment_ids=[], now=now)
    taken.append(await due.look())
    await shop.go_on(found)  # Its turn is over; the next one is not due yet.
    taken.append(await due.look())
    shop.clock.at = NOON + 3 * MONTH
    taken.append(await due.look())

    assert taken == [1, 1, 0, 1]


async def test_a_look_reads_the_index_of_what_is_due_and_not_the_table(shop: Shop) -> None:
    await shop.active("SUB-12")
    async with shop.kasir.pool.acquire() as connection:
        await connection.execute(MANY)
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
