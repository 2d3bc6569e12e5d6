"""Generated requests: from the OpenAPI document, and from payments with random changes."""

from __future__ import annotations

import json
import secrets
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from fakes import BROWSER, payment_body
from kasir.adyen.calls import VERSIONS
from kasir.demo.processes import RunningDemo
from raw_http import ERROR_TYPES

ADYEN_ERROR_FIELDS = {"status", "errorCode", "message", "errorType", "pspReference"}

#: Few examples, the same in each run. The generated requests come from the OpenAPI document,
#: whose completeness other tests check.
FEW_EXAMPLES = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


def test_no_request_that_the_document_allows_is_a_server_error(system: RunningDemo) -> None:
    document = schemathesis.openapi.from_url(f"{system.kasir_url}/api/openapi.json")
    results = list(document.get_all_operations())
    described = [result.ok() for result in results if isinstance(result, Ok)]
    # The document has the same shapes for older versions of Checkout as for the newest.
    older = tuple(f"/v{version}/" for version in VERSIONS[:-1])
    operations = [one for one in described if not one.path.startswith(older)]
    status_classes: set[str] = set()

    def check_operation(operation: Any) -> None:
        @FEW_EXAMPLES
        @given(operation.as_strategy())
        def check(case: Any) -> None:
            response = case.call(headers={"X-API-Key": system.api_key}, timeout=20)
            status_classes.add(f"{response.status_code // 100}xx")

            assert response.status_code < 500, f"{operation.label}: {response.text}"

        check()

    for operation in operations:
        check_operation(operation)

    assert (len(described), len(operations) >= 15) == (len(results), True)
    # Both valid and invalid requests were sent.
    assert {"2xx", "4xx"} <= status_classes


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
# Values of any JSON type, nested or not.
any_json = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
#: The fields that are changed.
NAMES = [
    *payment_body(),
    "metadata",
    "lineItems",
    "shopperReference",
    "sessionValidity",
    "storePaymentMethod",
    "details",
    "expiresAt",
    "captureDelayHours",
    "allowedPaymentMethods",
    "status",
    "recurringProcessingModel",
    "shopperInteraction",
    "additionalData",
    "shopperName",
]
PATHS = [
    "/payments",
    "/payments/details",
    "/paymentMethods",
    "/paymentLinks",
    "/payments/PSP/refunds",
    "/cancels",
]
changed_payments = st.builds(
    lambda changes, browser: payment_body() | {"browserInfo": BROWSER | browser} | changes,
    st.dictionaries(st.sampled_from(NAMES), any_json, max_size=3),
    st.dictionaries(st.sampled_from(sorted(BROWSER)), any_json, max_size=1),
)


@given(
    changed_payments,
    st.sampled_from(PATHS),
    st.sampled_from([71, 72]),
)
@settings(max_examples=150)
def test_a_payment_with_random_changes_is_answered_in_adyens_format(
    system: RunningDemo, body: dict[str, Any], path: str, version: int
) -> None:
    answer = requests.post(
        f"{system.kasir_url}/v{version}{path}",
        data=json.dumps(body).encode(),
        headers={"X-API-Key": system.api_key, "Idempotency-Key": secrets.token_hex(16)},
        timeout=20,
    )

    # Adyen's error 905 with status 500 is final, and is returned unchanged: docs/adyen.md.
    is_final = answer.status_code == 500 and answer.json()["errorCode"] == "905"
    assert answer.status_code < 500 or is_final, f"{path} {json.dumps(body)} {answer.text}"
    if answer.status_code >= 400:
        error = answer.json()
        assert error.keys() <= ADYEN_ERROR_FIELDS
        assert error["status"] == answer.status_code
        assert error["errorType"] in ERROR_TYPES
