"""The Management API configures the standard webhook."""

from __future__ import annotations

import asyncio
from typing import Any

import Adyen
import pytest

from adyen_twin.protocol import signing
from twin_fixtures import Answer, RunningTwin, Shop, listening, twin

__all__ = ["twin"]

WEBHOOKS = "/v3/merchants/TwinMerchant/webhooks"


async def manage(twin: RunningTwin, method: str, path: str, body: Any = None) -> Answer:
    """Call the Management API; `path` is added to WEBHOOKS."""
    return await twin.api(WEBHOOKS + path, body, method=method)


def new_webhook(shop: Shop, **changes: Any) -> dict[str, Any]:
    """Return a request to create the standard webhook."""
    body = {"type": "standard", "url": shop.url, "active": True, "communicationFormat": "json"}
    return body | changes


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
    assert listed["data"] == [created]
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
        second = await manage(twin, "POST", "", new_webhook(shop))

    assert (reply["username"], reply["hasPassword"]) == ("u", True)
    assert changed["additionalSettings"] == {"includeEventCodes": ["RECURRING_CONTRACT"]}
    assert (await twin.control("GET", "knobs"))["extraEvents"] == ["RECURRING_CONTRACT"]
    assert second.status == 422


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", {"type": "standard"}, 422),
        ("POST", "", b"{", 400),
        ("POST", "", {"type": "report-notification", "url": "http://s/"}, 422),
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


async def test_adyens_library_can_configure_the_webhook(twin: RunningTwin) -> None:
    client: Any = Adyen.Adyen(xapikey="twin-api-key", platform="test")
    api = client.management.webhooks_merchant_level_api
    api.baseUrl = client.management.my_api_credential_api.baseUrl = f"{twin.url}/v3"
    async with listening() as shop:
        me = await asyncio.to_thread(
            client.management.my_api_credential_api.get_api_credential_details
        )
        created = await asyncio.to_thread(api.set_up_webhook, new_webhook(shop), "TwinMerchant")
        key = await asyncio.to_thread(api.generate_hmac_key, "TwinMerchant", created.message["id"])

    assert me.message["active"] is True
    assert len(bytes.fromhex(key.message["hmacKey"])) == 32
