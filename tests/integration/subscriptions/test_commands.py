"""The shop's commands, trials and the end of subscriptions, on a real database."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from integration.subscriptions.shop import MONTH, NO_BALANCE, NOON, Shop
from kasir.errors import InvalidRequest
from kasir.subscriptions.states import State
from kasir.tokens.model import TokenFact, TokenName, TokenReport, TokenSays


async def advance_days(shop: Shop, days: int) -> None:
    """Advance the clock by days; a worker runs on each."""
    for _ in range(days):
        shop.clock.at += timedelta(days=1)
        await shop.work()


def body_of(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


async def test_a_trial_has_its_own_amount_and_the_first_period_is_charged_after_it(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("TRIAL", await shop.create_plan(trialDays=7))
    trial = await shop.find(subscription_id)
    await advance_days(shop, 8)
    after = await shop.find(subscription_id)

    assert (trial.state, after.state) == (State.TRIALING, State.ACTIVE)
    assert trial.current_period is not None
    assert trial.current_period.end - trial.current_period.start == timedelta(days=7)
    amounts = {body["reference"]: body["amount"]["value"] for body in shop.adyen.processed.values()}
    # Signing up for a free trial charges 1 rupiah.
    assert amounts == {"TRIAL": 1, "TRIAL-p1": 50_000}


async def test_a_trial_that_is_cancelled_is_never_charged(shop: Shop) -> None:
    subscription_id = await shop.create_active("TRIAL-2", await shop.create_plan(trialDays=7))
    await shop.kasir.subscribing.cancel(subscription_id, body_of(at="periodEnd"))
    await advance_days(shop, 9)

    assert (await shop.find(subscription_id)).state is State.CANCELLED
    assert shop.adyen.charges() == Counter({"TRIAL-2": 1})


async def test_a_subscription_ends_at_the_end_of_its_last_cycle(shop: Shop) -> None:
    plan = await shop.create_plan(interval={"unit": "week", "count": 1}, cycles=3)
    subscription_id = await shop.create_active("CYCLES", plan)
    await advance_days(shop, 20)
    before = (await shop.find(subscription_id)).state
    await advance_days(shop, 2)

    assert (before, (await shop.find(subscription_id)).state) == (State.ACTIVE, State.ENDED)
    assert shop.adyen.charges() == Counter({"CYCLES": 1, "CYCLES-p2": 1, "CYCLES-p3": 1})
    assert (await shop.events())[-1] == "subscription.ended"


async def test_a_subscription_that_starts_later_renews_one_period_after_its_start(
    shop: Shop,
) -> None:
    starts_at = NOON + timedelta(days=10)
    subscription_id = await shop.sign_up(
        await shop.create_plan(), "LATER", startsAt=starts_at.isoformat()
    )
    await shop.record_token("LATER")
    await shop.work()
    subscription = await shop.find(subscription_id)

    assert subscription.current_period is not None
    assert subscription.current_period.start == starts_at
    assert subscription.due_at == subscription.current_period.end


async def test_the_renewal_notice_is_sent_once_and_before_the_charge(shop: Shop) -> None:
    """The first period ends after 28 days, so the notice is due after 25."""
    await shop.create_active("NOTICE", await shop.create_plan(noticeDays=3))
    await advance_days(shop, 24)
    events_before = await shop.events()
    await advance_days(shop, 3)

    assert events_before == ["subscription.activated"]
    assert await shop.events() == ["subscription.activated", "subscription.renewal_due"]


async def test_a_resume_after_the_end_of_the_period_begins_a_new_period(shop: Shop) -> None:
    subscription_id = await shop.create_active("PAUSE")
    await shop.kasir.subscribing.pause(subscription_id)
    await advance_days(shop, 60)
    charged = shop.adyen.charges()
    await shop.kasir.subscribing.resume(subscription_id)
    await shop.work()
    subscription = await shop.find(subscription_id)

    assert charged == Counter({"PAUSE": 1})
    assert shop.adyen.charges() == Counter({"PAUSE": 1, "PAUSE-p2": 1})
    assert subscription.current_period is not None
    assert subscription.current_period.start == shop.clock.at


async def test_a_pause_within_the_period_does_not_change_the_period(shop: Shop) -> None:
    subscription_id = await shop.create_active("PAUSE-2")
    before = (await shop.find(subscription_id)).current_period
    await shop.kasir.subscribing.pause(subscription_id)
    await advance_days(shop, 5)
    await shop.kasir.subscribing.resume(subscription_id)
    await shop.work()

    assert (await shop.find(subscription_id)).current_period == before
    assert shop.adyen.charges() == Counter({"PAUSE-2": 1})


async def test_a_changed_amount_applies_from_the_next_period(shop: Shop) -> None:
    subscription_id = await shop.create_active("AMOUNT")
    await shop.kasir.subscribing.change(
        subscription_id, body_of(amount={"currency": "IDR", "value": 75_000})
    )
    await advance_days(shop, 29)
    amounts = {body["reference"]: body["amount"]["value"] for body in shop.adyen.processed.values()}

    assert amounts == {"AMOUNT": 50_000, "AMOUNT-p2": 75_000}


async def test_another_token_of_the_shopper_is_charged_at_once_for_the_unpaid_period(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("MOVE")
    shop.adyen.answers["MOVE-p2"] = [NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    await _record_token(shop, "shopper-MOVE", "OTHER-TOKEN")
    await shop.kasir.subscribing.change(
        subscription_id, body_of(storedPaymentMethodId="OTHER-TOKEN")
    )
    await shop.work()
    tokens = {
        body["paymentMethod"].get("storedPaymentMethodId") for body in shop.adyen.processed.values()
    }

    assert (await shop.find(subscription_id)).state is State.ACTIVE
    assert tokens == {None, "TOKEN-MOVE", "OTHER-TOKEN"}


async def test_a_token_of_another_shopper_is_refused(shop: Shop) -> None:
    subscription_id = await shop.create_active("MINE")
    await _record_token(shop, "shopper-OTHER", "THEIRS")

    with pytest.raises(InvalidRequest, match="storedPaymentMethodId"):
        await shop.kasir.subscribing.change(
            subscription_id, body_of(storedPaymentMethodId="THEIRS")
        )


async def test_a_subscription_kept_past_due_is_charged_when_the_next_period_begins(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("KEEP", await shop.create_plan(whenUnpaid="keep"))
    shop.adyen.answers["KEEP-p2"] = [NO_BALANCE] * 5
    await advance_days(shop, 45)
    past_due = await shop.find(subscription_id)
    await advance_days(shop, 20)

    assert (past_due.state, past_due.renewal) == (State.PAST_DUE, None)
    assert (await shop.find(subscription_id)).state is State.ACTIVE
    assert shop.adyen.charges() == Counter({"KEEP": 1, "KEEP-p3": 1})


async def _record_token(shop: Shop, shopper: str, stored_id: str) -> None:
    account = shop.kasir.settings.merchant_account
    name = TokenName(merchant_account=account, shopper_reference=shopper, stored_id=stored_id)
    fact = TokenFact(key="created", says=TokenSays.CREATED, source="test", at=shop.clock.now())
    await shop.kasir.tokens.record([TokenReport(name=name, method="gopay_wallet", fact=fact)])
