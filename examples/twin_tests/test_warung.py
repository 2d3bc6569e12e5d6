"""Tests of a shop with the fixture `adyen_twin`; run them with `python -m pytest -n auto`.

Every test has a world of its own, so all of them use the same order number.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from warung import Warung, open_warung

from adyen_twin.testing import AdyenTwin

ORDER = "ORDER-1"


@pytest.fixture
def warung(adyen_twin: AdyenTwin) -> Iterator[Warung]:
    """A shop that hears the webhooks of the test's world."""
    shop = Warung(adyen_twin.server, adyen_twin.api_key, adyen_twin.merchant_account)
    with open_warung(shop):
        adyen_twin.send_webhooks_to(shop.webhook_url)
        yield shop


def test_an_order_is_paid(adyen_twin: AdyenTwin, warung: Warung) -> None:
    location = adyen_twin.wallet.approve(warung.sell(ORDER, 25_000))
    (webhook,) = adyen_twin.webhooks

    assert location is not None
    assert location.startswith("https://warung.example/thanks?order=ORDER-1&redirectResult=")
    assert warung.paid == {ORDER: True}
    assert (webhook.event, webhook.success) == ("AUTHORISATION", True)
    assert adyen_twin.is_authentic(webhook)


def test_an_order_is_not_paid_if_the_shopper_cancels(adyen_twin: AdyenTwin, warung: Warung) -> None:
    adyen_twin.wallet.cancel(warung.sell(ORDER, 25_000))
    adyen_twin.clock.advance(0)

    assert warung.paid == {ORDER: False}


def test_a_late_refusal_of_another_attempt_does_not_undo_the_payment(
    adyen_twin: AdyenTwin, warung: Warung
) -> None:
    adyen_twin.faults({"fault": "true_then_false", "seconds": 60})
    adyen_twin.wallet.approve_without_return(warung.sell(ORDER, 25_000))
    adyen_twin.clock.advance(timedelta(minutes=2))

    assert [webhook.success for webhook in adyen_twin.webhooks] == [True, False]
    assert warung.paid == {ORDER: True}


def test_a_webhook_of_a_closed_shop_comes_again(adyen_twin: AdyenTwin, warung: Warung) -> None:
    adyen_twin.send_webhooks_to("http://127.0.0.1:9/closed")
    adyen_twin.wallet.approve(warung.sell(ORDER, 25_000))
    before = [webhook.accepted for webhook in adyen_twin.webhooks]
    adyen_twin.send_webhooks_to(warung.webhook_url)
    after = [webhook.accepted for webhook in adyen_twin.webhooks]

    assert (before, after) == ([False], [False, True])
    assert warung.paid == {ORDER: True}


@pytest.mark.parametrize("charge", range(1, 4))
def test_the_saved_wallet_of_the_seed_pays_until_it_is_empty(
    adyen_twin: AdyenTwin, charge: int
) -> None:
    # Each charge takes a third of the balance and a little more.
    answers = [
        adyen_twin.checkout(
            "/payments",
            {
                "reference": f"{ORDER}-{number}",
                "amount": {"currency": "IDR", "value": 34_000},
                "paymentMethod": {"storedPaymentMethodId": "M5N7TQ4TG5PFWR50"},
                "shopperReference": "regular-shopper",
                "shopperInteraction": "ContAuth",
                "recurringProcessingModel": "Subscription",
            },
        )["resultCode"]
        for number in range(charge)
    ]

    assert answers == ["Authorised", "Authorised", "Refused"][:charge]
    assert adyen_twin.wallet.of("regular-shopper")["balance"] == 100_000 - 34_000 * min(charge, 2)


def test_each_test_has_payments_of_its_own(adyen_twin: AdyenTwin) -> None:
    assert adyen_twin.payments == []


def test_the_profile_of_the_seed_ends_an_offer_after_fourteen_minutes(
    adyen_twin: AdyenTwin, warung: Warung
) -> None:
    warung.sell(ORDER, 25_000)
    adyen_twin.clock.advance(timedelta(minutes=14, seconds=1))

    assert [payment["status"] for payment in adyen_twin.payments] == ["expired"]
    assert [webhook.event for webhook in adyen_twin.webhooks] == ["OFFER_CLOSED"]
