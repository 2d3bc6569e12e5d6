"""The Management API configures webhooks, and shows the credential and the account."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import Adyen
import pytest
from aiohttp import encode_basic_auth

from adyen_twin.protocol import signing
from twin_fixtures import (
    KEY,
    Answer,
    RunningTwin,
    Shop,
    charge_body,
    listening,
    payment_body,
    twin,
)

__all__ = ["twin"]

WEBHOOKS = "/v3/merchants/TwinMerchant/webhooks"
#: A complete request to create a webhook.
WHOLE = {
    "type": "standard",
    "url": "http://127.0.0.1:9/webhooks",
    "active": True,
    "communicationFormat": "json",
}


async def manage(twin: RunningTwin, method: str, path: str, body: Any = None) -> Answer:
    """Call the Management API; `path` is added to WEBHOOKS."""
    return await twin.api(WEBHOOKS + path, body, method=method)


def new_webhook(shop: Shop, **changes: Any) -> dict[str, Any]:
    """Return a request to create the standard webhook."""
    return WHOLE | {"url": shop.url} | changes


async def test_a_webhook_is_created_signed_tested_and_deleted(twin: RunningTwin) -> None:
    async with listening() as shop:
        created = (await manage(twin, "POST", "", new_webhook(shop))).body
        path = f"/{created['id']}"
        await twin.paid()
        key = (await manage(twin, "POST", f"{path}/generateHmac")).body["hmacKey"]
        await twin.paid()
        await twin.settle()
        tested = (await manage(twin, "POST", f"{path}/test", {"types": ["AUTHORISATION"]})).body
        listed = (await manage(twin, "GET", "")).body
        await manage(twin, "PATCH", path, {"active": False})
        await twin.paid()
        deleted = await manage(twin, "DELETE", path)
        await twin.settle()

    unsigned, signed, *tests = [webhook.item for webhook in shop.received]
    assert "hmacSignature" not in unsigned["additionalData"]
    assert signed["additionalData"]["hmacSignature"] == signing.sign_item(signed, key)
    # A test sends four notifications: success and failure, each in two currencies.
    assert [row["status"] for row in tested["data"]] == ["success"] * 4
    assert len(tests) == 4
    (row,) = listed["data"]
    assert "hmacKeyCheckValue" not in created
    assert {**row, "hmacKeyCheckValue": None} == {**created, "hmacKeyCheckValue": None}
    assert deleted.status == 204
    assert (await manage(twin, "GET", path)).status == 404
    assert (await manage(twin, "GET", "")).body["itemsTotal"] == 0


async def test_the_control_and_the_management_api_change_the_same_webhook(
    twin: RunningTwin,
) -> None:
    async with listening() as shop:
        endpoint = {"url": shop.url, "hmacKey": None, "username": "u", "password": "p"}
        await twin.control("PUT", "webhooks/standard", endpoint)
        (reply,) = (await manage(twin, "GET", "")).body["data"]
        settings = {"additionalSettings": {"includeEventCodes": ["RECURRING_CONTRACT"]}}
        changed = (await manage(twin, "PATCH", f"/{reply['id']}", settings)).body
        settings_of_control = await manage(twin, "GET", f"/{reply['id']}")

    assert (reply["username"], reply["hasPassword"]) == ("u", True)
    assert reply["additionalSettings"] == {"includeEventCodes": ["OFFER_CLOSED"]}
    assert changed["additionalSettings"] == {"includeEventCodes": ["RECURRING_CONTRACT"]}
    assert settings_of_control.body == changed
    # The knob is the default of the control's webhook; the API changes only the webhook.
    assert (await twin.control("GET", "knobs"))["extraEvents"] == ["OFFER_CLOSED"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", {"type": "standard"}, 422),
        ("POST", "", b"{", 400),
        ("POST", "", {"type": "report-notification", "url": "http://s/"}, 422),
        ("POST", "", {**WHOLE, "type": "no-such-notification"}, 422),
        ("POST", "", {**WHOLE, "communicationFormat": "xml"}, 422),
        ("POST", "", {**WHOLE, "username": "u" * 256}, 422),
        ("POST", "", {**WHOLE, "hmacKey": "0" * 64}, 422),
        ("GET", "?pageSize=0", None, 422),
        ("GET", "?pageSize=101", None, 422),
        ("GET", "?pageNumber=first", None, 422),
        ("PATCH", "/S2-0", {"active": False}, 404),
        ("DELETE", "/S2-0", None, 404),
        (
            "POST",
            "",
            {"type": "standard", "url": "shop", "active": True, "communicationFormat": "json"},
            422,
        ),
        ("GET", "/S2-0", None, 404),
        ("POST", "/S2-0/test", {"types": []}, 404),
    ],
)
async def test_an_error_has_the_format_of_rfc_7807(
    twin: RunningTwin, method: str, path: str, body: Any, status: int
) -> None:
    answer = await manage(twin, method, path, body)

    assert answer.status == status, answer.text
    assert answer.body["status"] == status
    assert (await manage(twin, "GET", "")).body["itemsTotal"] == 0


async def test_the_api_key_and_the_merchant_account_are_checked(twin: RunningTwin) -> None:
    other_account = await twin.api("/v3/merchants/Another/webhooks", None, method="GET")
    without_key = await twin.call("GET", WEBHOOKS)

    assert (other_account.status, without_key.status) == (403, 401)


async def test_each_webhook_gets_the_events_it_includes_with_its_own_password_and_key(
    twin: RunningTwin,
) -> None:
    async with listening() as first_shop, listening() as second_shop:
        codes = {"includeEventCodes": ["OFFER_CLOSED"], "properties": {"addAcquirerResult": True}}
        first = new_webhook(first_shop, username="ada", password="secret", additionalSettings=codes)
        first_id = (await manage(twin, "POST", "", first)).body["id"]
        second = (await manage(twin, "POST", "", new_webhook(second_shop))).body
        key = (await manage(twin, "POST", f"/{first_id}/generateHmac")).body["hmacKey"]
        await twin.pay()
        await twin.settle(3600)  # The offer expires.
        await twin.paid()
        await twin.settle()
        shown = (await manage(twin, "GET", f"/{first_id}")).body

    assert [code for code, _ in first_shop.events] == ["OFFER_CLOSED", "AUTHORISATION"]
    assert [code for code, _ in second_shop.events] == ["AUTHORISATION"]
    assert first_shop.received[0].headers["Authorization"] == encode_basic_auth("ada", "secret")
    assert "Authorization" not in second_shop.received[0].headers
    item = first_shop.received[1].item
    assert item["additionalData"]["hmacSignature"] == signing.sign_item(item, key)
    assert second["additionalSettings"] == {"includeEventCodes": []}
    assert shown["additionalSettings"] == codes
    assert "password" not in shown


async def test_only_a_standard_webhook_gets_the_events_of_payments(twin: RunningTwin) -> None:
    async with listening() as shop:
        other = new_webhook(shop, type="rreq-notification", description="not for payments")
        created = await manage(twin, "POST", "", other)
        await twin.paid()
        await twin.settle()

    assert (created.status, created.body["description"]) == (200, "not for payments")
    assert shop.received == []


async def test_the_list_of_webhooks_has_pages_and_an_end(twin: RunningTwin) -> None:
    answers = [await manage(twin, "POST", "", WHOLE) for _ in range(7)]
    page = (await manage(twin, "GET", "?pageNumber=2&pageSize=4")).body

    assert [answer.status for answer in answers] == [200] * 6 + [422]
    assert len({answer.body["id"] for answer in answers[:6]}) == 6
    assert (page["itemsTotal"], page["pagesTotal"], len(page["data"])) == (6, 2, 2)
    assert page["_links"].keys() == {"self", "first", "last", "prev"}


@pytest.mark.parametrize(
    ("mistake", "repair"),
    [
        ({"active": False}, {"active": True}),
        (
            {"includeEventCodes": []},
            {"additionalSettings": {"includeEventCodes": ["OFFER_CLOSED"]}},
        ),
        ({"communicationFormat": "http"}, {"communicationFormat": "json"}),
        ({"communicationFormat": "soap"}, {"communicationFormat": "json"}),
        ({"url": "http://127.0.0.1:9/wrong"}, {"url": None}),
    ],
    ids=str,
)
async def test_a_mistake_made_by_the_control_shows_in_the_management_api_and_is_repaired_there(
    twin: RunningTwin, mistake: dict[str, Any], repair: dict[str, Any]
) -> None:
    async with listening() as shop:
        settings = {"url": shop.url, "hmacKey": KEY} | mistake
        await twin.control("PUT", "webhooks/standard", settings)
        await twin.pay()
        await twin.settle(3600)
        before = [webhook.raw for webhook in shop.received]
        (shown,) = (await manage(twin, "GET", "")).body["data"]
        values = {name: shop.url if value is None else value for name, value in repair.items()}
        await manage(twin, "PATCH", f"/{shown['id']}", values)
        await twin.pay()
        await twin.settle(3600)

    shown_mistake = {**shown, **shown["additionalSettings"]}
    assert {name: shown_mistake[name] for name in mistake} == mistake
    assert not any(raw.startswith(b"{") for raw in before)
    assert shop.received[-1].item["eventCode"] == "OFFER_CLOSED"


async def test_a_webhook_as_form_fields_and_as_soap_has_the_same_values(twin: RunningTwin) -> None:
    async with listening() as shop:
        for communication_format in ("http", "soap"):
            settings = {"url": shop.url, "hmacKey": KEY}
            settings |= {"communicationFormat": communication_format}
            await twin.control("PUT", "webhooks/standard", settings)
            await twin.paid(reference="A & B", metadata={"cart": "7"})
            await twin.settle()

    form, soap = shop.received
    fields = dict(parse_qsl(form.raw.decode()))
    assert form.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert (fields["merchantReference"], fields["value"], fields["currency"], fields["live"]) == (
        "A & B",
        "25000",
        "IDR",
        "false",
    )
    assert fields["additionalData.metadata.cart"] == "7"
    assert soap.headers["Content-Type"] == "text/xml; charset=utf-8"
    texts = {
        element.tag.rpartition("}")[2]: element.text for element in ET.fromstring(soap.raw).iter()
    }
    assert (texts["merchantReference"], texts["value"], texts["success"]) == (
        "A & B",
        "25000",
        "true",
    )


async def test_a_custom_test_notification_has_the_given_fields(twin: RunningTwin) -> None:
    notification = {
        "amount": {"currency": "IDR", "value": 7},
        "eventCode": "REPORT_AVAILABLE",
        "merchantReference": "setup-1",
        "success": False,
    }
    async with listening() as shop:
        created = (await manage(twin, "POST", "", new_webhook(shop))).body
        path = f"/{created['id']}/test"
        shop.answers = [500]
        body = {"types": ["CUSTOM"], "notification": notification}
        tested = (await manage(twin, "POST", path, body)).body
        without = await manage(twin, "POST", path, {"types": ["CUSTOM"]})
        unknown = await manage(twin, "POST", path, {"types": ["OFFER_CLOSED"]})

    (row,) = tested["data"]
    (webhook,) = shop.received
    assert (row["status"], row["responseCode"]) == ("failed", "500")
    assert row["requestSent"] == webhook.raw.decode()
    assert (webhook.item["eventCode"], webhook.item["success"]) == ("REPORT_AVAILABLE", "false")
    assert (webhook.item["amount"], webhook.item["merchantReference"]) == (
        notification["amount"],
        "setup-1",
    )
    assert (without.status, unknown.status) == (422, 422)


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("Management API—Account read", "GET", "", 200),
        ("Management API—Webhooks read", "GET", "/webhooks", 200),
        ("Management API—Webhooks read and write", "GET", "/webhooks", 200),
        ("Management API—Webhooks read and write", "POST", "/webhooks", 422),
        ("Management API—Payment methods read", "GET", "/paymentMethodSettings", 200),
        ("Management API—Payment methods read and write", "GET", "/paymentMethodSettings", 200),
    ],
)
async def test_a_call_without_its_role_is_refused(
    twin: RunningTwin, role: str, method: str, path: str, status: int
) -> None:
    address = f"/v3/merchants/TwinMerchant{path}"
    await twin.control("PUT", "knobs", {"roles": [role]})
    allowed = await twin.api(address, {}, method=method)
    me = (await twin.api("/v3/me", None, method="GET")).body
    await twin.control("PUT", "knobs", {"roles": ["Checkout webservice role"]})
    refused = await twin.api(address, {}, method=method)
    me_refused = await twin.api("/v3/me", None, method="GET")

    assert allowed.status == status
    assert me["roles"] == [role]
    assert (refused.status, refused.body["errorCode"]) == (403, "010")
    assert me_refused.status == 403


async def test_reading_webhooks_does_not_allow_changing_them(twin: RunningTwin) -> None:
    await twin.control("PUT", "knobs", {"roles": ["Management API—Webhooks read"]})
    answer = await manage(twin, "POST", "", WHOLE)

    assert answer.status == 403
    assert "Management API—Webhooks read and write" in answer.body["detail"]


async def test_payments_and_tokens_need_their_roles(twin: RunningTwin) -> None:
    saving = {
        "storePaymentMethod": True,
        "shopperReference": "shopper-1",
        "recurringProcessingModel": "Subscription",
    }
    token = await twin.saved()
    shopper = "merchantAccount=TwinMerchant&shopperReference=shopper-1"
    await twin.control("PUT", "knobs", {"roles": ["Checkout webservice role"]})
    answers = [
        await twin.api("/v72/payments", payment_body()),
        await twin.api("/v72/payments", payment_body(**saving)),
        await twin.api("/v72/payments", charge_body(token)),
        await twin.api(f"/v72/storedPaymentMethods?{shopper}", None, method="GET"),
    ]
    await twin.control("PUT", "knobs", {"roles": []})
    without = await twin.api("/v72/payments", payment_body())

    assert [answer.status for answer in answers] == [200, 403, 403, 403]
    assert (without.status, without.body["errorCode"]) == (403, "010")


async def test_the_credential_is_refused_from_an_address_that_is_not_allowed(
    twin: RunningTwin,
) -> None:
    await twin.control("PUT", "knobs", {"allowedOrigins": ["https://shop.example"]})
    await twin.control("PUT", "knobs", {"allowedIpAddresses": ["127.0.0.1"]})
    me = (await twin.api("/v3/me", None, method="GET")).body
    await twin.control("PUT", "knobs", {"allowedIpAddresses": ["192.0.2.1"]})
    refused = await twin.api("/v3/me", None, method="GET")

    assert me["allowedIpAddresses"] == ["127.0.0.1"]
    assert [origin["domain"] for origin in me["allowedOrigins"]] == ["https://shop.example"]
    assert refused.status == 401


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({}, "immediate"),
        ({"captureDelay": "3"}, "3"),
        ({"capture": "manual"}, "manual"),
        ({"capture": "manual", "captureDelay": "3"}, "manual"),
    ],
)
async def test_the_merchant_account_has_its_capture_delay_and_live_prefix(
    twin: RunningTwin, knobs: dict[str, str], expected: str
) -> None:
    more = {"livePrefix": "1797a841fbb37ca7-Twin", "accountStatus": "PreActive"}
    await twin.control("PUT", "knobs", knobs | more)
    account = (await twin.api("/v3/merchants/TwinMerchant", None, method="GET")).body

    assert (account["captureDelay"], account["status"]) == (expected, "PreActive")
    assert account["dataCenters"] == [{"name": "default", "livePrefix": "1797a841fbb37ca7-Twin"}]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("enabled", [("gopay_wallet", True, True), ("dana", True, True)]),
        ("disabled", [("gopay_wallet", False, True), ("dana", True, True)]),
        ("pending", [("gopay_wallet", True, False), ("dana", True, True)]),
        ("absent", [("dana", True, True)]),
    ],
)
async def test_the_settings_of_payment_methods_list_gopay_as_its_knob_says(
    twin: RunningTwin, setting: str, expected: list[tuple[str, bool, bool]]
) -> None:
    await twin.control("PUT", "knobs", {"gopaySetting": setting, "alsoListed": ["dana"]})
    path = "/v3/merchants/TwinMerchant/paymentMethodSettings"
    listed = (await twin.api(path, None, method="GET")).body

    rows = [(row["type"], row["enabled"], row["allowed"]) for row in listed["data"]]
    assert rows == expected


async def test_adyens_library_can_configure_the_webhook(twin: RunningTwin) -> None:
    client: Any = Adyen.Adyen(xapikey="twin-api-key", platform="test")
    management = client.management
    api = management.webhooks_merchant_level_api
    accounts = management.account_merchant_level_api
    methods = management.payment_methods_merchant_level_api
    me_api = management.my_api_credential_api
    for one in (api, accounts, methods, me_api):
        one.baseUrl = f"{twin.url}/v3"
    account = "TwinMerchant"
    async with listening() as shop:

        def set_up() -> list[Any]:
            created = api.set_up_webhook(new_webhook(shop), account).message
            webhook_id = created["id"]
            return [
                me_api.get_api_credential_details().message,
                accounts.get_merchant_account(account).message,
                methods.get_all_payment_methods(account).message,
                api.update_webhook({"active": False}, account, webhook_id).message,
                api.list_all_webhooks(account).message,
                api.generate_hmac_key(account, webhook_id).message,
                api.test_webhook({"types": ["AUTHORISATION"]}, account, webhook_id).message,
            ]

        me, merchant, listed_methods, changed, listed, key, tested = await asyncio.to_thread(set_up)

    assert me["active"] is True
    assert merchant["captureDelay"] == "immediate"
    assert [row["type"] for row in listed_methods["data"]] == ["gopay_wallet"]
    assert changed["active"] is False
    assert listed["data"] == [changed]
    assert len(bytes.fromhex(key["hmacKey"])) == 32
    assert [row["status"] for row in tested["data"]] == ["success"] * 4
    assert len(shop.received) == 4
