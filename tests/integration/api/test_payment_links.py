"""Payment links over HTTP: creating, reading and withdrawing them, and their errors."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes import payment_body
from raw_http import Caller, is_adyens_error


def link_body(**changes: Any) -> dict[str, Any]:
    """The body of a complete link; a change of None removes the field."""
    body = {
        "reference": f"LINK-{secrets.token_hex(6)}",
        "amount": {"currency": "IDR", "value": 25_000},
        "countryCode": "ID",
        "returnUrl": "https://shop.example/thanks",
        "lineItems": [{"id": "gayo", "quantity": 1, "amountIncludingTax": 25_000}],
    } | changes
    return {name: value for name, value in body.items() if value is not None}


async def twin_time(caller: Caller) -> datetime:
    """The twin's time, which Kasir uses in these tests."""
    async with caller.http.get(f"{caller.system.twin_url}/twin/clock") as response:
        return datetime.fromisoformat((await response.json())["now"])


@pytest.mark.parametrize("version", [71, 72])
async def test_a_link_is_created_and_returned(caller: Caller, version: int) -> None:
    body = link_body(description="Kopi", shopperReference="shopper-1")
    created = await caller.post(f"/v{version}/paymentLinks", body)
    shown = await caller.call("GET", f"/v{version}/paymentLinks/{created.json['id']}")

    assert (created.status, shown.status) == (201, 200)
    assert created.json["status"] == "active"
    assert created.json["url"] == f"{caller.system.kasir_url}/pay/{created.json['id']}"
    assert created.json["merchantAccount"] == "TwinMerchant"
    assert {name: created.json[name] for name in body} == body
    assert shown.json == created.json


async def test_a_link_is_valid_for_a_day_by_default(caller: Caller) -> None:
    now = await twin_time(caller)
    created = await caller.post("/v72/paymentLinks", link_body())
    expires_at = datetime.fromisoformat(created.json["expiresAt"])

    assert timedelta(hours=23) < expires_at - now < timedelta(hours=25)


async def test_a_link_is_valid_until_the_requested_expiry(caller: Caller) -> None:
    expires_at = (
        (await twin_time(caller) + timedelta(days=69)).astimezone(UTC).replace(microsecond=0)
    )
    created = await caller.post("/v72/paymentLinks", link_body(expiresAt=expires_at.isoformat()))

    assert created.status == 201
    assert datetime.fromisoformat(created.json["expiresAt"]) == expires_at


async def test_a_withdrawn_link_stays_withdrawn(caller: Caller) -> None:
    created = await caller.post("/v72/paymentLinks", link_body())
    path = f"/v72/paymentLinks/{created.json['id']}"
    first = await caller.call("PATCH", path, {"status": "expired"})
    again = await caller.call("PATCH", path, {"status": "expired"})
    shown = await caller.call("GET", path)

    assert [answer.status for answer in (first, again, shown)] == [200] * 3
    assert [answer.json["status"] for answer in (first, again, shown)] == ["expired"] * 3


@pytest.mark.parametrize(
    "body", [{}, {"status": "active"}, {"status": "completed"}, {"status": None}, {"status": 7}]
)
async def test_a_link_can_only_be_withdrawn(caller: Caller, body: dict[str, Any]) -> None:
    created = await caller.post("/v72/paymentLinks", link_body())
    path = f"/v72/paymentLinks/{created.json['id']}"
    answer = await caller.call("PATCH", path, body)

    assert (answer.status, is_adyens_error(answer)) == (422, True)
    assert "Field 'status' is not valid: " in answer.json["message"]
    assert (await caller.call("GET", path)).json["status"] == "active"


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"reference": None}, 422, "reference"),
        ({"reference": "r" * 81}, 422, "reference"),
        ({"amount": None}, 422, "amount"),
        ({"amount": {"currency": "EUR", "value": 1}}, 422, "amount.currency"),
        ({"amount": {"currency": "IDR", "value": 0}}, 422, "amount.value"),
        ({"amount": {"currency": "IDR", "value": 1.5}}, 422, "amount.value"),
        ({"returnUrl": 7}, 422, "returnUrl"),
        ({"returnUrl": "shop.example"}, 422, "returnUrl"),
        ({"countryCode": "NL"}, 422, "countryCode"),
        ({"merchantAccount": "Another"}, 403, "merchantAccount"),
        ({"expiresAt": "tomorrow"}, 422, "expiresAt"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, 422, "expiresAt"),
        ({"expiresAt": "2999-01-01T00:00:00Z"}, 422, "expiresAt"),
        ({"allowedPaymentMethods": ["scheme"]}, 422, "allowedPaymentMethods"),
        ({"allowedPaymentMethods": "gopay_wallet"}, 422, "allowedPaymentMethods"),
        ({"lineItems": ["Kopi"]}, 422, "lineItems[0]"),
        ({"metadata": {"k" * 21: "v"}}, 422, "metadata"),
        ({"shopperReference": "ab"}, 422, "shopperReference"),
        ({"reusable": "yes"}, 422, "reusable"),
        ({"riskData": {"deep": ["a\0"]}}, 422, "riskData.deep[0]"),
    ],
)
async def test_an_invalid_link_names_its_field_and_is_not_stored(
    caller: Caller, changes: dict[str, Any], status: int, field: str
) -> None:
    before = await caller.row_counts()
    answer = await caller.post("/v72/paymentLinks", link_body(**changes))

    assert (answer.status, is_adyens_error(answer)) == (status, True)
    assert f"Field '{field}' is not valid: " in answer.json["message"]
    assert await caller.row_counts() == before


async def test_all_errors_of_a_link_are_named_in_one_response(caller: Caller) -> None:
    wrong = {
        "reference": "",
        "amount": {"currency": "EUR", "value": 0},
        "returnUrl": "nowhere",
        "countryCode": "NL",
        "expiresAt": "soon",
        "metadata": 7,
    }
    answer = await caller.post("/v72/paymentLinks", wrong)
    fields = [
        "reference",
        "amount.currency",
        "amount.value",
        "returnUrl",
        "countryCode",
        "expiresAt",
        "metadata",
    ]

    assert answer.status == 422
    not_named = [name for name in fields if f"Field '{name}' is" not in answer.json["message"]]
    assert not_named == []


async def test_creating_a_link_does_not_call_adyen(caller: Caller) -> None:
    twin_payments, payments, *_ = await caller.row_counts()
    body = link_body()
    await caller.post("/v72/paymentLinks", body)
    twin_payments_after, payments_after, *_ = await caller.row_counts()

    assert (twin_payments_after, payments_after) == (twin_payments, payments)
    assert await caller.twin_payments(body["reference"]) == []


async def test_the_body_of_a_payment_creates_no_link_and_its_extra_fields_are_named(
    caller: Caller,
) -> None:
    before = await caller.row_counts()
    answer = await caller.post("/v72/paymentLinks", payment_body())

    assert answer.status == 422
    for name in ("browserInfo", "channel", "paymentMethod"):
        assert f"Field '{name}' is not valid: " in answer.json["message"]
    assert await caller.row_counts() == before


async def test_an_idempotency_key_creates_one_link_and_refuses_another_body(caller: Caller) -> None:
    body, key = link_body(), secrets.token_hex(8)
    first = await caller.post("/v72/paymentLinks", body, key=key)
    again = await caller.post("/v72/paymentLinks", body, key=key)
    other = await caller.post("/v72/paymentLinks", link_body(), key=key)

    assert (again.status, again.json) == (first.status, first.json)
    assert (other.status, other.json["errorCode"]) == (422, "704")
