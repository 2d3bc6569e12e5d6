"""Every route refuses unknown fields and parameters, except the exempt paths below.

A body that is forwarded to Adyen unchanged keeps its unknown fields, and Adyen checks them.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import httpx
import pytest
from litestar.routes import HTTPRoute

from app_client import app_client
from fake_server import FakeServer, plain, serving
from fakes import KEY, payment_body
from integration.api.test_payment_links import link_body
from kasir.config import settings_from
from kasir.web.app import create_app
from opened_kasir import kasir_on
from raw_http import Caller, is_adyens_error

#: Paths that ignore unknown parameters, each with its reason.
EXEMPT: Final = {
    "/pay/": "other sites add utm_source, fbclid and the like to a shopper's link",
    "/webhooks/": "an authentic notification is stored with every field: docs/adr/0004 and 0012",
    "/desk": "its first page needs a person: tests/integration/desk/test_all_routes.py",
    "/desk/": "its pages need a person: tests/integration/desk/test_all_routes.py",
    "/health/": "a load balancer that is answered 422 stops using a healthy process",
    "/api/openapi.json": "Litestar's own route: the document is the same for all parameters",
    "/api/openapi.json/openapi.json": "Litestar's own route: the same document",
    "/api/openapi.json/{path:str}": "Litestar's own route: 404 for every unknown path",
}
#: Paths whose body is forwarded to Adyen unchanged.
FORWARDED: Final = (
    "/paymentMethods",
    "/payments",
    "/cancels",
    "/payments/{psp_reference:str}/{change:str}",
    "/pal/servlet/Recurring/v68/listRecurringDetails",
    "/pal/servlet/Recurring/v68/disable",
)
#: A misspelt name.
UNKNOWN: Final = "shopperRefrence"


def routes() -> Iterator[tuple[str, str]]:
    """Every method and path of the app, except those in EXEMPT."""
    settings = settings_from({"ADYEN_ENVIRONMENT": "twin", "ADYEN_HMAC_KEY": KEY})
    for route in create_app(settings).routes:
        if not isinstance(route, HTTPRoute) or _is_exempt(route.path):
            continue
        for method in sorted(route.methods - {"OPTIONS"}):
            yield method, route.path


def _is_exempt(path: str) -> bool:
    return any(
        path == exempt or (exempt.endswith("/") and path.startswith(exempt)) for exempt in EXEMPT
    )


def filled(path: str) -> str:
    """A path with values for its variables."""
    return re.sub(r"\{.*?\}", "nobody", path.replace("{change:str}", "refunds"))


ROUTES: Final = sorted(set(routes()))


def _is_forwarded(path: str) -> bool:
    return re.sub(r"^/v(68|69|7[0-2])/", "/", path) in FORWARDED


def test_every_route_is_listed() -> None:
    """The tests below call each route in ROUTES."""
    assert {("POST", "/v72/payments"), ("GET", "/api/events"), ("GET", "/metrics")} <= set(ROUTES)
    assert len(ROUTES) >= 40


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_an_unknown_parameter_is_refused_and_named(
    caller: Caller, method: str, path: str
) -> None:
    before = await caller.row_counts()
    response = await caller.call(method, f"{filled(path)}?{UNKNOWN}=1")

    assert (response.status, is_adyens_error(response)) == (422, True), response.body
    assert UNKNOWN in response.json["message"]
    assert await caller.row_counts() == before


@pytest.mark.parametrize(
    ("method", "path"), [route for route in ROUTES if not _is_forwarded(route[1])]
)
async def test_an_unknown_field_is_refused_and_named(
    caller: Caller, method: str, path: str
) -> None:
    before = await caller.row_counts()
    response = await caller.call(method, filled(path), {UNKNOWN: "shopper-1"})

    assert (response.status, is_adyens_error(response)) == (422, True), response.body
    assert UNKNOWN in response.json["message"]
    assert await caller.row_counts() == before


@pytest.fixture
async def fake_adyen_and_client(
    fresh_database: str,
) -> AsyncIterator[tuple[FakeServer, httpx.AsyncClient]]:
    """A fake of Adyen that records its requests, and a client of the Kasir in front of it."""
    async with (
        serving() as fake_server,
        kasir_on(fresh_database, ADYEN_TWIN_URL=fake_server.url, KASIR_API_KEY="shop-key") as kasir,
        app_client(kasir, X_API_Key="shop-key") as http,
    ):
        yield fake_server, http


#: A valid body for each path.
BODIES: Final[dict[str, dict[str, Any]]] = {
    "/paymentMethods": {},
    "/payments": payment_body(),
    "/payments/PSP-1/refunds": {"amount": {"currency": "IDR", "value": 1}},
    "/cancels": {"paymentReference": "ORDER-1001"},
    "/payments/details": {"details": {"redirectResult": "X6XtfGC3!Y1"}},
    "/pal/servlet/Recurring/v68/listRecurringDetails": {"shopperReference": "shopper-1"},
    "/pal/servlet/Recurring/v68/disable": {"shopperReference": "shopper-1"},
}
#: An answer of Adyen.
PAID: Final = b'{"resultCode":"Authorised","pspReference":"PSP-1"}'


async def _call_with_added_fields(
    fake_adyen_and_client: tuple[FakeServer, httpx.AsyncClient], path: str, added: dict[str, Any]
) -> tuple[httpx.Response, dict[str, Any]]:
    """Call with added fields in the body; returns the answer, and the body sent to Adyen or {}."""
    fake_server, http = fake_adyen_and_client
    fake_server.handler = plain(200, PAID)
    if path in ("/cancels", "/payments/PSP-1/refunds"):  # They need a payment.
        await http.post("/v72/payments", json=payment_body())
    calls_before = len(fake_server.asked)
    url = path if path.startswith("/pal") else f"/v72{path}"
    response = await http.post(url, json=BODIES[path] | added)
    sent = (
        json.loads(fake_server.asked[calls_before][2])
        if len(fake_server.asked) > calls_before
        else {}
    )
    return response, sent


@pytest.mark.parametrize("path", [path for path in BODIES if path != "/payments/details"])
async def test_a_forwarded_body_keeps_its_unknown_fields(
    fake_adyen_and_client: tuple[FakeServer, httpx.AsyncClient], path: str
) -> None:
    _, sent = await _call_with_added_fields(fake_adyen_and_client, path, {UNKNOWN: {"deep": [1]}})

    assert sent[UNKNOWN] == {"deep": [1]}


async def test_details_forward_every_field_of_adyens_schema(
    fake_adyen_and_client: tuple[FakeServer, httpx.AsyncClient],
) -> None:
    added: dict[str, Any] = {
        "details": {"redirectResult": "X6XtfGC3%21Y1", "payload": "P", "threeds2.fingerprint": "F"},
        "paymentData": "D",
        "authenticationData": {"authenticationOnly": False},
        "threeDSAuthenticationOnly": False,
    }
    response, sent = await _call_with_added_fields(
        fake_adyen_and_client, "/payments/details", added
    )

    # Kasir only decodes the URL-encoded result.
    assert sent == added | {"details": {**added["details"], "redirectResult": "X6XtfGC3!Y1"}}
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("added", "field"),
    [
        ({"paymentDatum": "D"}, "paymentDatum"),
        ({"details": {"redirectResult": "R", "redirectresult": "R"}}, "details.redirectresult"),
        ({"paymentData": 7}, "paymentData"),
        ({"threeDSAuthenticationOnly": "no"}, "threeDSAuthenticationOnly"),
        ({"authenticationData": "no"}, "authenticationData"),
        ({"details": {"redirectResult": "R", "payload": 7}}, "details.payload"),
    ],
)
async def test_details_with_a_field_that_adyens_schema_lacks_are_not_sent(
    fake_adyen_and_client: tuple[FakeServer, httpx.AsyncClient], added: dict[str, Any], field: str
) -> None:
    response, sent = await _call_with_added_fields(
        fake_adyen_and_client, "/payments/details", added
    )

    assert (response.status_code, sent) == (422, {})
    assert f"Field '{field}' is not valid: " in response.json()["message"]


async def test_a_link_with_a_misspelt_field_is_not_created(caller: Caller) -> None:
    before = await caller.row_counts()
    response = await caller.post("/v72/paymentLinks", link_body(shopperRefrence="shopper-1"))

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert "Field 'shopperRefrence' is not valid: " in response.json["message"]
    assert await caller.row_counts() == before


async def test_a_link_accepts_fields_of_adyen_that_have_no_effect_in_kasir(
    caller: Caller,
) -> None:
    added = {"themeId": "T", "riskData": {"customFields": {"a": "b"}}, "deliverAt": None}
    response = await caller.post("/v72/paymentLinks", link_body() | added)

    assert response.status == 201
    assert {name: response.json.get(name) for name in added} == added


async def test_a_body_with_other_fields_than_the_status_does_not_withdraw_a_link(
    caller: Caller,
) -> None:
    created = await caller.post("/v72/paymentLinks", link_body())
    path = f"/v72/paymentLinks/{created.json['id']}"
    body = {"status": "expired", "expiresAt": "2027-01-01T00:00:00Z"}
    response = await caller.call("PATCH", path, body)

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert "Field 'expiresAt' is not valid: " in response.json["message"]
    assert (await caller.call("GET", path)).json["status"] == "active"


async def test_at_most_ten_unknown_names_are_listed(caller: Caller) -> None:
    query = "&".join(f"extra{n}={'x' * 10}" for n in range(40))
    fields = {f"extra{n}": n for n in range(40)}
    of_query = await caller.call("GET", f"/api/events?{query}")
    of_body = await caller.post("/v72/paymentLinks", link_body(**fields))

    assert [response.json["message"].count("Field 'extra") for response in (of_query, of_body)] == [
        10,
        10,
    ]


async def test_a_parameter_given_twice_is_refused_and_named(caller: Caller) -> None:
    response = await caller.call("GET", "/api/payments?reference=A&reference=B")

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert "Field 'reference' is not valid: " in response.json["message"]


@pytest.mark.parametrize(
    "query", ["%ff=1", "%00=1", "=1", "%F0%9F%8D%9C=1", "x" * 500, "a%0d%0ab=1"]
)
async def test_a_parameter_of_any_name_is_refused_in_adyens_format(
    caller: Caller, query: str
) -> None:
    response = await caller.call("GET", f"/api/events?{query}")

    assert (response.status, is_adyens_error(response)) == (422, True)


@pytest.mark.parametrize("query", ["", "?", "?&&", "?&after=&"])
async def test_an_empty_query_is_accepted(caller: Caller, query: str) -> None:
    assert (await caller.call("GET", f"/api/events{query}")).status == 200


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b" "])
async def test_an_empty_body_is_accepted(caller: Caller, body: bytes) -> None:
    assert (await caller.call("GET", "/api/events", body)).status == 200


@pytest.mark.parametrize("body", [b"[1]", b"{", b"\xff", b"reference=1", b"[" * 100_000])
async def test_a_route_that_reads_no_body_refuses_one(caller: Caller, body: bytes) -> None:
    response = await caller.call("GET", "/api/events", body)

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert "Field 'body' is not valid: " in response.json["message"]


@pytest.mark.parametrize(
    "query",
    [
        "/api/events?after=nobody",
        "/api/events?after=%00",
        "/api/payments?status=nobody",
        f"/api/payments?reference={'r' * 81}",
    ],
)
async def test_an_invalid_parameter_is_named_with_the_remedy(caller: Caller, query: str) -> None:
    response = await caller.call("GET", query)

    assert (response.status, is_adyens_error(response)) == (422, True)
    pattern = r"Field '(after|reference|status)' is not valid: \S+"
    assert re.search(pattern, response.json["message"])


@pytest.mark.parametrize("name", ["from", "to"])
async def test_an_invalid_parameter_is_named_as_in_the_url(caller: Caller, name: str) -> None:
    response = await caller.call("GET", f"/api/subscriptions/metrics?{name}=yesterday")

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert f"Field '{name}' is not valid: " in response.json["message"]
