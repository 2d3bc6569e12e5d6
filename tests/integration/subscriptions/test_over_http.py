"""Plans and subscriptions over HTTP: valid requests and invalid ones."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from fakes import BROWSER
from raw_http import Caller, caller

__all__ = ["caller"]


def plan(**changes: Any) -> dict[str, Any]:
    fields = {
        "reference": f"PLAN-{secrets.token_hex(4)}",
        "amount": {"currency": "IDR", "value": 50_000},
        "interval": {"unit": "month", "count": 1},
        **changes,
    }
    return {name: field for name, field in fields.items() if field is not None}


def sign_up(plan_id: str, **changes: Any) -> dict[str, Any]:
    fields = {
        "plan": plan_id,
        "shopperReference": f"shopper-{secrets.token_hex(4)}",
        "returnUrl": "https://shop.example/return",
        "channel": "Web",
        "browserInfo": BROWSER,
        **changes,
    }
    return {name: field for name, field in fields.items() if field is not None}


@pytest.fixture
async def plan_id(caller: Caller) -> str:
    """A plan to sign up for."""
    created: str = (await caller.post("/api/plans", plan())).json["id"]
    return created


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reference": None}, "reference"),
        ({"reference": "x" * 81}, "reference"),
        ({"amount": None}, "amount"),
        ({"amount": {"currency": "EUR", "value": 5}}, "amount.currency"),
        ({"amount": {"currency": "IDR", "value": 0}}, "amount.value"),
        ({"amount": {"currency": "IDR", "value": 10**9}}, "amount.value"),
        ({"amount": {"currency": "IDR", "value": 1.5}}, "amount.value"),
        ({"interval": None}, "interval"),
        ({"interval": {"unit": "fortnight", "count": 1}}, "interval.unit"),
        ({"interval": {"unit": "month", "count": 0}}, "interval.count"),
        ({"interval": {"unit": "month", "count": 61}}, "interval.count"),
        ({"interval": {"unit": ["month"], "count": 1}}, "interval.unit"),
        ({"timeZone": "Asia/Atlantis"}, "timeZone"),
        ({"timeZone": 7}, "timeZone"),
        ({"trialDays": -1}, "trialDays"),
        ({"cycles": 0}, "cycles"),
        ({"whenUnpaid": "forget"}, "whenUnpaid"),
        ({"trialdays": 7}, "trialdays"),
    ],
)
async def test_an_invalid_plan_is_refused_with_the_name_of_its_field(
    caller: Caller, changes: dict[str, Any], field: str
) -> None:
    response = await caller.post("/api/plans", plan(**changes))

    assert response.status == 422
    assert response.json["errorType"] == "validation"
    assert f"Field '{field}' is not valid" in response.json["message"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"shopperReference": None}, "shopperReference"),
        ({"shopperReference": "ab"}, "shopperReference"),
        ({"returnUrl": None}, "returnUrl"),
        ({"returnUrl": "javascript:alert(1)"}, "returnUrl"),
        ({"channel": None}, "channel"),
        ({"browserInfo": None}, "browserInfo"),
        ({"reference": "x" * 74}, "reference"),
        ({"plan": "pln_unknown"}, "plan"),
        ({"plan": 7}, "plan"),
        ({"startsAt": "2001-01-01T00:00:00+07:00"}, "startsAt"),
        ({"startsAt": "tomorrow"}, "startsAt"),
        ({"signUpBy": "post"}, "signUpBy"),
        ({"merchantAccount": "Another"}, "merchantAccount"),
        ({"amount": {"currency": "IDR", "value": 1}}, "amount"),
    ],
)
async def test_an_invalid_sign_up_is_refused_and_nothing_is_stored_or_sent(
    caller: Caller, plan_id: str, changes: dict[str, Any], field: str
) -> None:
    before = await caller.row_counts()
    response = await caller.post("/api/subscriptions", sign_up(plan_id, **changes))

    assert response.status in {403, 422}, response.body
    assert f"'{field}'" in response.json["message"]
    assert await caller.row_counts() == before


async def test_a_sign_up_repeated_with_its_key_creates_one_subscription_and_one_payment(
    caller: Caller, plan_id: str
) -> None:
    body, key = sign_up(plan_id, reference=f"SUB-{secrets.token_hex(4)}"), secrets.token_hex(8)
    first = await caller.post("/api/subscriptions", body, key=key)
    again = await caller.post("/api/subscriptions", body, key=key)
    other = await caller.post("/api/subscriptions", {**body, "channel": "iOS"}, key=key)

    assert (first.status, again.status, other.status) == (201, 201, 422)
    assert first.json["id"] == again.json["id"]
    assert first.json["payment"] == again.json["payment"]
    assert first.json["payment"]["action"]["type"] == "redirect"
    assert len(await caller.twin_payments(body["reference"])) == 1


async def test_a_sign_up_by_link_gives_a_form_that_saves_the_wallet(
    caller: Caller, plan_id: str
) -> None:
    body = sign_up(plan_id, signUpBy="link", channel=None, browserInfo=None)
    response = await caller.post("/api/subscriptions", body)
    link_id = response.json["signUp"]["linkUrl"].rpartition("/")[2]
    link = await caller.call("GET", f"/v72/paymentLinks/{link_id}")

    assert response.status == 201
    assert link.json["storePaymentMethodMode"] == "enabled"
    assert (await caller.call("GET", f"/pay/{link_id}")).status == 200


@pytest.mark.parametrize("command", ["pause", "resume"])
async def test_a_command_that_the_state_does_not_allow_is_refused_and_named(
    caller: Caller, plan_id: str, command: str
) -> None:
    created = (await caller.post("/api/subscriptions", sign_up(plan_id))).json
    response = await caller.post(f"/api/subscriptions/{created['id']}/{command}", {})

    assert (response.status, response.json["errorCode"]) == (422, "187")
    assert f"incomplete cannot {command}" in response.json["message"]


async def test_a_subscription_is_cancelled_only_once(caller: Caller, plan_id: str) -> None:
    created = (await caller.post("/api/subscriptions", sign_up(plan_id))).json
    path = f"/api/subscriptions/{created['id']}/cancel"
    first, again = await caller.call("POST", path), await caller.post(path, {"at": "now"})
    shown = await caller.call("GET", f"/api/subscriptions/{created['id']}")

    assert (first.status, first.json["status"], again.status) == (200, "cancelled", 422)
    assert shown.json["status"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "amount"),
        ({"amount": {"currency": "IDR", "value": -1}}, "amount.value"),
        ({"storedPaymentMethodId": "NOBODYS"}, "storedPaymentMethodId"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_an_invalid_change_is_refused_with_its_field(
    caller: Caller, plan_id: str, body: dict[str, Any], field: str
) -> None:
    created = (await caller.post("/api/subscriptions", sign_up(plan_id))).json
    response = await caller.call("PATCH", f"/api/subscriptions/{created['id']}", body)

    assert response.status == 422
    assert f"'{field}'" in response.json["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/subscriptions/sub_none"),
        ("POST", "/api/subscriptions/sub_none/pause"),
        ("POST", "/api/subscriptions/sub%00/resume"),
        ("GET", "/api/plans/pln_none"),
        ("GET", "/api/subscriptions/sub%00"),
    ],
)
async def test_an_unknown_plan_or_subscription_is_answered_with_404(
    caller: Caller, method: str, path: str
) -> None:
    assert (await caller.call(method, path)).status == 404


async def test_a_list_without_an_api_key_is_refused(caller: Caller) -> None:
    response = await caller.call("GET", "/api/subscriptions", api_key=None)

    assert response.status == 401


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("timeZone=Nowhere", "timeZone"),
        ("from=2026-02-30", "from"),
        ("to=yesterday", "to"),
        ("from=2026-02-02&to=2026-02-01", "from"),
        ("to=9999-12-31", "to"),
    ],
)
async def test_an_invalid_parameter_of_the_metrics_is_refused_and_named(
    caller: Caller, query: str, field: str
) -> None:
    response = await caller.call("GET", f"/api/subscriptions/metrics?{query}")

    assert (response.status, f"'{field}'" in response.json["message"]) == (422, True), response.body
