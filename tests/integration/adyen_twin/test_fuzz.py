"""The twin answers every input in Adyen's format, and never with an internal error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin_fixtures import TwinAtWork, charge_body, payment_body, twin

__all__ = ["twin"]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=90),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
WHOLE = payment_body(
    storePaymentMethod=True,
    shopperReference="shopper-1",
    recurringProcessingModel="Subscription",
    lineItems=[{"id": "1", "quantity": 2}],
    metadata={"a": "b"},
    sessionValidity="2099-01-01T00:00:00Z",
    allowedPaymentMethods=["gopay_wallet"],
)
CALLS = {
    "/v72/paymentMethods": WHOLE,
    "/v72/payments": WHOLE,
    "/v71/payments": charge_body("TOKEN"),
    "/v72/payments/details": {"details": {"redirectResult": "x"}},
    "/v72/payments/PSP/refunds": WHOLE,
    "/v72/payments/PSP/cancels": WHOLE,
    "/v72/cancels": WHOLE | {"paymentReference": "x"},
    "/pal/servlet/Recurring/v68/listRecurringDetails": WHOLE | {"recurring": {"contract": "x"}},
    "/pal/servlet/Recurring/v68/disable": WHOLE | {"recurringDetailReference": "x"},
}
FEW_EXAMPLES = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("path", CALLS)
@FEW_EXAMPLES
@given(data=st.data())
async def test_any_field_can_have_any_value(twin: TwinAtWork, path: str, data: Any) -> None:
    name = data.draw(
        st.sampled_from([field for field in CALLS[path] if field != "merchantAccount"])
    )
    value = data.draw(VALUES)
    inside = CALLS[path][name]
    if isinstance(inside, dict) and data.draw(st.booleans()):
        value = inside | {data.draw(st.sampled_from(list(inside))): value}
    answer = await twin.api(path, CALLS[path] | {name: value})

    assert has_adyens_format(answer.status, answer.body), (name, value, answer.text)
    await twin.settle()


@pytest.mark.parametrize("path", CALLS)
@FEW_EXAMPLES
@given(raw=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
async def test_any_bytes_can_be_sent(twin: TwinAtWork, path: str, raw: bytes) -> None:
    answer = await twin.api(path, raw)

    assert has_adyens_format(answer.status, answer.body), (raw, answer.text)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"reference": ' + b'{"a":' * 100_000,
        b'{"merchantAccount": "\\ud800"}',
        b'{"merchantAccount": 1e999}',
        b'{"amount": {"value": ' + b"9" * 5000 + b"}}",
        b'"' + b"x" * 1_048_575 + b'"',
    ],
    ids=["deep list", "deep object", "half a character", "infinity", "huge number", "huge body"],
)
async def test_unusual_json(twin: TwinAtWork, raw: bytes) -> None:
    answer = await twin.api("/v72/payments", raw)

    assert 400 <= answer.status < 500, answer.text
    assert has_adyens_format(answer.status, answer.body)


@FEW_EXAMPLES
@given(body=VALUES)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("PUT", f"webhooks/{name}") for name in ("standard", "tokens", "else")),
        *(("PUT", name) for name in ("faults", "knobs", "wallets/x")),
        *(("POST", name) for name in ("wallet", "clock", "tokens/x", "webhooks/standard/test")),
    ],
)
async def test_controls_answer_any_body(
    twin: TwinAtWork, method: str, path: str, body: Any
) -> None:
    answer = await twin.call(method, f"/twin/{path}", body)

    assert answer.status < 500, answer.text
    assert answer.status == 200 or answer.body["error"]


def has_adyens_format(status: int, body: Any) -> bool:
    """Return whether this answer has Adyen's format; the only 500 is 905."""
    if status in (200, 201):
        return True
    named = body["status"] == status and isinstance(body["message"], str)
    return named and (status < 500 or body["errorCode"] == "905")
