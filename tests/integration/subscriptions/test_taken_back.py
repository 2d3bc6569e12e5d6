"""The plan decides what follows a disputed or refunded renewal, and the event has the reason."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any, Final

import pytest

from fakes import KEY, envelope, notification_item
from integration.subscriptions.shop import MONTH, NOON, Shop
from kasir.adyen.signing import key_from_hex
from kasir.errors import InvalidRequest
from kasir.shop_events.subscription_shapes import shown_plan
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import SubscriptionId
from kasir.webhooks.receiving import receive

PRICE: Final = 50_000
STATE_AFTER: Final = {"continue": State.ACTIVE, "pause": State.PAUSED, "cancel": State.CANCELLED}
EVENTS_AFTER: Final = {
    "continue": [],
    "pause": ["subscription.paused"],
    "cancel": ["subscription.cancelled"],
}


async def notify(shop: Shop, reference: str, code: str, **more: Any) -> str:
    """Have Adyen report a change of the newest payment; return the change's PSP reference."""
    payment = (await shop.kasir.payments.payments_of(reference, 1))[0]
    change_psp = secrets.token_hex(8).upper()
    fields = {
        "eventCode": code,
        "pspReference": change_psp,
        "originalReference": payment.summary.psp_reference,
        "merchantReference": reference,
        "amount": {"currency": "IDR", "value": payment.intent.amount.minor_units},
    }
    await receive(
        envelope(notification_item(**(fields | more))),
        is_form=False,
        keys=[key_from_hex(KEY)],
        inbox=shop.kasir.inbox,
        received_at=shop.clock.at,
    )
    await shop.kasir.reader.read_all()
    return change_psp


async def renewed_subscription(shop: Shop, reference: str, **plan: Any) -> SubscriptionId:
    """A subscription whose second period was charged and paid."""
    subscription_id = await shop.create_active(reference, await shop.create_plan(**plan))
    shop.clock.at = NOON + MONTH
    await shop.work()
    assert (await shop.find(subscription_id)).settled_period == 2
    return subscription_id


async def event_of(shop: Shop, kind: str) -> dict[str, Any]:
    """The data of the last event of a type."""
    every = [json.loads(one.payload) for one in await shop.kasir.events.after(None, limit=10_000)]
    data: dict[str, Any] = [one["data"] for one in every if one["type"] == kind][-1]
    return data


@pytest.mark.parametrize("action", STATE_AFTER)
@pytest.mark.parametrize(
    ("field", "code", "why"),
    [
        ("onDispute", "NOTIFICATION_OF_CHARGEBACK", "disputed"),
        ("onDispute", "CHARGEBACK", "disputed"),
        ("onFullRefund", "REFUND", "refunded"),
    ],
)
async def test_the_plan_decides_what_follows_a_disputed_or_refunded_renewal(
    shop: Shop, field: str, code: str, why: str, action: str
) -> None:
    subscription_id = await renewed_subscription(shop, "SUB", **{field: action})
    before = len(await shop.events())
    await notify(shop, "SUB-p2", code)
    await shop.work()
    events = (await shop.events())[before:]

    assert (await shop.find(subscription_id)).state is STATE_AFTER[action]
    assert events == EVENTS_AFTER[action]
    for kind in events:
        payment = (await shop.kasir.payments.payments_of("SUB-p2", 1))[0]
        assert (await event_of(shop, kind))["because"] == {
            "why": why,
            "period": 2,
            "paymentId": payment.intent.id,
            "pspReference": payment.summary.psp_reference,
        }


@pytest.mark.parametrize("code", ["NOTIFICATION_OF_CHARGEBACK", "REFUND"])
async def test_without_a_setting_in_the_plan_the_next_period_is_charged(
    shop: Shop, code: str
) -> None:
    subscription_id = await renewed_subscription(shop, "SUB")
    await notify(shop, "SUB-p2", code)
    shop.clock.at = NOON + 2 * MONTH
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.ACTIVE
    assert shop.adyen.charges()["SUB-p3"] == 1


async def test_a_dispute_and_a_refund_each_take_effect_once_and_the_shop_may_resume(
    shop: Shop,
) -> None:
    subscription_id = await renewed_subscription(
        shop, "SUB", onDispute="pause", onFullRefund="pause"
    )
    dispute = await notify(shop, "SUB-p2", "NOTIFICATION_OF_CHARGEBACK")
    await shop.work()
    await shop.kasir.subscribing.resume(subscription_id, b"")
    await notify(shop, "SUB-p2", "CHARGEBACK", pspReference=dispute)
    await shop.work()
    resumed = (await shop.find(subscription_id)).state
    await notify(shop, "SUB-p2", "REFUND")
    await shop.work()

    assert resumed is State.ACTIVE
    assert (await shop.find(subscription_id)).state is State.PAUSED
    assert (await event_of(shop, "subscription.paused"))["because"]["why"] == "refunded"


async def test_a_full_refund_of_the_sign_up_counts_and_a_partial_refund_does_not(
    shop: Shop,
) -> None:
    subscription_id = await renewed_subscription(shop, "SUB", onFullRefund="cancel")
    half = {"currency": "IDR", "value": PRICE // 2}
    await notify(shop, "SUB", "REFUND", amount=half)
    await shop.work()
    after_half = (await shop.find(subscription_id)).state
    await notify(shop, "SUB", "REFUND", amount=half)
    await shop.work()

    assert after_half is State.ACTIVE
    assert (await shop.find(subscription_id)).state is State.CANCELLED
    assert (await event_of(shop, "subscription.cancelled"))["because"]["period"] == 1


async def test_a_paid_renewal_that_is_cancelled_counts_as_a_full_refund(shop: Shop) -> None:
    subscription_id = await renewed_subscription(shop, "SUB", onFullRefund="pause")
    await notify(shop, "SUB-p2", "CANCELLATION")
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.PAUSED


async def test_a_refund_that_failed_before_a_turn_changes_nothing(shop: Shop) -> None:
    subscription_id = await renewed_subscription(shop, "SUB", onFullRefund="cancel")
    change_psp = await notify(shop, "SUB-p2", "REFUND")
    await notify(shop, "SUB-p2", "REFUND_FAILED", pspReference=change_psp)
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.ACTIVE


async def test_a_disputed_paused_subscription_stays_paused_and_its_planned_resume_is_withdrawn(
    shop: Shop,
) -> None:
    subscription_id = await renewed_subscription(shop, "SUB", onDispute="pause")
    resumes_at = (shop.clock.at + timedelta(days=40)).isoformat()
    body = json.dumps({"resumesAt": resumes_at}).encode()
    await shop.kasir.subscribing.pause(subscription_id, body)
    await notify(shop, "SUB-p2", "NOTIFICATION_OF_CHARGEBACK")
    await shop.work()
    shop.clock.at += timedelta(days=90)
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.PAUSED
    assert (await shop.events())[-1] == "subscription.resume_withdrawn"
    assert (await event_of(shop, "subscription.resume_withdrawn"))["because"]["why"] == "disputed"
    assert shop.adyen.charges()["SUB-p3"] == 0


async def test_a_dispute_of_a_subscription_paused_without_an_end_sends_no_event(shop: Shop) -> None:
    subscription_id = await renewed_subscription(shop, "SUB", onDispute="pause")
    await shop.kasir.subscribing.pause(subscription_id)
    before = await shop.events()
    await notify(shop, "SUB-p2", "NOTIFICATION_OF_CHARGEBACK")
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.PAUSED
    assert await shop.events() == before


async def test_a_subscription_disputed_before_its_token_exists_is_paused_when_complete(
    shop: Shop,
) -> None:
    subscription_id = await shop.sign_up(await shop.create_plan(onDispute="pause"), "SUB")
    await notify(shop, "SUB", "NOTIFICATION_OF_CHARGEBACK")
    await shop.work()
    before = (await shop.find(subscription_id)).state
    await shop.record_token("SUB")
    await shop.work()

    assert before is State.INCOMPLETE
    assert (await shop.find(subscription_id)).state is State.PAUSED
    assert (await shop.events())[-2:] == ["subscription.activated", "subscription.paused"]


async def test_the_refund_of_an_overpayment_changes_nothing(shop: Shop) -> None:
    subscription_id = await renewed_subscription(shop, "SUB", onFullRefund="cancel")
    await shop.kasir.pool.execute(
        "UPDATE renewal_attempt SET overpaid = true WHERE subscription_id = $1 AND period = 2",
        subscription_id,
    )
    await notify(shop, "SUB-p2", "REFUND")
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.ACTIVE


@pytest.mark.parametrize("field", ["onDispute", "onFullRefund"])
@pytest.mark.parametrize("value", ["stop", "", 1, True, ["pause"], {}])
async def test_a_plan_accepts_only_three_values(shop: Shop, field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await shop.create_plan(**{field: value})
    (fault,) = refused.value.faults

    cure = "one of continue, pause, cancel" if isinstance(value, str) else "a string"
    assert (fault.field, cure in fault.cure) == (field, True)


async def test_a_plan_shows_its_settings(shop: Shop) -> None:
    plans = [
        await shop.kasir.subscriptions.plan(await shop.create_plan(**settings))
        for settings in ({}, {"onDispute": "pause", "onFullRefund": "cancel"})
    ]
    shown = [shown_plan(plan) for plan in plans if plan]

    assert [(one.on_dispute, one.on_full_refund) for one in shown] == [
        ("continue", "continue"),
        ("pause", "cancel"),
    ]
