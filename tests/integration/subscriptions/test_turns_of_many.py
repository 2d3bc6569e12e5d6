"""Turns of many subscriptions need as many statements as one; an error stops no other turn."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

import pytest
from structlog.testing import capture_logs

from integration.subscriptions.shop import MONTH, NO_BALANCE, NOON, Shop
from kasir.jobs.renewal_reading import SQL
from kasir.jobs.renewing import Taken
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import SubscriptionId
from statements import counted_statements

MANY: Final = 100
#: Inserts copies of the subscription SUB, with other ids.
INSERT_COPIES: Final = """
    INSERT INTO subscription
        (id, plan_id, reference, shopper_reference, return_url, created_at, state, minor_units,
         begun_at, anchor, anchor_period, settled_period, noticed, token_id, due_at)
    SELECT $1 || n, plan_id, $1 || n, shopper_reference, return_url, created_at, state, minor_units,
           begun_at, anchor, anchor_period, settled_period, noticed, token_id, due_at
    FROM subscription, generate_series(1, $2::integer) AS n WHERE reference = 'SUB'
"""
#: Inserts the first period of each copy.
INSERT_FIRST_PERIODS: Final = """
    INSERT INTO renewal (subscription_id, period, due_at, currency, minor_units, reference, outcome)
    SELECT $1 || n, period, due_at, currency, minor_units, $1 || n, outcome
    FROM renewal, generate_series(1, $2::integer) AS n WHERE reference = 'SUB'
"""
#: Insert the first payment of each copy, with the columns that a turn reads; update statistics.
INSERT_PAYMENTS: Final = (
    """
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, captures_itself, model, consent, created_at, close_at,
                         status, told_status)
    SELECT 'pay-' || id, reference, 'IDR', 50000, '', '', '', true, '', '', created_at, created_at,
           'authorised', 'authorised'
    FROM subscription WHERE reference <> 'SUB'
    """,
    """
    INSERT INTO question (key, kind, payment_id, version, path, body, opened_at, asked_at, status)
    SELECT id, 'payments', id, 72, '', '', created_at, created_at, 200
    FROM payment WHERE id LIKE 'pay-%'
    """,
    """
    INSERT INTO renewal_attempt (subscription_id, period, number, at, asked_at, status, payment_id)
    SELECT id, 1, 1, created_at, created_at, 'authorised', 'pay-' || id
    FROM subscription WHERE reference <> 'SUB'
    """,
    "ANALYZE",
)
#: Marks the payments of the second period as authorised.
AUTHORISE_PAYMENTS: Final = """
    UPDATE payment SET status = 'authorised' WHERE reference LIKE '%-p2'
"""
#: Marks the calls that request these payments as answered.
ANSWER_CALLS: Final = """
    UPDATE question SET status = 200, asked_at = now()
    WHERE payment_id IN (SELECT id FROM payment WHERE reference LIKE '%-p2')
"""


async def insert_copies(shop: Shop, name: str, count: int) -> list[SubscriptionId]:
    """Create `count` copies of the subscription SUB, with ids from `name`; return the ids."""
    await shop.kasir.pool.execute(INSERT_COPIES, name, count)
    await shop.kasir.pool.execute(INSERT_FIRST_PERIODS, name, count)
    return [SubscriptionId(f"{name}{number}") for number in range(1, count + 1)]


async def one_and_many(shop: Shop) -> list[list[SubscriptionId]]:
    """Two lists, of one id and of a hundred ids of subscriptions whose second charge is due."""
    await shop.create_active("SUB")
    shop.clock.at = NOON + MONTH
    return [await insert_copies(shop, "one-", 1), await insert_copies(shop, "many-", MANY)]


async def counted_turn(shop: Shop, ids: Sequence[SubscriptionId]) -> tuple[Counter[str], Taken]:
    """Take the turns of these subscriptions; return the count of each statement, and the result."""
    with counted_statements() as counted:
        result = await shop.kasir.renewing.turns.take(ids)
    return counted, result


async def test_creating_many_charges_runs_as_many_statements_as_creating_one(shop: Shop) -> None:
    one, many = await one_and_many(shop)
    of_one, _ = await counted_turn(shop, one)
    of_many, result = await counted_turn(shop, many)

    assert of_one == of_many
    assert len(result.charges) == MANY
    assert max(of_many.values()) == 1  # Each statement ran once.


async def test_settling_many_charges_runs_as_many_statements_as_settling_one(shop: Shop) -> None:
    one, many = await one_and_many(shop)
    await shop.kasir.renewing.turns.take(one + many)
    await shop.kasir.pool.execute(AUTHORISE_PAYMENTS)
    await shop.kasir.pool.execute(ANSWER_CALLS)
    of_one, _ = await counted_turn(shop, one)
    of_many, _ = await counted_turn(shop, many)

    assert of_one == of_many
    assert (await shop.events()).count("renewal.succeeded") == MANY + 1


async def test_withdrawing_many_unsent_charges_runs_as_many_statements_as_withdrawing_one(
    shop: Shop,
) -> None:
    one, many = await one_and_many(shop)
    await shop.kasir.renewing.turns.take(one + many)
    await shop.kasir.pool.execute("UPDATE subscription SET cancel_at = $1", shop.clock.at)
    of_one, _ = await counted_turn(shop, one)
    of_many, result = await counted_turn(shop, many)

    assert of_one == of_many
    assert {turn.subscription.state for turn in result.prepared} == {State.CANCELLED}
    assert await shop.kasir.pool.fetchval(
        "SELECT count(*) FROM payment WHERE status = 'cancelled'"
    ) == len(one + many)


async def test_finding_many_overpayments_runs_as_many_statements_as_finding_one(shop: Shop) -> None:
    one, many = await one_and_many(shop)
    await shop.kasir.renewing.turns.take(one + many)
    await shop.kasir.pool.execute("UPDATE subscription SET state = 'cancelled'")
    await shop.kasir.pool.execute("UPDATE renewal SET outcome = 'unpaid' WHERE period = 2")
    await shop.kasir.pool.execute(AUTHORISE_PAYMENTS)
    of_one, _ = await counted_turn(shop, one)
    of_many, _ = await counted_turn(shop, many)

    assert of_one == of_many
    assert (await shop.events()).count("renewal.overpaid") == MANY + 1


@pytest.mark.parametrize("name", ["lock_unsent", "lock_subscriptions", "last_renewals"])
async def test_turns_of_many_subscriptions_scan_no_whole_table(shop: Shop, name: str) -> None:
    await shop.create_active("SUB")
    ids = await insert_copies(shop, "copy-", 5_000)
    async with shop.kasir.pool.acquire() as connection:
        for sql in INSERT_PAYMENTS:
            await connection.execute(sql)
        statement = getattr(SQL, name).sql
        rows = await connection.fetch(f"EXPLAIN {statement}", ids[:MANY])
    plan = "\n".join(row[0] for row in rows)

    assert "Index Scan" in plan
    filled_tables = {"subscription", "renewal", "renewal_attempt", "payment", "question"}
    assert filled_tables & set(re.findall(r"Seq Scan on (\w+)", plan)) == set()


async def test_each_of_many_subscriptions_is_charged_once_and_settled(shop: Shop) -> None:
    await shop.create_active("SUB")
    shop.clock.at = NOON + MONTH
    ids = await insert_copies(shop, "copy-", 5)
    shop.adyen.answers["copy-2-p2"] = [NO_BALANCE]
    set_aside = await shop.kasir.renewing.renew(ids)
    states = [(await shop.find(one)).state for one in ids]

    assert set_aside == []
    assert states == [State.ACTIVE, State.PAST_DUE, State.ACTIVE, State.ACTIVE, State.ACTIVE]
    assert shop.adyen.charges() == Counter(
        ["SUB", "copy-1-p2", "copy-3-p2", "copy-4-p2", "copy-5-p2"]
    )


async def test_a_subscription_whose_decision_raises_is_set_aside_and_the_others_are_charged(
    shop: Shop,
) -> None:
    await shop.create_active("SUB")
    shop.clock.at = NOON + MONTH
    ids = await insert_copies(shop, "copy-", 3)
    bad = ids[1]
    # The next period would begin after the year 9999, which Python's dates cannot hold.
    await shop.kasir.pool.execute(
        "UPDATE subscription SET anchor = '9999-12-31' WHERE id = $1", bad
    )
    with capture_logs() as logs:
        set_aside = await shop.kasir.renewing.renew(ids)
    query = "SELECT array_agg(period) FROM renewal WHERE subscription_id = $1"
    lines = [line for line in logs if line["event"] == "a subscription is set aside"]

    assert set_aside == [bad]
    assert await shop.kasir.pool.fetchval(query, bad) == [1]  # No second period.
    assert [(line["subscription"], line["error"]) for line in lines] == [(bad, "OverflowError")]
    assert shop.adyen.charges() == Counter(["SUB", "copy-1-p2", "copy-3-p2"])
    with pytest.raises(OverflowError):
        await shop.kasir.renewing.renew([bad])


async def test_turns_of_the_same_subscriptions_in_different_orders_do_not_deadlock(
    shop: Shop,
) -> None:
    await shop.create_active("SUB")
    ids = await insert_copies(shop, "copy-", 20)
    with capture_logs() as logs:
        for _ in range(3):
            shop.clock.at += MONTH
            # Four workers take turns of the same subscriptions, each in another order.
            orders = (ids, ids[::-1], ids[10:] + ids[:10], ids[::2])
            await asyncio.gather(*(shop.kasir.renewing.renew(order) for order in orders))

    assert [one["event"] for one in logs if "retry" in one["event"]] == []
    assert set(shop.adyen.charges().values()) == {1}
    assert len(shop.adyen.charges()) == 1 + 3 * len(ids)
