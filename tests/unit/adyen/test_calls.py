"""Idempotency keys, and a `redirectResult` that may be percent-encoded or decoded."""

import pytest

from kasir.adyen.calls import (
    IDEMPOTENCY_KEY_MAX,
    Call,
    details_key,
    payment_key,
    redirect_result,
    route_of,
)

RESULT = "X6XtfGC3!Y29mZmVl+abc/def==~._-"


@pytest.mark.parametrize(
    "given",
    [
        RESULT,
        "X6XtfGC3%21Y29mZmVl%2Babc%2Fdef%3D%3D~._-",
        "X6XtfGC3%21Y29mZmVl%2babc%2fdef%3d%3d~._-",
        "X6XtfGC3!Y29mZmVl%2Babc/def==~._-",
    ],
)
def test_an_encoded_and_a_decoded_redirect_result_are_the_same(given: str) -> None:
    assert redirect_result(given) == RESULT


def test_a_plus_sign_is_not_decoded_as_a_space() -> None:
    assert redirect_result("a+b") == "a+b"


@pytest.mark.parametrize("given", ["100%", "%zz", "%"])
def test_a_percent_sign_without_two_digits_stays_unchanged(given: str) -> None:
    assert redirect_result(given) == given


def test_keys_are_repeatable_and_within_adyens_limit() -> None:
    payment = payment_key("pay_01JD0Q8V6N5RZ0ZT3MSK6Y1V7B")
    details = details_key("x" * 20_000)

    assert payment == "kasir-pay_01JD0Q8V6N5RZ0ZT3MSK6Y1V7B"
    assert details == details_key("x" * 20_000)
    assert details_key("y") != details
    assert max(len(payment), len(details)) <= IDEMPOTENCY_KEY_MAX


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/payments", "/payments"),
        ("/payments/details", "/payments/details"),
        ("/payments/QFQTPCQ8HXSKGK82/refunds", "/payments/{id}/refunds"),
        ("/storedPaymentMethods?shopperReference=S-1", "/storedPaymentMethods"),
        ("/storedPaymentMethods/payments2%2F?shopperReference=S-1", "/storedPaymentMethods/{id}"),
        ("/cancels", "/cancels"),
    ],
)
def test_the_route_of_a_call_has_no_id_and_no_parameter(path: str, route: str) -> None:
    assert route_of(Call(path)) == route
