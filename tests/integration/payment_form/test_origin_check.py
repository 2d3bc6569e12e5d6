"""Only Kasir's own pages may post its forms; the wallet may post only the shopper's return."""

from __future__ import annotations

import pytest

from raw_http import Caller
from served import served

#: Headers of a browser that posts a form of another origin's page.
OTHER_ORIGINS = [
    {"Origin": "https://other.example"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Sec-Fetch-Site": "same-site", "Origin": "null"},
    {"Origin": "http://["},  # Not a URL.
]
#: Headers of a browser that posts a form of Kasir's page.
OWN_ORIGINS = [
    {},  # An old browser.
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://127.0.0.1:8000"},
]


@pytest.mark.parametrize("headers", OTHER_ORIGINS, ids=str)
async def test_a_page_of_another_origin_cannot_post_a_form(
    fresh_database: str, headers: dict[str, str]
) -> None:
    async with served(fresh_database) as kasir:
        link = await kasir.link()
        paths = ("", "/payments/pay_1", "/saved/tok_1")
        answers = [
            await kasir.visit(link["url"] + path, {"attempt": "x"}, headers) for path in paths
        ]
        payments = await kasir.payments()

    assert [status for status, _, _ in answers] == [403] * 3
    assert payments == []


@pytest.mark.parametrize("headers", OWN_ORIGINS, ids=str)
async def test_own_pages_and_browsers_without_origin_headers_can_post_forms(
    fresh_database: str, headers: dict[str, str]
) -> None:
    async with served(fresh_database) as kasir:
        link = await kasir.link(reusable=True)
        status, _, wallet = await kasir.visit(link["url"], {"attempt": "x"}, headers)

    assert status == 303
    assert wallet


async def test_the_wallet_may_post_the_shopper_back_from_its_own_origin(
    fresh_database: str,
) -> None:
    async with served(fresh_database) as kasir:
        link = await kasir.link()
        await kasir.start(link)
        (payment,) = await kasir.payments()
        url = f"{link['url']}/return/{payment['id']}"
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://checkout.adyen.com"}
        status, _, _ = await kasir.visit(url, {"redirectResult": "x"}, headers)

    assert status == 303


async def test_a_page_of_another_origin_cannot_call_the_api(caller: Caller) -> None:
    preflight_headers = {
        "Origin": "https://other.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key, content-type",
    }
    preflight_answer = await caller.call(
        "OPTIONS", "/v72/payments", api_key=None, headers=preflight_headers
    )
    posted = await caller.call(
        "POST", "/api/plans", b"{}", api_key=None, headers={"Content-Type": "text/plain"}
    )
    listed = await caller.call("GET", "/api/payments?reference=x", headers=preflight_headers)

    for answer in (preflight_answer, posted, listed):
        assert [name for name in answer.headers if name.lower().startswith("access-control")] == []
    assert posted.status == 401
