"""Random requests: every answer has Adyen's format, and none is an internal error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin_fixtures import RunningTwin, charge_body, payment_body, twin

__all__ = ["twin"]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=90),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
COMPLETE_PAYMENT = payment_body(
    storePaymentMethod=True,
    shopperReference="shopper-1",
    recurringProcessingModel="Subscription",
    lineItems=[{"id": "1", "quantity": 2}],
    metadata={"a": "b"},
    sessionValidity="2099-01-01T00:00:00Z",
    allowedPaymentMethods=["gopay_wallet"],
)
#: A path -> a body; a test replaces one of its fields, or all of it.
CALLS = {
    "/v72/paymentMethods": COMPLETE_PAYMENT,
    "/v72/payments": COMPLETE_PAYMENT,
    "/v71/payments": charge_body("TOKEN"),
    "/v72/payments/details": {"details": {"redirectResult": "x"}},
    "/v72/payments/PSP/refunds": COMPLETE_PAYMENT,
    "/v72/payments/PSP/cancels": COMPLETE_PAYMENT,
    "/v72/cancels": COMPLETE_PAYMENT | {"paymentReference": "x"},
    "/pal/servlet/Recurring/v68/listRecurringDetails": COMPLETE_PAYMENT
    | {"recurring": {"contract": "x"}},
    "/pal/servlet/Recurring/v68/disable": COMPLETE_PAYMENT | {"recurringDetailReference": "x"},
}
FEW_EXAMPLES = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("path", CALLS)
@FEW_EXAMPLES
@given(data=st.data())
async def test_any_value_of_any_field_gets_an_answer_in_adyens_format(
    twin: RunningTwin, path: str, data: Any
) -> None:
    name = data.draw(
        st.sampled_from([field for field in CALLS[path] if field != "merchantAccount"])
    )
    value = data.draw(VALUES)
    original = CALLS[path][name]
    if isinstance(original, dict) and data.draw(st.booleans()):
        value = original | {data.draw(st.sampled_from(list(original))): value}
    answer = await twin.api(path, CALLS[path] | {name: value})

    assert has_adyens_format(answer.status, answer.body), (name, value, answer.text)
    await twin.settle()


@pytest.mark.parametrize("path", CALLS)
@FEW_EXAMPLES
@given(raw=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
async def test_any_body_gets_an_answer_in_adyens_format(
    twin: RunningTwin, path: str, raw: bytes
) -> None:
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
async def test_unusual_json_is_answered_with_a_client_error(twin: RunningTwin, raw: bytes) -> None:
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
async def test_no_body_of_a_control_call_causes_an_internal_error(
    twin: RunningTwin, method: str, path: str, body: Any
) -> None:
    answer = await twin.call(method, f"/twin/{path}", body)

    assert answer.status < 500, answer.text
    assert answer.status == 200 or answer.body["error"]


def has_adyens_format(status: int, body: Any) -> bool:
    """Return whether an answer has Adyen's format; 905 is the only allowed 5xx error."""
    if status in (200, 201):
        return True
    has_fields = body["status"] == status and isinstance(body["message"], str)
    return has_fields and (status < 500 or body["errorCode"] == "905")
