"""Adyen's own Python library works with the twin as with Adyen: only its base URLs change."""

from __future__ import annotations

import asyncio
from typing import Any

import Adyen
import pytest
from Adyen.util import is_valid_hmac_notification, is_valid_hmac_payload

from twin_fixtures import (
    KEY,
    OTHER_KEY,
    RunningTwin,
    Shop,
    charge_body,
    payment_body,
    result_of,
    shop,
    token_shop,
    twin,
)

__all__ = ["shop", "token_shop", "twin"]


@pytest.fixture
def adyen(twin: RunningTwin) -> Any:
    """Adyen's client, with only the base URLs changed."""
    client = Adyen.Adyen(xapikey="twin-api-key", platform="test")
    client.checkout.payments_api.baseUrl = f"{twin.url}/v72"
    client.checkout.recurring_api.baseUrl = f"{twin.url}/v72"
    client.recurring.recurring_api.baseUrl = f"{twin.url}/pal/servlet/Recurring/v68"
    client.checkout.modifications_api.baseUrl = f"{twin.url}/v72"
    return client


async def test_the_library_completes_a_payment_at_the_twin(
    twin: RunningTwin, shop: Shop, adyen: Any
) -> None:
    api = adyen.checkout.payments_api
    request = {
        "merchantAccount": "TwinMerchant",
        "countryCode": "ID",
        "amount": {"currency": "IDR", "value": 25000},
        "channel": "Web",
    }
    methods = await asyncio.to_thread(api.payment_methods, request)
    started = await asyncio.to_thread(api.payments, payment_body(), idempotency_key="first")
    reply = await twin.shopper(started.message["action"]["url"])
    details = {"details": {"redirectResult": result_of(reply["location"])}}
    done = await asyncio.to_thread(api.payments_details, details)
    await twin.settle()

    assert methods.message["paymentMethods"] == [{"name": "GoPay Wallet", "type": "gopay_wallet"}]
    assert started.message["resultCode"] == "RedirectShopper"
    # If the body has no pspReference, the library reads it from a header. It has 16 characters.
    assert len(started.psp) == 16
    assert done.message["resultCode"] == "Authorised"
    assert done.psp == reply["pspReference"]
    assert shop.received[0].item["pspReference"] == done.psp


async def test_the_library_accepts_the_signature_of_every_webhook(
    twin: RunningTwin, shop: Shop
) -> None:
    for action in ("approve", "refuse", "cancel", "expire"):
        url = await twin.pay(reference=rf"ORDER:{action}\é", metadata={"note": "kopi susu"})
        await twin.shopper(url, action)
    await twin.settle()

    bodies = [webhook.body for webhook in shop.received]
    assert len(bodies) == 4
    assert all(is_valid_hmac_notification(body, KEY) for body in bodies)
    assert not any(is_valid_hmac_notification(body, OTHER_KEY) for body in bodies)


async def test_the_library_refunds_and_cancels_payments(
    twin: RunningTwin, shop: Shop, adyen: Any
) -> None:
    api = adyen.checkout.modifications_api
    psp_reference = await twin.paid()
    request = {"merchantAccount": "TwinMerchant"}
    amount = {"amount": {"currency": "IDR", "value": 10000}}
    refund = await asyncio.to_thread(
        api.refund_captured_payment, request | amount, psp_reference, idempotency_key="refund-1"
    )
    await asyncio.to_thread(api.cancel_authorised_payment_by_psp_reference, request, psp_reference)
    by_reference = request | {"paymentReference": "ORDER-1001"}
    await asyncio.to_thread(api.cancel_authorised_payment, by_reference)
    await asyncio.to_thread(api.refund_or_cancel_payment, request, psp_reference)
    await twin.settle(2)

    assert (refund.status_code, refund.message["status"]) == (201, "received")
    codes = "AUTHORISATION", "REFUND", "CANCELLATION", "TECHNICAL_CANCEL", "CANCEL_OR_REFUND"
    assert [code for code, _ in shop.events] == [*codes]
    assert all(is_valid_hmac_notification(webhook.body, KEY) for webhook in shop.received)


async def test_the_library_charges_lists_and_removes_a_token(
    twin: RunningTwin, shop: Shop, token_shop: Shop, adyen: Any
) -> None:
    payments, stored = adyen.checkout.payments_api, adyen.checkout.recurring_api
    classic = adyen.recurring.recurring_api
    await twin.saved("CardOnFile")
    await twin.saved("Subscription")
    await twin.settle(60)
    token = token_shop.received[0].body["data"]["storedPaymentMethodId"]
    owner = {"merchantAccount": "TwinMerchant", "shopperReference": "shopper-1"}
    charged = await asyncio.to_thread(payments.payments, charge_body(token))
    with_shopper = await asyncio.to_thread(payments.payments, charge_body(token, "CardOnFile"))
    listed = await asyncio.to_thread(
        stored.get_tokens_for_stored_payment_details, query_parameters=owner
    )
    details = await asyncio.to_thread(classic.list_recurring_details, owner)
    removed = await asyncio.to_thread(
        stored.delete_token_for_stored_payment_details, token, query_parameters=owner
    )
    with pytest.raises(Adyen.exceptions.AdyenAPIUnprocessableEntity) as caught:
        await asyncio.to_thread(payments.payments, charge_body(token))
    await twin.settle()

    assert charged.message["resultCode"] == "Authorised"
    assert with_shopper.message["resultCode"] == "RedirectShopper"
    assert [row["id"] for row in listed.message["storedPaymentMethods"]] == [token]
    (detail,) = details.message["details"]
    assert detail["RecurringDetail"]["recurringDetailReference"] == token
    assert removed.status_code == 204
    assert caught.value.error_code == "803"
    assert len(token_shop.received) == 3
    for webhook in token_shop.received:
        signature = webhook.headers["HmacSignature"]
        assert is_valid_hmac_payload(signature, OTHER_KEY, webhook.raw)
        assert not is_valid_hmac_payload(signature, KEY, webhook.raw)


async def test_errors_raise_the_librarys_own_exceptions(adyen: Any) -> None:
    api = adyen.checkout.payments_api
    with pytest.raises(Adyen.exceptions.AdyenAPIUnprocessableEntity) as caught:
        await asyncio.to_thread(api.payments, payment_body(returnUrl=None))

    assert caught.value.error_code == "14_030"

    api.client.xapikey = "wrong"
    with pytest.raises(Adyen.exceptions.AdyenAPIAuthenticationError):
        await asyncio.to_thread(api.payments, payment_body())
