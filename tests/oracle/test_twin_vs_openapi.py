"""The twin's answers and webhooks are what Adyen's OpenAPI files say they are."""

import pytest

from twin_fixtures import Shop, TwinAtWork, payment_body, shop, twin
from twin_openapi import needs_openapi, reply_faults, webhook_faults

__all__ = ["shop", "twin"]

pytestmark = needs_openapi


def checkout(version: int) -> str:
    return f"CheckoutService-v{version}"


@pytest.mark.parametrize("version", [71, 72])
async def test_the_methods_listed(twin: TwinAtWork, version: int) -> None:
    asked = {
        "merchantAccount": "TwinMerchant",
        "countryCode": "ID",
        "amount": {"currency": "IDR", "value": 25000},
        "channel": "Web",
    }
    answer = await twin.api(f"/v{version}/paymentMethods", asked)

    assert reply_faults(checkout(version), "/paymentMethods", "post", 200, answer.body) == []


@pytest.mark.parametrize("version", [71, 72])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_redirect(twin: TwinAtWork, version: int, method: str) -> None:
    body = payment_body(redirectToIssuerMethod=method)
    answer = await twin.api(f"/v{version}/payments", body)

    assert reply_faults(checkout(version), "/payments", "post", 200, answer.body) == []
    assert answer.body["action"]["method"] == method


@pytest.mark.parametrize("deed", ["approve", "refuse", "cancel"])
async def test_details_and_authorisation(twin: TwinAtWork, shop: Shop, deed: str) -> None:
    url = await twin.pay(metadata={"basket": "7"})
    answer = await twin.details((await twin.shopper(url, deed))["location"])
    await twin.settle()

    assert reply_faults(checkout(72), "/payments/details", "post", 200, answer.body) == []
    assert [webhook_faults(webhook.body) for webhook in shop.received] == [[]]


async def test_the_closed_offer(twin: TwinAtWork, shop: Shop) -> None:
    await twin.pay()
    await twin.settle(3600)

    assert shop.said == [("OFFER_CLOSED", "true")]
    assert [webhook_faults(webhook.body) for webhook in shop.received] == [[]]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (payment_body(merchantAccount="Another"), 403),
        (payment_body(reference=None), 422),
        (payment_body(paymentMethod={"type": "dana"}), 500),
    ],
)
async def test_errors(twin: TwinAtWork, body: object, status: int) -> None:
    answer = await twin.api("/v72/payments", body)

    assert answer.status == status
    assert reply_faults(checkout(72), "/payments", "post", status, answer.body) == []
