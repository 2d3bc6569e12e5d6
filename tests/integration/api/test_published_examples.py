"""Kasir accepts each example request in Adyen's schema that can be made one for GoPay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from fakes import payment_body
from integration.api.conftest import AcceptingAdyen
from twin_openapi import FOLDER, document, needs_openapi

_CHANGES: Final = "/payments/{paymentPspReference}"
#: The calls of Adyen's schema that Kasir answers.
ANSWERED: Final = (
    *("/paymentMethods", "/payments", "/payments/details", "/paymentLinks", "/cancels"),
    *(f"{_CHANGES}/{change}" for change in ("cancels", "captures", "refunds", "reversals")),
)
#: Examples that Kasir refuses, each with the reason.
REFUSED: Final = {
    "3d-secure-2-native": "it has the result of a card's challenge, and no redirectResult",
}


def examples() -> Iterator[Any]:
    """The version, the path, the name and the body of each example."""
    if FOLDER is None:
        return
    for version in (71, 72):
        checkout = document(f"CheckoutService-v{version}")
        for path in ANSWERED:
            content = checkout["paths"][path]["post"]["requestBody"]["content"]
            for name, example in content["application/json"]["examples"].items():
                named = example["$ref"].rsplit("/", 1)[-1]
                body = checkout["components"]["examples"][named]["value"]
                yield pytest.param(version, path, name, body, id=f"v{version}{path}-{name}")


def for_gopay(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """An example of another payment method as a request for GoPay, in its own country."""
    made = {name: body[name] for name in body if name != "merchantAccount"}
    if "amount" in made:
        made["amount"] = {**made["amount"], "currency": "IDR"}
    if "countryCode" in made:
        made["countryCode"] = "ID"
    if path == "/cancels":
        made["paymentReference"] = payment_body()["reference"]
    if path != "/payments":
        return made
    token = made["paymentMethod"].get("storedPaymentMethodId")
    made["paymentMethod"] = {"storedPaymentMethodId": token} if token else {"type": "gopay_wallet"}
    # GoPay requires both of them; few examples have them.
    return {**{name: payment_body()[name] for name in ("channel", "browserInfo")}, **made}


@needs_openapi
@pytest.mark.parametrize(("version", "path", "name", "body"), [*examples()])
async def test_an_example_is_forwarded_as_it_is_published(
    accepting_adyen: AcceptingAdyen,
    version: int,
    path: str,
    name: str,
    body: dict[str, Any],
) -> None:
    if path.startswith(_CHANGES) or path == "/cancels":
        paid = payment_body() | {"amount": {"currency": "IDR", "value": 100_000}}
        await accepting_adyen.post("/v72/payments", paid)
    made = for_gopay(path, body)
    called = f"/v{version}{path.replace('{paymentPspReference}', 'PSP-1')}"
    response = await accepting_adyen.post(called, made)

    if name in REFUSED:
        assert response.status_code == 422, response.text
        return
    assert response.status_code in {200, 201}, response.text
    if path != "/paymentLinks":  # Which Kasir answers itself.
        received_at, sent = accepting_adyen.last_request()
        assert received_at == f"POST {called}"
        assert {field: sent.get(field) for field in made} == made
