"""The response to a request with very many errors names ten of them and counts the rest."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from fakes import payment_body
from raw_http import Caller, is_adyens_error

#: Enough for ten errors of a few hundred characters each.
RESPONSE_BYTES_MAX: Final = 8 * 1024
#: 60,000 fields that no body has.
UNKNOWN: Final = {f"f{number}": 0 for number in range(60_000)}
NUL: Final = "\0"


def _link(**changes: Any) -> dict[str, Any]:
    """The body of a payment link with these changes."""
    return {
        "reference": "LONG-1",
        "amount": {"currency": "IDR", "value": 25_000},
        "returnUrl": "https://shop.example/",
        **changes,
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("POST", "/api/plans", UNKNOWN, id="a plan's fields"),
        pytest.param("POST", "/api/plans", {"amount": UNKNOWN}, id="a plan's amount"),
        pytest.param("POST", "/api/subscriptions", UNKNOWN, id="a sign-up's fields"),
        pytest.param("POST", "/v72/paymentLinks", UNKNOWN, id="a link's fields"),
        pytest.param("PATCH", "/v72/paymentLinks/PL1", UNKNOWN, id="a link's change"),
        pytest.param(
            "POST",
            "/v72/payments/details",
            {"details": {"redirectResult": "X", **UNKNOWN}},
            id="details",
        ),
        pytest.param("GET", "/api/events", UNKNOWN, id="a route that reads no body"),
        pytest.param(
            "POST",
            "/v72/payments",
            payment_body(lineItems=[0] * 300_000),
            id="line items of a payment",
        ),
        pytest.param(
            "POST",
            "/v72/paymentLinks",
            _link(lineItems=[{"id": 0}] * 60_000),
            id="line items of a link",
        ),
        pytest.param(
            "POST",
            "/v72/paymentLinks",
            _link(billingAddress={"x": [NUL] * 40_000}),
            id="NUL characters",
        ),
    ],
)
async def test_of_very_many_errors_ten_are_named_and_the_rest_is_counted(
    caller: Caller, method: str, path: str, body: Any
) -> None:
    response = await caller.call(method, path, body=json.dumps(body).encode())
    message = response.json["message"]

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert len(response.body) < RESPONSE_BYTES_MAX
    assert message.count("Field '") == 10
    assert "more" in message


async def test_a_very_long_field_name_is_truncated(
    caller: Caller,
) -> None:
    body = _link(billingAddress={"x" * 400_000: [NUL] * 40_000})
    response = await caller.call("POST", "/v72/paymentLinks", body)

    assert (response.status, is_adyens_error(response)) == (422, True)
    assert "billingAddress.xxx" in response.json["message"]
    assert len(response.body) < RESPONSE_BYTES_MAX


async def test_the_errors_that_are_not_named_are_counted(caller: Caller) -> None:
    response = await caller.call("POST", "/v72/paymentLinks", {**_link(), **UNKNOWN})

    assert response.json["message"].endswith(" And 59990 more.")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/payments/{}"),
        ("GET", "/api/plans/{}"),
        ("GET", "/v72/paymentLinks/{}"),
        ("POST", "/v72/payments/PSP/{}"),
        ("POST", "/v72/payments/{}/refunds"),
    ],
)
async def test_an_id_of_thirty_thousand_characters_is_not_in_the_response(
    caller: Caller, method: str, path: str
) -> None:
    body = {"amount": {"currency": "IDR", "value": 1}} if method == "POST" else None
    response = await caller.call(method, path.format("x" * 30_000), body)

    assert response.status in {404, 422}
    assert len(response.body) < 1024
