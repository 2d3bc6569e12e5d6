"""What Adyen may accept reaches Adyen: Kasir refuses only what Adyen or GoPay surely refuses."""

from __future__ import annotations

import base64
from typing import Any, Final

import pytest

from fake_server import plain
from fakes import payment_body
from integration.api.conftest import AcceptingAdyen
from integration.api.test_payment_links import link_body
from kasir.adyen.calls import VERSIONS

CHARGE: Final[dict[str, Any]] = {
    "amount": {"currency": "IDR", "value": 25_000},
    "reference": "RENEWAL-1",
    "paymentMethod": {"storedPaymentMethodId": "TOKEN"},
    "shopperReference": "shopper-1",
    "shopperInteraction": "ContAuth",
    "recurringProcessingModel": "Subscription",
}


def app_payment(**changes: Any) -> dict[str, Any]:
    """A payment from an app: it returns to the app, and there is no browser."""
    body = payment_body() | {"channel": "Android", "returnUrl": "shop-app://return"} | changes
    del body["browserInfo"]
    return body


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(app_payment(), id="an Android app without browserInfo"),
        pytest.param(app_payment(channel="iOS"), id="an iOS app without browserInfo"),
        pytest.param(CHARGE, id="a charge without returnUrl"),
        pytest.param(payment_body() | {"shopperEmail": ""}, id="an empty optional text"),
        pytest.param(payment_body() | {"sessionValidity": ""}, id="an empty optional time"),
        pytest.param(payment_body() | {"browserInfo": None} | {"channel": "iOS"}, id="a null"),
        pytest.param(
            payment_body() | {"lineItems": [{"quantity": -1, "amountIncludingTax": -500}]},
            id="a discount as a line item of quantity -1",
        ),
        pytest.param(
            payment_body() | {"browserInfo": payment_body()["browserInfo"] | {"colorDepth": 10}},
            id="a colorDepth from Adyen's own example",
        ),
        pytest.param(
            payment_body()
            | {"paymentMethod": {"type": "gopay_wallet", "storedPaymentMethodId": ""}},
            id="an empty token",
        ),
        pytest.param(
            payment_body()
            | {"paymentMethod": {"type": "gopay_wallet", "recurringDetailReference": ""}},
            id="an empty token by its older name",
        ),
    ],
)
async def test_a_payment_that_adyen_may_accept_is_forwarded_unchanged(
    accepting_adyen: AcceptingAdyen, body: dict[str, Any]
) -> None:
    response = await accepting_adyen.post("/v72/payments", body)

    assert response.status_code == 200, response.text
    _, sent = accepting_adyen.last_request()
    assert {name: sent.get(name) for name in body} == body


async def test_a_payment_in_a_browser_still_requires_browser_info(
    accepting_adyen: AcceptingAdyen,
) -> None:
    response = await accepting_adyen.post("/v72/payments", app_payment(channel="Web"))

    assert response.status_code == 422
    assert "browserInfo" in response.json()["message"]
    assert accepting_adyen.adyen.asked == []


@pytest.mark.parametrize("path", ["/payments", "/paymentMethods", "/payments/PSP-1/refunds"])
async def test_an_amount_in_digits_is_forwarded_as_a_number(
    accepting_adyen: AcceptingAdyen, path: str
) -> None:
    await accepting_adyen.post("/v72/payments", payment_body() | {"reference": "FIRST"})
    amount = {"currency": "IDR", "value": "25000"}
    response = await accepting_adyen.post(f"/v72{path}", payment_body() | {"amount": amount})

    assert response.status_code in {200, 201}, response.text
    _, sent = accepting_adyen.last_request()
    assert sent["amount"] == {"currency": "IDR", "value": 25_000}


@pytest.mark.parametrize("value", [" 25000", "25_000", "25000.0", "-5", "", "٢٥"])
async def test_an_amount_in_another_text_is_refused(
    accepting_adyen: AcceptingAdyen, value: str
) -> None:
    amount = {"currency": "IDR", "value": value}
    response = await accepting_adyen.post("/v72/payments", payment_body() | {"amount": amount})

    assert (response.status_code, response.json()["errorCode"]) == (422, "137")


async def test_the_same_amount_as_a_text_and_as_a_number_is_the_same_request(
    accepting_adyen: AcceptingAdyen,
) -> None:
    as_text = payment_body() | {"amount": {"currency": "IDR", "value": "25000"}}
    first = await accepting_adyen.post("/v72/payments", payment_body(), idempotency_key="order-1")
    second = await accepting_adyen.post("/v72/payments", as_text, idempotency_key="order-1")

    assert (first.status_code, second.status_code) == (200, 200)
    assert len(accepting_adyen.adyen.asked) == 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"returnUrl": None}, id="no returnUrl"),
        pytest.param({"returnUrl": ""}, id="an empty returnUrl"),
        pytest.param({"allowedPaymentMethods": []}, id="no allowedPaymentMethods"),
        pytest.param({"description": "", "shopperEmail": "", "expiresAt": ""}, id="empty texts"),
        pytest.param({"amount": {"currency": "IDR", "value": "25000"}}, id="digits"),
    ],
)
async def test_a_link_that_adyen_may_accept_is_created(
    accepting_adyen: AcceptingAdyen, changes: dict[str, Any]
) -> None:
    body = {name: value for name, value in (link_body() | changes).items() if value is not None}
    response = await accepting_adyen.post("/v72/paymentLinks", body)

    assert response.status_code == 201, response.text


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_payment_goes_to_the_version_that_the_shop_called(
    accepting_adyen: AcceptingAdyen, version: int
) -> None:
    response = await accepting_adyen.post(f"/v{version}/payments", payment_body())

    assert response.status_code == 200
    assert accepting_adyen.last_request()[0] == f"POST /v{version}/payments"


def basic(password: str) -> str:
    """HTTP Basic credentials in the form of Adyen's, with this password."""
    return "Basic " + base64.b64encode(f"ws@Company.Shop:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (basic("shop-key"), 200),
        (basic("shop-key").replace("Basic", "basic"), 200),
        (basic("other-key"), 401),
        (basic(""), 401),
        ("Basic not-base64!", 401),
        ("Basic /w==", 401),  # The byte 0xFF, which is not UTF-8.
        (b"Basic \xe9", 401),  # Not ASCII.
        ("Bearer shop-key", 401),
        ("", 401),
    ],
)
async def test_the_key_may_be_the_password_of_http_basic(
    accepting_adyen: AcceptingAdyen, authorization: str | bytes, status: int
) -> None:
    del accepting_adyen.http.headers["X-API-Key"]
    response = await accepting_adyen.post(
        "/v72/payments", payment_body(), authorization=authorization
    )

    assert response.status_code == status, response.text


async def test_the_answer_to_an_unknown_basic_password_names_the_header(
    accepting_adyen: AcceptingAdyen,
) -> None:
    del accepting_adyen.http.headers["X-API-Key"]
    response = await accepting_adyen.post("/v72/payments", payment_body(), authorization=basic("x"))

    assert "the key in Authorization: Basic is not a key of this Kasir" in response.text


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            500,
            b'{"status":500,"errorCode":"901","message":"Invalid Merchant","errorType":"internal"}',
            "Adyen answered with an error: HTTP 500 errorCode 901, Invalid Merchant. ",
        ),
        (500, b'{"status":500}', "Adyen answered with an error: HTTP 500. "),
        (502, b"<html>Bad Gateway</html>", "Something other than Adyen answered with HTTP 502. "),
    ],
)
async def test_the_answer_to_an_unknown_outcome_describes_the_error_that_came(
    accepting_adyen: AcceptingAdyen, status: int, body: bytes, expected: str
) -> None:
    accepting_adyen.adyen.handler = plain(status, body)
    response = await accepting_adyen.post("/v72/payments", payment_body())

    assert response.status_code == 503
    assert response.headers["transient-error"] == "true"
    assert response.json()["message"].startswith(f"{expected}The outcome is not known yet.")
