"""The twin's answers and webhooks match Adyen's OpenAPI files.

The functions `..._faults` return the errors of an answer or a webhook under its schema.
"""

from __future__ import annotations

from typing import Any

import pytest

from twin_fixtures import RunningTwin, Shop, charge_body, payment_body, shop, token_shop, twin
from twin_openapi import needs_openapi, reply_faults, token_webhook_faults, webhook_faults

__all__ = ["shop", "token_shop", "twin"]

pytestmark = needs_openapi


def checkout(version: int) -> str:
    """The name of the OpenAPI file of this version of the Checkout API."""
    return f"CheckoutService-v{version}"


@pytest.mark.parametrize("version", [71, 72])
async def test_the_list_of_payment_methods_matches(twin: RunningTwin, version: int) -> None:
    request = {
        "merchantAccount": "TwinMerchant",
        "countryCode": "ID",
        "amount": {"currency": "IDR", "value": 25000},
        "channel": "Web",
    }
    answer = await twin.api(f"/v{version}/paymentMethods", request)

    assert reply_faults(checkout(version), "/paymentMethods", "post", 200, answer.body) == []


@pytest.mark.parametrize("version", [71, 72])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_redirect_matches(twin: RunningTwin, version: int, method: str) -> None:
    body = payment_body(redirectToIssuerMethod=method)
    answer = await twin.api(f"/v{version}/payments", body)

    assert reply_faults(checkout(version), "/payments", "post", 200, answer.body) == []
    assert answer.body["action"]["method"] == method


@pytest.mark.parametrize("action", ["approve", "refuse", "cancel"])
async def test_details_and_the_authorisation_webhook_match(
    twin: RunningTwin, shop: Shop, action: str
) -> None:
    url = await twin.pay(metadata={"basket": "7"})
    answer = await twin.details((await twin.shopper(url, action))["location"])
    await twin.settle()

    assert reply_faults(checkout(72), "/payments/details", "post", 200, answer.body) == []
    assert [webhook_faults(webhook.body) for webhook in shop.received] == [[]]


async def test_the_webhook_of_a_closed_offer_matches(twin: RunningTwin, shop: Shop) -> None:
    await twin.pay()
    await twin.settle(3600)  # In this hour the time to pay ends.

    assert shop.events == [("OFFER_CLOSED", "true")]
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
async def test_errors_match(twin: RunningTwin, body: object, status: int) -> None:
    answer = await twin.api("/v72/payments", body)

    assert answer.status == status
    assert reply_faults(checkout(72), "/payments", "post", status, answer.body) == []


MODIFICATION_PATH = "/payments/{paymentPspReference}/"


@pytest.mark.parametrize("version", [71, 72])
@pytest.mark.parametrize("call", ["captures", "refunds", "cancels", "reversals"])
async def test_modifications_match(twin: RunningTwin, shop: Shop, version: int, call: str) -> None:
    psp_reference = await twin.paid()
    body: dict[str, Any] = {"merchantAccount": "TwinMerchant", "reference": "M-1"}
    if call in ("captures", "refunds"):
        body |= {"amount": {"currency": "IDR", "value": 25000}}
    answer = await twin.api(f"/v{version}/payments/{psp_reference}/{call}", body)
    await twin.settle(2)

    path = MODIFICATION_PATH + call
    assert reply_faults(checkout(version), path, "post", 201, answer.body) == []
    assert [webhook_faults(webhook.body) for webhook in shop.received] == [[], []]


@pytest.mark.parametrize("reference", ["ORDER-1001", "UNKNOWN"])
async def test_a_cancel_by_reference_matches(twin: RunningTwin, shop: Shop, reference: str) -> None:
    await twin.pay()
    body = {"merchantAccount": "TwinMerchant", "paymentReference": reference}
    answer = await twin.api("/v72/cancels", body)
    await twin.settle(2)

    assert reply_faults(checkout(72), "/cancels", "post", 201, answer.body) == []
    assert [webhook_faults(webhook.body) for webhook in shop.received] == [[]]


async def test_webhooks_of_later_failures_and_expiries_match(twin: RunningTwin, shop: Shop) -> None:
    faults = [
        {"fault": "refund_fails_later", "reference": "A"},
        {"fault": "refund_fails_later", "reference": "B", "eventCode": "REFUNDED_REVERSED"},
        {"fault": "capture_fails_later", "reference": "C"},
        {"fault": "false_then_true", "reference": "D"},
    ]
    await twin.control("PUT", "faults", faults)
    body = {"merchantAccount": "TwinMerchant", "amount": {"currency": "IDR", "value": 25000}}
    for reference in "ABCD":
        psp_reference = await twin.paid(reference=reference)
        await twin.api(f"/v72/payments/{psp_reference}/refunds", body)
    await twin.control("PUT", "knobs", {"capture": "manual"})
    await twin.paid(reference="E")
    await twin.settle(30 * 24 * 3600)  # 30 days: the uncaptured payment expires.

    codes = {code for code, _ in shop.events}
    assert {"REFUND_FAILED", "REFUNDED_REVERSED", "CAPTURE_FAILED", "EXPIRE"} <= codes
    assert [webhook_faults(webhook.body) for webhook in shop.received] == [[]] * len(shop.events)


@pytest.mark.parametrize("version", [71, 72])
async def test_payments_with_a_token_match(twin: RunningTwin, shop: Shop, version: int) -> None:
    await twin.control("PUT", "knobs", {"tokensCharged": "both"})
    token = await twin.saved()
    answers = []
    for model, state in (("Subscription", "ok"), ("Subscription", "blocked"), ("CardOnFile", "ok")):
        await twin.control("PUT", "wallets/shopper-1", {"state": state})
        answers.append(await twin.api(f"/v{version}/payments", charge_body(token, model)))
    await twin.settle()

    name = checkout(version)
    result_codes = [answer.body["resultCode"] for answer in answers]
    assert result_codes == ["Authorised", "Refused", "RedirectShopper"]
    for answer in answers:
        assert reply_faults(name, "/payments", "post", 200, answer.body) == []
    assert [webhook_faults(webhook.body) for webhook in shop.received] == [[]] * 3


async def test_token_webhooks_match(twin: RunningTwin, shop: Shop, token_shop: Shop) -> None:
    knobs = {"extraEvents": ["RECURRING_CONTRACT"], "tokensInAuthorisation": True}
    await twin.control("PUT", "knobs", knobs)
    token = await twin.saved()
    await twin.saved()
    await twin.saved("CardOnFile")
    await twin.settle(60)
    await twin.control("POST", f"tokens/{token}", {"do": "disable"})
    await twin.settle()

    kinds = [webhook.body["type"].rpartition(".")[2] for webhook in token_shop.received]
    assert kinds == ["created", "alreadyExisting", "updated", "disabled"]
    assert [token_webhook_faults(webhook.body) for webhook in token_shop.received] == [[]] * 4
    assert [code for code, _ in shop.events].count("RECURRING_CONTRACT") == 1
    assert [webhook_faults(webhook.body) for webhook in shop.received] == [[]] * 4


@pytest.mark.parametrize("version", [71, 72])
async def test_the_lists_of_tokens_match(twin: RunningTwin, version: int) -> None:
    await twin.saved()
    account = {"merchantAccount": "TwinMerchant", "shopperReference": "shopper-1"}
    query = "merchantAccount=TwinMerchant&shopperReference=shopper-1"
    stored = await twin.api(f"/v{version}/storedPaymentMethods?{query}", None, method="GET")
    request = account | {"countryCode": "ID", "amount": {"currency": "IDR", "value": 1}}
    methods = await twin.api(f"/v{version}/paymentMethods", request | {"channel": "Web"})
    classic = "/pal/servlet/Recurring/v68"
    details = await twin.api(f"{classic}/listRecurringDetails", account)
    disabled = await twin.api(f"{classic}/disable", account)

    name, classic_name = checkout(version), "RecurringService-v68"
    assert len(stored.body["storedPaymentMethods"]) == 1
    assert len(methods.body["storedPaymentMethods"]) == 1
    assert len(details.body["details"]) == 1
    assert reply_faults(name, "/storedPaymentMethods", "get", 200, stored.body) == []
    assert reply_faults(name, "/paymentMethods", "post", 200, methods.body) == []
    assert reply_faults(classic_name, "/listRecurringDetails", "post", 200, details.body) == []
    assert reply_faults(classic_name, "/disable", "post", 200, disabled.body) == []


async def test_the_management_api_of_webhooks_matches(twin: RunningTwin, shop: Shop) -> None:
    name, path = "ManagementService-v3", "/merchants/{merchantId}/webhooks"
    whole = {
        "type": "standard",
        "url": "http://127.0.0.1:9/",
        "active": True,
        "communicationFormat": "json",
        "description": "the second one",
        "username": "u",
        "password": "p",
        "encryptionProtocol": "HTTP",
        "acceptsSelfSignedCertificate": True,
        "additionalSettings": {"includeEventCodes": [], "properties": {"addDisputeStatus": True}},
    }
    created = await twin.api("/v3/merchants/TwinMerchant/webhooks", whole)
    listed = await twin.api("/v3/merchants/TwinMerchant/webhooks", None, method="GET")
    url_path = f"/v3/merchants/TwinMerchant/webhooks/{listed.body['data'][0]['id']}"
    webhook = await twin.api(url_path, None, method="GET")
    key = await twin.api(f"{url_path}/generateHmac", {})
    tested = await twin.api(f"{url_path}/test", {"types": ["AUTHORISATION"]})
    invalid = await twin.api(f"{url_path}/test", {})
    forbidden = await twin.api("/v3/merchants/Another/webhooks", None, method="GET")

    webhook_path = f"{path}/{{webhookId}}"
    assert len(listed.body["data"]) == 2
    assert reply_faults(name, path, "post", 200, created.body) == []
    assert reply_faults(name, path, "get", 200, listed.body) == []
    assert reply_faults(name, webhook_path, "get", 200, webhook.body) == []
    assert reply_faults(name, f"{webhook_path}/generateHmac", "post", 200, key.body) == []
    assert reply_faults(name, f"{webhook_path}/test", "post", 200, tested.body) == []
    assert reply_faults(name, f"{webhook_path}/test", "post", 422, invalid.body) == []
    assert reply_faults(name, path, "get", 403, forbidden.body) == []


async def test_the_management_api_of_accounts_matches(twin: RunningTwin) -> None:
    name, account = "ManagementService-v3", "/merchants/TwinMerchant"
    knobs = {"allowedOrigins": ["https://shop.example"], "alsoListed": ["dana"]}
    await twin.control("PUT", "knobs", knobs | {"livePrefix": "1797a841fbb37ca7-Twin"})
    me = await twin.api("/v3/me", None, method="GET")
    merchant = await twin.api(f"/v3{account}", None, method="GET")
    methods = await twin.api(f"/v3{account}/paymentMethodSettings", None, method="GET")

    path = "/merchants/{merchantId}"
    assert len(methods.body["data"]) == 2
    assert reply_faults(name, "/me", "get", 200, me.body) == []
    assert reply_faults(name, path, "get", 200, merchant.body) == []
    assert reply_faults(name, f"{path}/paymentMethodSettings", "get", 200, methods.body) == []
