"""Requests that are malformed, too large, without a key or without a route are answered 4xx."""

from __future__ import annotations

import secrets

import pytest

from fakes import payment_body
from raw_http import Caller, is_adyens_error

#: Paths to which a shop posts JSON.
POSTS = [
    f"/v{version}{path}"
    for version in (71, 72)
    for path in ("/paymentMethods", "/payments", "/payments/details", "/paymentLinks")
] + ["/v72/payments/PSP/refunds", "/v72/cancels"]
#: Methods and paths that require an API key.
KEYED = [
    *(("POST", path) for path in POSTS),
    ("GET", "/v72/paymentLinks/PL1"),
    ("PATCH", "/v72/paymentLinks/PL1"),
    ("GET", "/api/payments?reference=x"),
    ("GET", "/api/payments/pay_1"),
    ("GET", "/api/events"),
]
#: Bodies that are not a JSON object, by what is wrong.
MALFORMED = {
    "empty": b"",
    "cut off": b'{"reference":"x',
    "an array": b"[]",
    "null": b"null",
    "a string": b'"gopay"',
    "a number": b"7",
    "a form": b"reference=x&returnUrl=y",
    "HTML": b"<html>",
    "two objects": b"{}{}",
    "a trailing comma": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "not UTF-8": b'{"reference":"\xff\xfe"}',
    "a lone surrogate": b'{"reference":"\\ud800"}',
    "NaN": b'{"amount":{"currency":"IDR","value":NaN}}',
    "larger than any float": b'{"amount":{"currency":"IDR","value":1e400}}',
    "nested a thousand deep": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "a hundred thousand brackets": b"[" * 100_000,
}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_a_body_that_is_not_a_json_object_is_answered_400_with_code_702(
    caller: Caller, path: str, body: bytes
) -> None:
    response = await caller.post(path, body)

    assert (response.status, is_adyens_error(response)) == (400, True)
    assert response.json["errorCode"] == "702"
    assert response.json["message"] != ""


async def test_malformed_bodies_store_nothing(caller: Caller) -> None:
    before = await caller.row_counts()
    for body in MALFORMED.values():
        await caller.post("/v72/payments", body, key=secrets.token_hex(8))

    assert await caller.row_counts() == before


@pytest.mark.parametrize("path", POSTS)
async def test_a_body_of_ten_megabytes_is_answered_413(caller: Caller, path: str) -> None:
    before = await caller.row_counts()
    response = await caller.post(path, b'{"reference":"' + b"x" * 10_000_000 + b'"}')

    assert (response.status, is_adyens_error(response)) == (413, True)
    assert await caller.row_counts() == before


async def test_a_large_body_within_the_limit_is_accepted(caller: Caller) -> None:
    lines = [{"id": str(n), "description": "d" * 900} for n in range(1000)]
    reference = f"LARGE-{secrets.token_hex(4)}"
    response = await caller.post(
        "/v72/payments", payment_body(reference=reference, lineItems=lines)
    )

    assert response.status == 200


@pytest.mark.parametrize(("method", "path"), KEYED)
@pytest.mark.parametrize("api_key", [None, "wrong", "x" * 5000])
async def test_a_call_without_a_valid_key_is_answered_401_with_adyens_message(
    caller: Caller, method: str, path: str, api_key: str | None
) -> None:
    response = await caller.call(method, path, {}, api_key=api_key)

    assert (response.status, is_adyens_error(response)) == (401, True)
    assert (response.json["errorCode"], response.json["errorType"]) == ("000", "security")
    assert response.json["message"].startswith("HTTP Status Response - Unauthorized: ")
    assert "X-API-Key" in response.json["message"]


async def test_a_payment_with_a_wrong_api_key_is_not_stored(caller: Caller) -> None:
    before = await caller.row_counts()
    response = await caller.call("POST", "/v72/payments", payment_body(), api_key="wrong")

    assert response.status == 401
    assert await caller.row_counts() == before


@pytest.mark.parametrize("path", [*POSTS, "/webhooks/adyen"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_a_wrong_method_is_answered_405(caller: Caller, method: str, path: str) -> None:
    response = await caller.call(method, path)

    assert response.status == 405
    assert "POST" in response.headers["Allow"].split(", ")
    assert path.startswith("/webhooks") or is_adyens_error(response)


async def test_the_answer_to_a_wrong_method_on_the_form_lists_the_allowed_ones(
    caller: Caller,
) -> None:
    response = await caller.call("DELETE", "/pay/PL_nobody")

    assert response.status == 405
    assert {"GET", "HEAD", "POST"} <= set(response.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v72/paymentLinks/PL_nobody"),
        ("PATCH", "/v72/paymentLinks/PL_nobody"),
        ("GET", "/v72/paymentLinks/%00"),
        ("GET", "/api/payments/pay_nobody"),
        ("GET", "/api/payments/%00"),
        ("GET", "/api/payments/%ff"),
        ("GET", f"/api/payments/{'x' * 5000}"),
        ("POST", "/v67/payments"),
        ("POST", "/v73/payments"),
        ("POST", "/v72/nowhere"),
        ("GET", "/nowhere"),
    ],
)
async def test_an_unknown_path_or_id_is_answered_404(
    caller: Caller, method: str, path: str
) -> None:
    response = await caller.call(method, path, {"status": "expired"} if method != "GET" else None)

    assert (response.status, is_adyens_error(response)) == (404, True)


async def test_a_reference_that_no_payment_can_have_is_refused(caller: Caller) -> None:
    response = await caller.call("GET", f"/api/payments?reference={'x' * 81}")

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert "reference" in response.json["message"]


@pytest.mark.parametrize(
    "reference", ["nobody", "", "%00", "%ff", "%27%3B--", "a%20b", "%F0%9F%8D%9C"]
)
async def test_an_unknown_reference_lists_no_payments(caller: Caller, reference: str) -> None:
    response = await caller.call("GET", f"/api/payments?reference={reference}")

    assert (response.status, response.json) == (200, {"payments": []})
