"""An unknown field or parameter of plans and subscriptions is refused by name."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from fakes import BROWSER, KEY
from integration.subscriptions.test_over_http import plan, plan_id, sign_up
from kasir.config import settings_from
from kasir.web.app import create_app
from raw_http import Caller, caller

__all__ = ["caller", "plan_id"]

#: Method, path and a valid body of every path of plans and subscriptions. `call_route` completes
#: the body of a sign-up.
ROUTES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "/api/plans", plan()),
    ("GET", "/api/plans", None),
    ("GET", "/api/plans/{plan}", None),
    ("POST", "/api/subscriptions", {"signUpBy": "link"}),
    ("GET", "/api/subscriptions", None),
    ("GET", "/api/subscriptions/metrics", None),
    ("GET", "/api/subscriptions/{subscription}", None),
    ("PATCH", "/api/subscriptions/{subscription}", {"amount": {"currency": "IDR", "value": 7_000}}),
    ("POST", "/api/subscriptions/{subscription}/cancel", {"at": "now"}),
    ("POST", "/api/subscriptions/{subscription}/pause", {"at": "now"}),
    ("POST", "/api/subscriptions/{subscription}/resume", {}),
    (
        "POST",
        "/api/subscriptions/{subscription}/payment",
        {"channel": "Web", "browserInfo": BROWSER, "returnUrl": "https://shop.example"},
    ),
]
NAMES = [f"{method} {path}" for method, path, _ in ROUTES]


async def new_subscription(caller: Caller, plan_id: str) -> str:
    created: str = (await caller.post("/api/subscriptions", sign_up(plan_id))).json["id"]
    return created


async def call_route(
    caller: Caller, plan_id: str, method: str, path: str, body: object, query: str = ""
) -> tuple[int, str]:
    """Call a path of a new subscription; return the status and the body."""
    if isinstance(body, dict) and path == "/api/subscriptions":
        body = sign_up(plan_id, **body)
    filled = path.format(plan=plan_id, subscription=await new_subscription(caller, plan_id))
    response = await caller.call(method, filled + query, body)
    return response.status, response.body.decode()


def test_every_path_of_plans_and_subscriptions_is_tested_here() -> None:
    settings = settings_from({"ADYEN_ENVIRONMENT": "twin", "ADYEN_HMAC_KEY": KEY})
    documented = {
        (method.upper(), path.replace("_id}", "}"))
        for path, item in (create_app(settings).openapi_schema.paths or {}).items()
        if path.startswith(("/api/plans", "/api/subscriptions"))
        for method in ("get", "post", "patch", "put", "delete")
        if getattr(item, method)
    }

    assert documented == {(method, path) for method, path, _ in ROUTES}


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=NAMES)
async def test_an_unknown_parameter_is_refused_and_named(
    caller: Caller, plan_id: str, method: str, path: str, body: object
) -> None:
    status, response = await call_route(caller, plan_id, method, path, body, "?colour=red")

    assert (status, "'colour'" in response) == (422, True), response


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [route for route in ROUTES if route[2] is not None],
    ids=[name for name in NAMES if not name.startswith("GET")],
)
async def test_an_unknown_field_is_refused_and_named(
    caller: Caller, plan_id: str, method: str, path: str, body: dict[str, Any]
) -> None:
    status, response = await call_route(caller, plan_id, method, path, {**body, "colour": "red"})

    assert (status, "'colour'" in response) == (422, True), response


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        (
            "POST",
            "/api/plans",
            plan(amount={"currency": "IDR", "value": 5, "tax": 1}),
            "amount.tax",
        ),
        (
            "POST",
            "/api/plans",
            plan(interval={"unit": "day", "count": 5, "start": 1}),
            "interval.start",
        ),
        (
            "PATCH",
            "/api/subscriptions/{subscription}",
            {"amount": {"currency": "IDR", "value": 5, "tax": 1}},
            "amount.tax",
        ),
    ],
)
async def test_an_unknown_nested_field_is_refused_and_named(
    caller: Caller, plan_id: str, method: str, path: str, body: object, field: str
) -> None:
    status, response = await call_route(caller, plan_id, method, path, body)

    assert (status, f"'{field}'" in response) == (422, True), response


@pytest.mark.parametrize(
    ("command", "body", "field"),
    [
        ("pause", {"at": "tomorrow"}, "at"),
        ("pause", {"at": 7}, "at"),
        ("pause", {"at": None}, "at"),
        ("pause", {"resumesAt": "tomorrow"}, "resumesAt"),
        ("pause", {"resumesAt": "2099-01-01T00:00:00"}, "resumesAt"),
        ("pause", {"resumesAt": "9999-12-31T23:59:59-12:00"}, "resumesAt"),
        # "never" withdraws a planned pause, so there is nothing to resume.
        ("pause", {"at": "never", "resumesAt": "2099-01-01T00:00:00Z"}, "resumesAt"),
        ("cancel", {"at": "tomorrow"}, "at"),
        ("cancel", {"at": ["now"]}, "at"),
        ("resume", {"at": "periodEnd"}, "at"),
        ("resume", {"at": "2001-01-01T00:00:00Z"}, "at"),
    ],
)
async def test_an_invalid_field_of_a_command_is_refused_and_named(
    caller: Caller, plan_id: str, command: str, body: object, field: str
) -> None:
    path = f"/api/subscriptions/{{subscription}}/{command}"
    status, response = await call_route(caller, plan_id, "POST", path, body)

    assert (status, f"'{field}'" in response) == (422, True), response


async def test_a_body_that_is_not_an_object_is_refused(caller: Caller, plan_id: str) -> None:
    path = "/api/subscriptions/{subscription}/pause"

    assert (await call_route(caller, plan_id, "POST", path, ["now"]))[0] == 400


# The parameters of a list ---------------------------------------------------------------------


async def listed(caller: Caller, query: str) -> list[str]:
    response = await caller.call("GET", f"/api/subscriptions?{query}")
    assert response.status == 200, response.body
    return [one["id"] for one in response.json["subscriptions"]]


async def test_subscriptions_are_found_by_status_shopper_plan_and_reference(
    caller: Caller, plan_id: str
) -> None:
    shopper, reference = f"shopper-{secrets.token_hex(4)}", f"SUB-{secrets.token_hex(4)}"
    first = await caller.post("/api/subscriptions", sign_up(plan_id, shopperReference=shopper))
    second = await caller.post("/api/subscriptions", sign_up(plan_id, reference=reference))
    await caller.call("POST", f"/api/subscriptions/{second.json['id']}/cancel")
    newest_first = [second.json["id"], first.json["id"]]

    assert await listed(caller, f"plan={plan_id}") == newest_first
    assert await listed(caller, f"plan={plan_id}&status=cancelled") == newest_first[:1]
    assert await listed(caller, f"plan={plan_id}&status=incomplete") == newest_first[1:]
    assert await listed(caller, f"shopperReference={shopper}") == newest_first[1:]
    assert await listed(caller, f"reference={reference}") == newest_first[:1]
    assert await listed(caller, f"shopperReference={shopper}&status=active") == []
    assert await listed(caller, "plan=%00") == []


async def test_every_subscription_is_on_exactly_one_page_of_a_list(
    caller: Caller, plan_id: str
) -> None:
    created = [await new_subscription(caller, plan_id) for _ in range(5)]
    pages, after = [], ""
    while True:
        response = await caller.call(
            "GET", f"/api/subscriptions?plan={plan_id}&limit=2&after={after}"
        )
        pages.append([one["id"] for one in response.json["subscriptions"]])
        # A new subscription is the first in the list, so it changes no later page.
        await new_subscription(caller, plan_id)
        if response.json["next"] is None:
            break
        after = response.json["next"]

    created.reverse()  # A list begins with the newest.
    assert pages == [created[:2], created[2:4], created[4:]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=asleep", "status"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=two", "limit"),
        ("after=sub_none", "after"),
        ("after=%00", "after"),
    ],
)
async def test_an_invalid_parameter_of_a_list_is_refused_and_named(
    caller: Caller, query: str, field: str
) -> None:
    response = await caller.call("GET", f"/api/subscriptions?{query}")

    assert (response.status, f"'{field}'" in response.body.decode()) == (422, True), response.body
