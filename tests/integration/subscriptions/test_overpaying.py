"""A payment for a period that is not owed is marked as overpaid and sends one event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration.subscriptions.shop import MONTH, NO_BALANCE, NOON, SILENCE, Shop
from kasir.ids import PaymentId
from kasir.money import IDR, Money
from kasir.payments.facts import Fact, Says, Source
from kasir.shop_events.subscription_shapes import shown_subscription
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import SubscriptionId


def late_authorisation(payment_id: PaymentId, at: datetime) -> Fact:
    return Fact(
        key="late",
        says=Says.AUTHORISED,
        source=Source.NOTIFICATION,
        at=at,
        about="",
        psp_reference=f"PSP-{payment_id}",
    )


async def report_as_paid(shop: Shop, payment_id: PaymentId) -> None:
    """Record Adyen's notification that a refused payment is paid after all."""
    now = shop.clock.now()
    await shop.kasir.payments.add_facts(payment_id, [late_authorisation(payment_id, now)])
    for _ in range(2):  # The second run sends no event again.
        await shop.work()


async def first_of(shop: Shop, reference: str) -> PaymentId:
    """The id of the first payment of a reference."""
    return (await shop.kasir.payments.payments_of(reference, 10))[-1].intent.id


async def overpaid_events(shop: Shop) -> list[Mapping[str, Any]]:
    """The `renewal` field of each `renewal.overpaid` event."""
    every = [
        json.loads(event.payload) for event in await shop.kasir.events.after(None, limit=10_000)
    ]
    return [one["data"]["renewal"] for one in every if one["type"] == "renewal.overpaid"]


async def overpaid_by_period(shop: Shop, subscription_id: SubscriptionId) -> dict[int, list[str]]:
    """The ids of the payments that the API shows as overpaid, by period."""
    subscription, renewals = await shop.kasir.subscriptions.find(subscription_id, 100)
    shown = shown_subscription(subscription, renewals, "")
    assert isinstance(shown.renewals, list)
    return {one.period: [paid.payment_id for paid in one.overpayments] for one in shown.renewals}


async def recovered_subscription(shop: Shop, name: str) -> SubscriptionId:
    """A subscription whose second period was refused once and paid two days later."""
    subscription_id = await shop.create_active(name)
    shop.adyen.answers[f"{name}-p2"] = [NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    shop.clock.at += timedelta(days=2)
    await shop.work()
    assert (await shop.find(subscription_id)).state is State.ACTIVE
    return subscription_id


async def test_a_refused_payment_that_is_paid_after_its_paid_retry_sends_one_event(
    shop: Shop,
) -> None:
    subscription_id = await recovered_subscription(shop, "TWICE")
    first = await first_of(shop, "TWICE-p2")
    before = await overpaid_by_period(shop, subscription_id)
    await report_as_paid(shop, first)
    (event,) = await overpaid_events(shop)

    assert before == {2: []}
    assert await overpaid_by_period(shop, subscription_id) == {2: [first]}
    assert (event["period"], event["paymentId"], event["outcome"]) == (2, first, "paid")
    assert event["overpayments"] == [{"paymentId": first, "pspReference": f"PSP-{first}"}]
    assert (await shop.events()).count("renewal.succeeded") == 1


async def test_a_late_payment_of_a_much_earlier_period_sends_one_event(shop: Shop) -> None:
    subscription_id = await recovered_subscription(shop, "LONG-AGO")
    first = await first_of(shop, "LONG-AGO-p2")
    for _ in range(2):
        shop.clock.at += MONTH
        await shop.work()
    await report_as_paid(shop, first)

    assert await overpaid_by_period(shop, subscription_id) == {2: [first], 3: [], 4: []}
    assert len(await overpaid_events(shop)) == 1


async def test_one_of_two_payments_made_before_a_turn_is_overpaid(shop: Shop) -> None:
    subscription_id = await shop.create_active("BOTH")
    shop.adyen.answers["BOTH-p2"] = [NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    shop.clock.at += timedelta(days=2)
    second = await shop.take_turn(subscription_id)
    assert second is not None
    question = await shop.question_of(second)
    await shop.flow.ask_again(question.key)
    first = await first_of(shop, "BOTH-p2")
    await report_as_paid(shop, first)

    assert await overpaid_by_period(shop, subscription_id) == {2: [second]}
    assert [one["paymentId"] for one in await overpaid_events(shop)] == [second]
    assert (await shop.events()).count("renewal.succeeded") == 1


async def test_a_payment_for_a_cancelled_subscription_is_overpaid(shop: Shop) -> None:
    subscription_id = await shop.create_active("OVER")
    shop.adyen.answers["OVER-p2"] = [SILENCE]
    shop.clock.at = NOON + MONTH
    await shop.renew(subscription_id)
    await shop.kasir.subscribing.cancel(subscription_id, b"")
    shop.clock.at += timedelta(minutes=1)
    for _ in range(3):
        await shop.work()
    paid = await first_of(shop, "OVER-p2")

    assert await overpaid_by_period(shop, subscription_id) == {2: [paid]}
    assert [one["paymentId"] for one in await overpaid_events(shop)] == [paid]
    assert (await shop.find(subscription_id)).due_at is None


async def test_a_payment_for_a_period_before_a_pause_does_not_pay_the_next_period(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("PAUSED")
    shop.adyen.answers["PAUSED-p2"] = [NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    await shop.kasir.subscribing.pause(subscription_id)
    paid = await first_of(shop, "PAUSED-p2")
    await report_as_paid(shop, paid)
    shop.clock.at += timedelta(days=1)
    await shop.kasir.subscribing.resume(subscription_id)
    await shop.work()

    assert await overpaid_by_period(shop, subscription_id) == {2: [paid], 3: []}
    assert (await shop.events()).count("renewal.overpaid") == 1
    assert (await shop.events()).count("renewal.succeeded") == 1
    assert (await shop.find(subscription_id)).settled_period == 3


async def test_a_period_given_up_and_paid_before_the_next_one_is_not_overpaid(shop: Shop) -> None:
    subscription_id = await shop.create_active("KEPT", await shop.create_plan(whenUnpaid="keep"))
    shop.adyen.answers["KEPT-p2"] = [NO_BALANCE] * 5
    for _ in range(38):
        shop.clock.at += timedelta(days=1)
        await shop.work()
    assert "renewal.unpaid" in await shop.events()
    await report_as_paid(shop, await first_of(shop, "KEPT-p2"))

    assert (await shop.find(subscription_id)).state is State.ACTIVE
    assert await overpaid_by_period(shop, subscription_id) == {2: []}
    assert await overpaid_events(shop) == []


@pytest.mark.parametrize("setting", ["cancel", "pause"])
async def test_an_overpayment_refunded_before_a_turn_does_not_end_the_subscription(
    shop: Shop, setting: str
) -> None:
    plan = await shop.create_plan(whenUnpaid="keep", onFullRefund=setting)
    subscription_id = await shop.create_active("REFUNDED", plan)
    shop.adyen.answers["REFUNDED-p2"] = [NO_BALANCE] * 5
    for _ in range(70):
        shop.clock.at += timedelta(days=1)
        await shop.work()
    assert (await shop.find(subscription_id)).settled_period >= 3
    first, now = await first_of(shop, "REFUNDED-p2"), shop.clock.now()
    facts = [
        late_authorisation(first, now),
        Fact(
            key="refund",
            says=Says.REFUND_CONFIRMED,
            source=Source.NOTIFICATION,
            at=now,
            about="",
            psp_reference=f"PSP-{first}",
            modification="REFUND",
            amount=Money(IDR, 50_000),
        ),
    ]
    await shop.kasir.payments.add_facts(first, facts)
    await shop.work()

    assert await overpaid_by_period(shop, subscription_id) == {2: [first], 3: []}
    assert len(await overpaid_events(shop)) == 1
    assert (await shop.find(subscription_id)).state is State.ACTIVE


async def test_an_ordinary_year_has_no_overpayment(shop: Shop) -> None:
    subscription_id = await shop.create_active("YEAR")
    for _ in range(12):
        shop.clock.at += MONTH
        await shop.work()

    assert await overpaid_events(shop) == []
    assert set(map(len, (await overpaid_by_period(shop, subscription_id)).values())) == {0}
