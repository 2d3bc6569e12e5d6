"""An unpaid renewal is paid only once, by link or on the shop's page."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta

import pytest

from fakes import BROWSER
from integration.subscriptions.shop import MONTH, NO_BALANCE, NOON, REVOKED, Shop
from kasir.errors import InvalidRequest, KeyReused
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.links import LinkStatus
from kasir.requests.fields import Fields
from kasir.requests.payment_links import LinkAttempt, OpenLink
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import SubscriptionId

#: The body of a payment on the shop's page.
BODY = json.dumps({"channel": "Web", "browserInfo": BROWSER, "returnUrl": "https://shop.example"})
HOUR = timedelta(hours=1)


class DiedError(Exception):
    """Simulates that a server dies."""


async def past_due_subscription(shop: Shop, name: str, refusal: dict[str, str]) -> SubscriptionId:
    """A subscription whose second period was refused."""
    subscription_id = await shop.create_active(name)
    shop.adyen.answers[f"{name}-p2"] = [refusal]
    shop.clock.at = NOON + MONTH
    await shop.work()
    assert (await shop.find(subscription_id)).state is State.PAST_DUE
    return subscription_id


async def die_before_opening(
    shop: Shop, subscription_id: SubscriptionId, monkeypatch: pytest.MonkeyPatch
) -> tuple[Fields, str]:
    """Store an attempt, die before its payment is opened; return the payment's fields and key."""
    asked: list[tuple[Fields, str]] = []

    async def die(_: object, fields: Fields, __: int, key: str) -> None:
        asked.append((fields, key))
        raise DiedError

    with monkeypatch.context() as patched:
        patched.setattr(type(shop.kasir.checkout), "pay", die)
        with pytest.raises(DiedError):
            await shop.kasir.subscribing.pay_again(subscription_id, BODY.encode())
    return asked[0]


async def link_of(shop: Shop, subscription_id: SubscriptionId, period: int) -> OpenLink:
    renewals = (await shop.kasir.subscriptions.find(subscription_id, 10))[1]
    link_id = next(one.link_id for one in renewals if one.period == period)
    return await shop.kasir.links.find(link_id)


async def test_an_attempt_whose_server_died_blocks_other_attempts_for_an_hour(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription_id = await past_due_subscription(shop, "DEAD", NO_BALANCE)
    await die_before_opening(shop, subscription_id, monkeypatch)
    shop.clock.at += HOUR - timedelta(minutes=1)
    await shop.work()
    with pytest.raises(InvalidRequest, match="under way"):
        await shop.kasir.subscribing.pay_again(subscription_id, BODY.encode())
    shop.clock.at += timedelta(minutes=2)
    await shop.kasir.subscribing.pay_again(subscription_id, BODY.encode())
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.ACTIVE
    assert shop.adyen.charges() == Counter({"DEAD": 1, "DEAD-p2": 1})


async def test_a_payment_on_the_shops_page_is_refused_when_nothing_is_owed(shop: Shop) -> None:
    subscription_id = await shop.create_active("EVEN")
    with pytest.raises(InvalidRequest, match="nothing is owed: the subscription is active"):
        await shop.kasir.subscribing.pay_again(subscription_id, BODY.encode())

    assert shop.adyen.charges() == Counter({"EVEN": 1})


async def test_a_dropped_attempt_does_not_change_the_schedule(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription_id = await past_due_subscription(shop, "ON-TIME", NO_BALANCE)
    renewal = (await shop.find(subscription_id)).renewal
    await die_before_opening(shop, subscription_id, monkeypatch)
    shop.clock.at += 2 * HOUR
    await shop.renew(subscription_id)
    subscription = await shop.find(subscription_id)
    charges_before = shop.adyen.charges()
    shop.clock.at += timedelta(days=2)
    await shop.work()

    assert renewal is not None
    assert subscription.due_at == renewal.next_try
    assert charges_before == Counter({"ON-TIME": 1})
    assert shop.adyen.charges() == Counter({"ON-TIME": 1, "ON-TIME-p2": 1})
    assert (await shop.events()).count("renewal.failed") == 1


async def test_a_slow_server_cannot_open_a_payment_after_its_attempt_was_dropped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription_id = await past_due_subscription(shop, "SLOW", NO_BALANCE)
    fields, key = await die_before_opening(shop, subscription_id, monkeypatch)
    shop.clock.at += timedelta(days=2)
    await shop.work()
    with pytest.raises(KeyReused):
        await shop.kasir.checkout.pay(fields, 72, key)

    assert shop.adyen.charges() == Counter({"SLOW": 1, "SLOW-p2": 1})


async def test_a_payment_that_a_slow_server_opened_in_time_delays_the_next_charge(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription_id = await past_due_subscription(shop, "IN-TIME", NO_BALANCE)
    fields, key = await die_before_opening(shop, subscription_id, monkeypatch)
    shop.adyen.answers["IN-TIME-p2"] = [{"resultCode": "Pending"}]
    await shop.kasir.checkout.pay(fields, 72, key)
    shop.clock.at += timedelta(days=2)
    await shop.work()
    payments = await shop.kasir.payments.payments_of("IN-TIME-p2", 5)
    refused = Fact(
        key="no",
        says=Says.REFUSED,
        source=Source.NOTIFICATION,
        at=shop.clock.now(),
        about="",
        psp_reference="PSP-NO",
    )
    charged = shop.adyen.charges()
    await shop.kasir.payments.add_facts(payments[0].intent.id, [refused])
    await shop.work()

    assert (len(payments), charged) == (2, Counter({"IN-TIME": 1}))
    assert (await shop.events()).count("renewal.failed") == 2


async def test_no_payment_is_opened_for_a_subscription_that_was_cancelled_meanwhile(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription_id = await past_due_subscription(shop, "GONE", NO_BALANCE)
    fields, key = await die_before_opening(shop, subscription_id, monkeypatch)
    await shop.kasir.subscribing.cancel(subscription_id, b"")
    with pytest.raises(KeyReused):
        await shop.kasir.checkout.pay(fields, 72, key)

    assert shop.adyen.charges() == Counter({"GONE": 1})


async def test_a_link_is_withdrawn_when_its_period_was_paid_on_the_shops_page(shop: Shop) -> None:
    subscription_id = await past_due_subscription(shop, "PAGE", REVOKED)
    before = (await link_of(shop, subscription_id, 2)).status
    await shop.kasir.subscribing.pay_again(subscription_id, BODY.encode())
    await shop.work()

    assert (await shop.find(subscription_id)).state is State.ACTIVE
    assert (before, (await link_of(shop, subscription_id, 2)).status) == (
        LinkStatus.ACTIVE,
        LinkStatus.EXPIRED,
    )


async def test_a_link_is_withdrawn_when_its_subscription_is_cancelled(shop: Shop) -> None:
    subscription_id = await past_due_subscription(shop, "OVER", REVOKED)
    await shop.kasir.subscribing.cancel(subscription_id, b"")

    assert (await link_of(shop, subscription_id, 2)).status is LinkStatus.EXPIRED


async def test_the_reason_of_a_refused_renewal_is_shown(shop: Shop) -> None:
    subscription_id = await past_due_subscription(shop, "WHY", REVOKED)
    renewals = (await shop.kasir.subscriptions.find(subscription_id, 10))[1]

    assert [one.counts.reason for one in renewals if one.counts] == [None, "token_gone"]


async def test_the_attempt_of_a_link_is_closed_when_its_subscription_is_cancelled(
    shop: Shop,
) -> None:
    subscription_id = await past_due_subscription(shop, "LEFT", REVOKED)
    opened = await link_of(shop, subscription_id, 2)
    attempt = LinkAttempt(name=shop.kasir.links.attempt(opened), browser_info=BROWSER, saves=True)
    shop.adyen.answers["LEFT-p2"] = [{"resultCode": "RedirectShopper"}]
    _, payment_id = await shop.kasir.links.pay(
        opened.link, attempt, lambda _: "https://kasir.example"
    )
    before = await closing_time(shop, payment_id)
    await shop.kasir.subscribing.cancel(subscription_id, b"")

    assert before > shop.clock.at
    assert await closing_time(shop, payment_id) == shop.clock.at


async def closing_time(shop: Shop, payment_id: str) -> datetime:
    """The time from which Kasir tries to close the attempt of a payment."""
    closes_at: datetime = await shop.kasir.pool.fetchval(
        "SELECT close_due_at FROM payment WHERE id = $1", payment_id
    )
    return closes_at
