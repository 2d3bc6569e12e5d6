"""The shop gets an answer in Adyen's format even if a proxy answered Kasir, not Adyen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from app_client import app_client
from fake_server import FakeServer, plain, serving
from fakes import payment_body
from opened_kasir import kasir_on

#: A proxy's page.
HTML: Final = b"<html><h1>No way through</h1></html>"
#: Adyen's answer to an invalid API key.
UNAUTHORIZED: Final = (
    b'{ "status":401,"errorCode":"000","errorType":"security",'
    b'"message":"HTTP Status Response - Unauthorized" }'
)
LIST_TOKENS: Final = "/v72/storedPaymentMethods?shopperReference=shopper-1"
CLASSIC_LIST_TOKENS: Final = "/pal/servlet/Recurring/v68/listRecurringDetails"


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop that calls a Kasir in front of a fake of Adyen."""

    fake_server: FakeServer
    http: httpx.AsyncClient

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call Kasir with a valid API key; `_` in a header's name becomes `-`."""
        sent_headers = {name.replace("_", "-"): text for name, text in headers.items()}
        response = await self.http.request(
            method, path, json=body, headers={"X-API-Key": "shop-key", **sent_headers}
        )
        assert response.headers["content-type"].split(";")[0] == "application/json"
        return response

    async def pay(self, key: str) -> Any:
        """Start a payment with an idempotency key."""
        return await self.call("POST", "/v72/payments", payment_body(), idempotency_key=key)

    async def status(self, reference: str = "ORDER-1001") -> str:
        """The status of the only payment with a reference."""
        found = (await self.call("GET", f"/api/payments?reference={reference}")).json()
        (payment,) = found["payments"]
        return str(payment["status"])


@pytest.fixture
async def shop(fresh_database: str) -> AsyncIterator[Shop]:
    """Kasir's app in this process, between a shop and a fake of Adyen."""
    async with (
        serving() as fake_server,
        kasir_on(fresh_database, ADYEN_TWIN_URL=fake_server.url, KASIR_API_KEY="shop-key") as kasir,
        app_client(kasir) as http,
    ):
        yield Shop(fake_server, http)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v72/paymentMethods", {"channel": "Web"}),
        ("GET", LIST_TOKENS, None),
        ("DELETE", "/v72/storedPaymentMethods/TOKEN?shopperReference=shopper-1", None),
        ("POST", CLASSIC_LIST_TOKENS, {"shopperReference": "shopper-1"}),
    ],
)
async def test_an_answer_not_from_adyen_is_returned_in_adyens_format(
    shop: Shop, method: str, path: str, body: Any
) -> None:
    shop.fake_server.handler = plain(404, HTML, pspReference="PSP-1")
    not_found = await shop.call(method, path, body)
    shop.fake_server.handler = plain(502, HTML)
    bad_gateway = await shop.call(method, path, body)
    shop.fake_server.handler = plain(200, HTML)
    not_json = await shop.call(method, path, body)

    assert not_found.json() == {
        "status": 404,
        "errorCode": "000",
        "message": not_found.json()["message"],
        "errorType": "configuration",
        "pspReference": "PSP-1",
    }
    assert "404" in not_found.json()["message"]
    assert "html" not in not_found.text
    # The outcome is unknown, so the shop must retry.
    for response, status in ((bad_gateway, 502), (not_json, 200)):
        assert response.status_code == response.json()["status"] == 503
        assert (response.json()["errorCode"], response.headers["transient-error"]) == (
            "703",
            "true",
        )
        assert str(status) in response.json()["message"]


async def test_a_payment_answered_502_by_a_proxy_is_unknown(shop: Shop) -> None:
    shop.fake_server.handler = plain(502, HTML)
    response = await shop.pay("key-1")

    assert (response.status_code, response.json()["errorCode"]) == (503, "703")
    assert response.headers["transient-error"] == "true"
    assert await shop.status() == "unknown"


async def test_a_payment_answered_404_by_a_proxy_has_failed_and_a_retry_returns_the_same(
    shop: Shop,
) -> None:
    shop.fake_server.handler = plain(404, HTML)
    response = await shop.pay("key-1")
    again = await shop.pay("key-1")

    assert (response.status_code, response.json()["errorType"]) == (404, "configuration")
    assert again.content == response.content
    assert len(shop.fake_server.asked) == 1
    assert await shop.status() == "failed"


@pytest.mark.parametrize("status", [401, 403])
async def test_a_401_or_403_of_a_proxy_is_answered_with_the_setting_of_the_key(
    shop: Shop, status: int
) -> None:
    shop.fake_server.handler = plain(status, HTML)
    response = await shop.pay("key-1")

    assert (response.status_code, response.json()["status"]) == (status, status)
    assert response.json()["errorType"] == "configuration"
    assert "ADYEN_API_KEY" in response.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/v72/paymentMethods", {"channel": "Web"}), ("GET", LIST_TOKENS, None)],
)
async def test_adyens_refusal_of_kasirs_key_is_returned_and_logged(
    shop: Shop, method: str, path: str, body: Any
) -> None:
    shop.fake_server.handler = plain(401, UNAUTHORIZED)
    with capture_logs() as logs:
        response = await shop.call(method, path, body)

    assert (response.status_code, response.content) == (401, UNAUTHORIZED)
    (line,) = [log for log in logs if log["log_level"] == "error"]
    assert (line["event"], line["status"]) == ("Adyen refused our key", 401)
    assert "ADYEN_API_KEY" in line["cure"]
    assert "shopper-1" not in str(logs)


async def test_adyens_own_errors_and_empty_answers_are_returned_unchanged(shop: Shop) -> None:
    body = b'{ "errorCode" : "905", "errorType":"configuration", "status":500 , "new":[1] }'
    shop.fake_server.handler = plain(500, body)
    error = await shop.call("POST", "/v72/paymentMethods", {"channel": "Web"})

    async def no_content(_: web.Request) -> web.StreamResponse:
        return web.Response(status=204)

    shop.fake_server.handler = no_content
    deleted = await shop.http.delete(
        "/v72/storedPaymentMethods/TOKEN?shopperReference=shopper-1",
        headers={"X-API-Key": "shop-key"},
    )

    assert (error.status_code, error.content) == (500, body)
    assert (deleted.status_code, deleted.content) == (204, b"")
