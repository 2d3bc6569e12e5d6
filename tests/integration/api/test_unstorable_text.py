"""Text that PostgreSQL cannot store never causes a 5xx in any part of a request."""

from __future__ import annotations

import json
import secrets
from typing import Any, Final

import pytest

from fakes import payment_body
from raw_http import Caller, is_adyens_error

#: URL-encoded.
UNSTORABLE: Final = [
    pytest.param("%00", id="NUL"),
    pytest.param("%ED%A0%BD", id="a lone surrogate"),
    pytest.param("%FF", id="not UTF-8"),
]


@pytest.mark.parametrize("text", UNSTORABLE)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/payments?reference={text}"),
        ("GET", "/api/payments/{text}"),
        ("GET", "/api/events?after={text}"),
        ("GET", "/api/notices?state={text}"),
        ("GET", "/api/subscriptions/{text}"),
        ("GET", "/api/plans/{text}"),
        ("GET", "/v72/paymentLinks/{text}"),
        ("GET", "/v72/storedPaymentMethods?shopperReference={text}"),
        ("DELETE", "/v72/storedPaymentMethods/{text}?shopperReference=x"),
        ("POST", "/v72/payments/{text}/refunds"),
        ("GET", "/pay/{text}"),
        ("GET", "/pay/PL_X/return/{text}?redirectResult={text}"),
    ],
)
async def test_unstorable_text_in_a_url_is_no_server_error(
    caller: Caller, method: str, path: str, text: str
) -> None:
    body = {"amount": {"currency": "IDR", "value": 1}} if method == "POST" else None
    response = await caller.call(method, path.format(text=text), body)

    assert response.status < 500, response.body


# The character replaces the text HERE in each body.
@pytest.mark.parametrize("character", ["\0", "\ud83d"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v72/payments", payment_body(reference="HERE")),
        ("/v72/payments", payment_body(shopperReference="HERE")),
        ("/v72/payments", payment_body(metadata={"note": "HERE"})),
        ("/v72/payments", payment_body(metadata={"HERE": "note"})),
        ("/v72/payments", payment_body(shopperEmail="HERE")),
        ("/v72/payments", payment_body(returnUrl="https://shop.example/HERE")),
        ("/v72/payments/details", {"details": {"redirectResult": "HERE"}}),
        ("/v72/paymentLinks", {"shopperEmail": "HERE"}),
        ("/v72/paymentLinks", {"metadata": {"HERE": "x"}}),
        ("/v72/paymentLinks", {"description": "HERE"}),
        ("/v72/paymentLinks", {"lineItems": [{"description": "HERE"}]}),
        ("/v72/cancels", {"paymentReference": "HERE"}),
        ("/api/plans", {"reference": "HERE"}),
        ("/pal/servlet/Recurring/v68/listRecurringDetails", {"shopperReference": "HERE"}),
    ],
)
async def test_unstorable_text_in_a_body_is_no_server_error(
    caller: Caller, path: str, body: dict[str, Any], character: str
) -> None:
    if path == "/v72/paymentLinks":  # Add the required fields.
        body = {
            "reference": f"ODD-{secrets.token_hex(4)}",
            "amount": {"currency": "IDR", "value": 25_000},
            "returnUrl": "https://shop.example/",
            **body,
        }
    escaped_character = json.dumps(character)[1:-1]  # Without the quotes.
    response = await caller.post(path, json.dumps(body).replace("HERE", escaped_character).encode())

    assert response.status < 500, response.body
    if response.status >= 400:
        assert is_adyens_error(response)


@pytest.mark.parametrize("key", ["\xff", "\xed\xa0\xbd", "a\tb"])
async def test_an_idempotency_key_of_unusual_bytes_is_no_server_error(
    caller: Caller, key: str
) -> None:
    response = await caller.post("/v72/payments", payment_body(reference="ODD"), key=key)

    assert response.status < 500, response.body
