"""Adyen's own Python library makes payments through Kasir: only its base URL and key change."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import Adyen
import pytest
import requests

from fakes import payment_body
from kasir.demo.client import JourneyClient
from kasir.demo.processes import RunningDemo


@pytest.fixture
def checkout(system: RunningDemo) -> Any:
    """The official client's Checkout API, with Kasir's base URL."""
    client = Adyen.Adyen(xapikey=system.api_key, platform="test")
    for api in (client.checkout.payments_api, client.checkout.payment_links_api):
        api.baseUrl = f"{system.kasir_url}/v72"
    return client.checkout


def new_reference() -> str:
    return f"LIB-{secrets.token_hex(6)}"


@pytest.mark.parametrize(
    ("do", "result", "status"),
    [
        ("approve", "Authorised", "authorised"),
        ("refuse", "Refused", "refused"),
        ("cancel", "Cancelled", "cancelled"),
    ],
)
async def test_the_library_completes_a_payment_through_kasir(
    checkout: Any, journey_client: JourneyClient, do: str, result: str, status: str
) -> None:
    api, reference = checkout.payments_api, new_reference()
    request = {
        "merchantAccount": "TwinMerchant",
        "countryCode": "ID",
        "amount": {"currency": "IDR", "value": 25_000},
        "channel": "Web",
    }
    methods = await asyncio.to_thread(api.payment_methods, request)
    body = payment_body(reference=reference)
    started = await asyncio.to_thread(api.payments, body, idempotency_key=reference)
    again = await asyncio.to_thread(api.payments, body, idempotency_key=reference)
    result_token = await journey_client.shopper(started.message["action"], do)
    details = {"details": {"redirectResult": result_token}}
    done = await asyncio.to_thread(api.payments_details, details)
    payment = await journey_client.status(reference, status)

    assert methods.message["paymentMethods"] == [{"name": "GoPay Wallet", "type": "gopay_wallet"}]
    assert started.message["resultCode"] == "RedirectShopper"
    # If the body has no pspReference, the library reads it from a header. It has 16 characters.
    assert len(started.psp) == 16
    assert (again.message, again.psp) == (started.message, started.psp)
    assert done.message["resultCode"] == result
    assert done.psp == payment["pspReference"]


async def test_the_library_creates_and_reads_and_expires_a_payment_link(
    checkout: Any, journey_client: JourneyClient
) -> None:
    api, reference = checkout.payment_links_api, new_reference()
    body = {
        "merchantAccount": "TwinMerchant",
        "reference": reference,
        "amount": {"currency": "IDR", "value": 25_000},
        "returnUrl": "https://shop.example/thanks",
    }
    link = await asyncio.to_thread(api.payment_links, body)
    link_id = link.message["id"]
    form = await asyncio.to_thread(requests.get, link.message["url"], timeout=10)
    read = await asyncio.to_thread(api.get_payment_link, link_id)
    withdrawn = await asyncio.to_thread(api.update_payment_link, {"status": "expired"}, link_id)
    expired_form = await asyncio.to_thread(requests.get, link.message["url"], timeout=10)

    assert link.message["status"] == "active"
    assert form.status_code == 200
    assert "Rp25.000" in form.text
    assert read.message == link.message
    assert withdrawn.message == link.message | {"status": "expired"}
    assert expired_form.status_code == 410


async def test_the_library_requests_a_refund(
    checkout: Any, journey_client: JourneyClient, system: RunningDemo
) -> None:
    reference = new_reference()
    api = Adyen.Adyen(xapikey=system.api_key, platform="test").checkout.modifications_api
    api.baseUrl = f"{system.kasir_url}/v72"
    started = await asyncio.to_thread(
        checkout.payments_api.payments, payment_body(reference=reference)
    )
    await journey_client.shopper(started.message["action"], "approve_without_return")
    paid = await journey_client.status(reference, "authorised")
    body = {"merchantAccount": "TwinMerchant", "amount": {"currency": "IDR", "value": 10_000}}
    refund = await asyncio.to_thread(
        api.refund_captured_payment, body, paid["pspReference"], idempotency_key=f"R-{reference}"
    )

    assert refund.status_code == 201
    assert refund.message["status"] == "received"
    assert refund.message["paymentPspReference"] == paid["pspReference"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"returnUrl": None}, "14_030"),
        ({"reference": None}, "130"),
        ({"paymentMethod": None}, "14_006"),
        ({"browserInfo": None}, "187"),
        ({"paymentMethod": {"type": "scheme"}}, "187"),
        ({"amount": {"currency": "IDR", "value": 1.5}}, "137"),
    ],
)
async def test_an_invalid_request_raises_the_librarys_own_exception(
    checkout: Any, changes: dict[str, Any], code: str
) -> None:
    body = payment_body(**({"reference": new_reference()} | changes))
    with pytest.raises(Adyen.exceptions.AdyenAPIUnprocessableEntity) as caught:
        await asyncio.to_thread(checkout.payments_api.payments, body)

    assert (caught.value.status_code, caught.value.error_code) == (422, code)


async def test_another_merchant_account_raises_the_librarys_own_exception(checkout: Any) -> None:
    body = payment_body(merchantAccount="Another")
    with pytest.raises(Adyen.exceptions.AdyenAPIInvalidPermission) as caught:
        await asyncio.to_thread(checkout.payments_api.payments, body)

    assert (caught.value.status_code, caught.value.error_code) == (403, "901")


async def test_a_wrong_key_raises_the_librarys_own_exception(checkout: Any) -> None:
    checkout.payments_api.client.xapikey = "wrong"
    with pytest.raises(Adyen.exceptions.AdyenAPIAuthenticationError) as caught:
        await asyncio.to_thread(checkout.payments_api.payments, payment_body())

    assert caught.value.status_code == 401


async def test_a_reused_key_with_another_body_raises_the_librarys_own_exception(
    checkout: Any,
) -> None:
    api, reference = checkout.payments_api, new_reference()
    body = payment_body(reference=reference)
    other = body | {"amount": {"currency": "IDR", "value": 1}}
    await asyncio.to_thread(api.payments, body, idempotency_key=reference)
    with pytest.raises(Adyen.exceptions.AdyenAPIUnprocessableEntity) as caught:
        await asyncio.to_thread(api.payments, other, idempotency_key=reference)

    assert caught.value.error_code == "704"
