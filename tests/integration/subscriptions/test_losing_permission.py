"""A subscription reacts at once when its token is disabled or enabled again."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from integration.subscriptions.shop import MONTH, NO_BALANCE, NO_SUCH_TOKEN, NOON, SILENCE, Shop
from kasir.subscriptions.dunning import Reason
from kasir.subscriptions.renewal import Renewal
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import SubscriptionId
from kasir.tokens.model import TokenSays

DAY = timedelta(days=1)
#: A charge that the shop makes with the token of ONE, outside the subscription.
EXTRA_CHARGE = {
    "reference": "EXTRA",
    "amount": {"currency": "IDR", "value": 7_000},
    "paymentMethod": {"type": "gopay_wallet", "storedPaymentMethodId": "TOKEN-ONE"},
    "shopperReference": "shopper-ONE",
    "shopperInteraction": "ContAuth",
    "recurringProcessingModel": "Subscription",
    "returnUrl": "https://shop.example/return",
}


async def past_due_subscription(shop: Shop, name: str, **more: Any) -> SubscriptionId:
    """A subscription whose second period was refused for lack of balance."""
    subscription_id = await shop.create_active(name, **more)
    shop.adyen.answers[f"{name}-p2"] = [NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    assert (await shop.find(subscription_id)).state is State.PAST_DUE
    return subscription_id


async def last_renewal(shop: Shop, subscription_id: SubscriptionId) -> Renewal:
    return (await shop.kasir.subscriptions.find(subscription_id, 10))[1][-1]


async def events_of(shop: Shop, name: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of a subscription: type and data, in order."""
    every = [
        json.loads(event.payload) for event in await shop.kasir.events.after(None, limit=10_000)
    ]
    return [
        (event["type"], event["data"])
        for event in every
        if event["type"].startswith(("subscription.", "renewal."))
        and event["data"]["reference"] == name
    ]


@pytest.mark.parametrize("says", [TokenSays.DISABLED, TokenSays.NOT_LISTED])
async def test_a_token_lost_between_two_attempts_gives_the_shopper_a_link_at_once(
    shop: Shop, says: TokenSays
) -> None:
    subscription_id = await past_due_subscription(shop, "LOST")
    shop.clock.at += timedelta(hours=2)
    await shop.record_token("LOST", says)
    await shop.work()
    renewal = await last_renewal(shop, subscription_id)
    event, data = (await events_of(shop, "LOST"))[-1]
    for _ in range(5):
        await shop.work()

    assert (event, data["reason"]) == ("renewal.failed", "token_gone")
    assert data["renewal"]["linkUrl"].endswith(f"/pay/{renewal.link_id}")
    assert "nextTry" not in data["renewal"]
    assert renewal.next_try is None
    assert (await shop.kasir.links.find(renewal.link_id)).link.request["amount"]["value"] == 50_000
    types = [kind for kind, _ in await events_of(shop, "LOST")]
    assert types.count("renewal.failed") == 2  # The refusal, and the loss of the token.


async def test_a_token_that_is_disabled_and_enabled_again_is_charged_at_once(shop: Shop) -> None:
    subscription_id = await past_due_subscription(shop, "AGAIN")
    await shop.record_token("AGAIN", TokenSays.DISABLED)
    await shop.work()
    shop.clock.at += timedelta(minutes=5)
    await shop.record_token("AGAIN", TokenSays.ALREADY_EXISTING)
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.ACTIVE
    assert shop.adyen.charges() == Counter({"AGAIN": 1, "AGAIN-p2": 1})


async def test_a_charge_by_the_shop_answered_with_no_such_token_disables_the_token(
    shop: Shop,
) -> None:
    """ONE and TWO are subscriptions of one shopper with one token; ONE waits for a retry."""
    subscription_id = await past_due_subscription(shop, "ONE")
    other = await shop.sign_up(await shop.create_plan(), "TWO", shopperReference="shopper-ONE")
    await shop.record_token("TWO", TokenSays.ALREADY_EXISTING, token_of="ONE")
    await shop.work()
    states = (await shop.find(subscription_id)).state, (await shop.find(other)).state
    shop.adyen.answers["EXTRA"] = [NO_SUCH_TOKEN]
    await shop.kasir.checkout.payments(json.dumps(EXTRA_CHARGE).encode(), version=72)
    await shop.work()
    event, data = (await events_of(shop, "ONE"))[-1]

    assert states == (State.PAST_DUE, State.ACTIVE)
    assert [token.is_active for token in await shop.kasir.tokens.of("shopper-ONE")] == [False]
    assert (event, data["reason"]) == ("renewal.failed", "token_gone")
    assert (await last_renewal(shop, subscription_id)).link_id
    assert (await shop.find(other)).state is State.ACTIVE


async def test_a_renewal_answered_with_no_such_token_affects_the_shoppers_other_subscriptions(
    shop: Shop,
) -> None:
    subscription_id = await past_due_subscription(shop, "ONE")
    plan = await shop.create_plan(interval={"unit": "day", "count": 1})
    await shop.sign_up(plan, "TWO", shopperReference="shopper-ONE")
    await shop.record_token("TWO", TokenSays.ALREADY_EXISTING, token_of="ONE")
    await shop.work()
    shop.adyen.answers["ONE-p2"] = [NO_BALANCE] * 3
    shop.adyen.answers["TWO-p2"] = [NO_SUCH_TOKEN]
    shop.clock.at += DAY
    await shop.work()

    assert (await events_of(shop, "ONE"))[-1][1]["reason"] == "token_gone"
    assert (await last_renewal(shop, subscription_id)).link_id


@pytest.mark.parametrize("code", ["800", "803"])
async def test_a_renewal_answered_with_no_such_token_disables_the_token(
    shop: Shop, code: str
) -> None:
    subscription_id = await shop.create_active("CODE")
    shop.adyen.answers["CODE-p2"] = [NO_SUCH_TOKEN | {"errorCode": code}]
    shop.clock.at = NOON + MONTH
    await shop.work()
    lost = await shop.kasir.tokens.of("shopper-CODE")
    types = [kind for kind, _ in await events_of(shop, "CODE")]
    shop.clock.at += timedelta(minutes=5)
    await shop.record_token("CODE", TokenSays.ALREADY_EXISTING)
    await shop.work()

    assert [token.is_active for token in lost] == [False]
    assert types == ["subscription.activated", "renewal.failed", "subscription.past_due"]
    assert (await shop.find(subscription_id)).state is State.ACTIVE
    assert shop.adyen.charges() == Counter({"CODE": 1, "CODE-p2": 1})


async def test_a_late_answer_disables_the_token_too(shop: Shop) -> None:
    subscription_id = await shop.create_active("LATE")
    shop.adyen.answers["LATE-p2"] = [SILENCE, NO_SUCH_TOKEN]
    shop.clock.at = NOON + MONTH
    await shop.work()
    shop.clock.at += timedelta(hours=2)
    for _ in range(2):  # First the question is sent again, then the subscription is renewed.
        await shop.work()

    assert [token.is_active for token in await shop.kasir.tokens.of("shopper-LATE")] == [False]
    assert (await last_renewal(shop, subscription_id)).link_id


async def test_the_notice_of_a_renewal_gives_as_reason_that_its_token_is_gone(
    shop: Shop,
) -> None:
    await shop.create_active("NOTICE", await shop.create_plan(noticeDays=3))
    await shop.record_token("NOTICE", TokenSays.DISABLED)
    shop.clock.at = NOON + timedelta(days=26)
    await shop.work()
    event, data = (await events_of(shop, "NOTICE"))[-1]

    assert (event, data["reason"]) == ("subscription.renewal_due", "token_gone")


async def test_a_token_lost_in_a_trial_gives_the_shopper_a_link_after_the_trial(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("TRIAL", await shop.create_plan(trialDays=7))
    await shop.record_token("TRIAL", TokenSays.DISABLED)
    await shop.work()
    before = (await shop.find(subscription_id)).state
    shop.clock.at += 8 * DAY
    await shop.work()

    assert (before, (await shop.find(subscription_id)).state) == (State.TRIALING, State.PAST_DUE)
    assert (await last_renewal(shop, subscription_id)).link_id


async def test_a_token_lost_in_a_pause_gives_the_shopper_a_link_after_the_resume(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("PAUSE")
    await shop.kasir.subscribing.pause(subscription_id)
    await shop.record_token("PAUSE", TokenSays.DISABLED)
    shop.clock.at += 40 * DAY
    await shop.work()
    await shop.kasir.subscribing.resume(subscription_id)
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.PAST_DUE
    assert (await last_renewal(shop, subscription_id)).link_id


async def test_a_paid_sign_up_becomes_active_although_its_token_is_already_lost(
    shop: Shop,
) -> None:
    subscription_id = await shop.sign_up(await shop.create_plan(), "EARLY")
    await shop.record_token("EARLY")
    shop.clock.at += timedelta(minutes=1)
    await shop.record_token("EARLY", TokenSays.DISABLED)
    await shop.work()
    after_sign_up = (await shop.find(subscription_id)).state
    shop.clock.at = NOON + MONTH
    await shop.work()

    assert (after_sign_up, (await shop.find(subscription_id)).state) == (
        State.ACTIVE,
        State.PAST_DUE,
    )
    assert (await last_renewal(shop, subscription_id)).link_id
    assert (await events_of(shop, "EARLY"))[-1][1]["reason"] == Reason.TOKEN_GONE
