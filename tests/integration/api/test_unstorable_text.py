"""Characters that PostgreSQL cannot store, wherever a caller may send them: never a 500."""

from __future__ import annotations

import json
import secrets
from typing import Any, Final

import pytest

from fakes import payment_body
from raw_http import Caller, is_adyens_error

ODD: Final = [
    pytest.param("%00", id="NUL"),
    pytest.param("%ED%A0%BD", id="half a pair"),
    pytest.param("%FF", id="no UTF-8"),
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/payments?reference={odd}"),
        ("GET", "/api/payments/{odd}"),
        ("GET", "/api/events?after={odd}"),
        ("GET", "/api/notices?state={odd}"),
        ("GET", "/api/subscriptions/{odd}"),
        ("GET", "/api/plans/{odd}"),
        ("GET", "/v72/paymentLinks/{odd}"),
        ("GET", "/v72/storedPaymentMethods?shopperReference={odd}"),
        ("DELETE", "/v72/storedPaymentMethods/{odd}?shopperReference=x"),
        ("POST", "/v72/payments/{odd}/refunds"),
        ("GET", "/pay/{odd}"),
        ("GET", "/pay/PL_X/return/{odd}?redirectResult={odd}"),
    ],
)
async def test_an_unstorable_path_is_answered(
    caller: Caller, method: str, path: str, odd: str
) -> None:
    body = {"amount": {"currency": "IDR", "value": 1}} if method == "POST" else None
    response = await caller.call(method, path.format(odd=odd), body)

    assert response.status < 500, response.body


@pytest.mark.parametrize("letter", ["\0", "\ud83d"])
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
async def test_unstorable_text_in_a_body_is_forwarded_or_refused_by_name(
    caller: Caller, path: str, body: dict[str, Any], letter: str
) -> None:
    if path == "/v72/paymentLinks":
        body = {
            "reference": f"ODD-{secrets.token_hex(4)}",
            "amount": {"currency": "IDR", "value": 25_000},
            "returnUrl": "https://shop.example/",
            **body,
        }
    response = await caller.post(
        path, json.dumps(body).replace("HERE", json.dumps(letter)[1:-1]).encode()
    )

    assert response.status < 500, response.body
    if response.status >= 400:
        assert is_adyens_error(response)


@pytest.mark.parametrize("key", ["\xff", "\xed\xa0\xbd", "a\tb"])
async def test_an_idempotency_key_of_unusual_bytes_is_answered(caller: Caller, key: str) -> None:
    response = await caller.post("/v72/payments", payment_body(reference="ODD"), key=key)

    assert response.status < 500, response.body
