"""The controls: their effects, the fields that errors name, and the callers they accept."""

from __future__ import annotations

from typing import Any

import pytest

from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin
from twin_fixtures import KEY, OTHER_KEY, RunningTwin, Shop, serving, shop, twin

__all__ = ["shop", "twin"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "clock", {"advance_s": -1}, 422, "advance_s"),
        ("POST", "clock", {"advance_s": "1"}, 422, "advance_s"),
        ("POST", "clock", {}, 422, "advance_s"),
        ("POST", "clock", {"advance_s": 1, "back": True}, 422, "back"),
        ("POST", "clock", b"{", 400, None),
        ("PUT", "webhooks/standard", b"[1, \xa0", 400, None),
        ("PUT", "webhooks/standard", {"url": "http://shop.example/"}, 422, "hmacKey"),
        ("PUT", "webhooks/standard", {"url": "shop", "hmacKey": KEY}, 422, "url"),
        ("PUT", "webhooks/standard", {"url": "http://s/", "hmacKey": "abc"}, 422, "hmacKey"),
        ("PUT", "webhooks/else", {"url": "http://s/", "hmacKey": KEY}, 404, None),
        ("PUT", "webhooks/standard", {"url": "http://[::1/", "hmacKey": KEY}, 422, "url"),
        (
            "PUT",
            "webhooks/tokens",
            {"url": "http://s/", "hmacKey": KEY, "username": "u"},
            422,
            "password",
        ),
        ("POST", "wallet", {"url": "http://nowhere/", "do": "approve"}, 404, "url"),
        ("POST", "wallet", {"url": "http://nowhere/", "do": "dance"}, 422, "do"),
        ("PUT", "knobs", {"walletPin": "12"}, 422, "walletPin"),
        ("PUT", "knobs", {"walletPim": "123456"}, 422, "walletPim"),
        ("PUT", "knobs", [], 422, None),
        ("PUT", "knobs", {"answers": {"gopay_browser": {}}}, 422, "answers[...].status"),
        (
            "PUT",
            "knobs",
            {"answers": {"gopay": {"status": 400, "errorCode": "1", "message": ""}}},
            422,
            "answers.gopay",
        ),
        ("GET", "payments/NOSUCHPAYMENT000", None, 404, None),
    ],
)
async def test_an_invalid_control_call_is_answered_with_an_error_and_its_field(
    twin: RunningTwin, method: str, path: str, body: Any, status: int, field: str | None
) -> None:
    answer = await twin.call(method, f"/twin/{path}", body)

    assert answer.status == status, answer.text
    assert answer.body["error"]
    assert answer.body.get("field") == field


#: The headers that a browser sends without a preflight for a page of any origin.
WITHOUT_PREFLIGHT = [
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data; boundary=b"},
    {"Content-Type": ""},
]


@pytest.mark.parametrize("headers", WITHOUT_PREFLIGHT, ids=lambda headers: headers["Content-Type"])
@pytest.mark.parametrize(("method", "path"), [("PUT", "knobs"), ("POST", "clock")])
async def test_a_body_of_another_content_type_than_json_is_refused_with_a_hint(
    twin: RunningTwin, method: str, path: str, headers: dict[str, str]
) -> None:
    body = {"advance_s": 60} if path == "clock" else {"pinTries": 1}
    answer = await twin.call(method, f"/twin/{path}", body, headers)

    assert answer.status == 415
    assert answer.body["error"] == "send the header Content-Type: application/json with a body"
    assert (await twin.control("GET", "clock"))["advanced_s"] == 0
    assert (await twin.control("GET", "knobs"))["pinTries"] == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://shop.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "rebound.example:8700"},
        {"Host": "[::1"},
        {"Host": "127.0.0.1.rebound.example"},
    ],
    ids=str,
)
async def test_a_page_of_another_origin_cannot_use_the_controls(
    twin: RunningTwin, headers: dict[str, str]
) -> None:
    await twin.paid()
    answers = [
        await twin.call("POST", "/twin/reset", None, headers),
        await twin.call("DELETE", "/twin/faults", None, headers),
        await twin.call("POST", "/twin/clock", {"advance_s": 60}, headers),
    ]

    assert [answer.status for answer in answers] == [403] * 3
    assert all(answer.body["error"] for answer in answers)
    assert (await twin.control("GET", "payments"))["count"] == 1
    assert (await twin.control("GET", "clock"))["advanced_s"] == 0


async def test_a_report_is_refused_to_a_foreign_host_name(twin: RunningTwin) -> None:
    answer = await twin.call("GET", "/twin/payments", None, {"Host": "rebound.example"})

    assert answer.status == 403
    assert "127.0.0.1 or localhost" in answer.body["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:8700"},
        {"Host": "twin.localhost:8700"},
        {"Host": "[::1]:8700"},
        {"Host": "localhost:8700", "Origin": "http://localhost:8700"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Content-Type": "application/json; charset=utf-8"},
    ],
    ids=str,
)
async def test_programs_and_pages_of_this_machine_can_use_the_controls(
    twin: RunningTwin, headers: dict[str, str]
) -> None:
    advanced = await twin.call("POST", "/twin/clock", {"advance_s": 60}, headers)
    reset = await twin.call("POST", "/twin/reset", None, headers)

    assert (advanced.status, reset.status) == (200, 200), advanced.text


async def test_the_host_name_of_the_public_url_is_accepted() -> None:
    async with serving(Twin(Settings(public_url="http://twin.test:8700"), Knobs())) as served:
        answer = await served.call("GET", "/twin/clock", None, {"Host": "twin.test:8700"})

    assert answer.status == 200


async def test_the_clock_advances(twin: RunningTwin) -> None:
    before = await twin.control("GET", "clock")
    after = await twin.control("POST", "clock", {"advance_s": 3600})

    assert before["advanced_s"] == 0
    assert after["advanced_s"] == pytest.approx(3600, abs=0.01)
    assert after["now"] > before["now"]


async def test_knobs_are_set_one_by_one_and_reset(twin: RunningTwin) -> None:
    await twin.control("PUT", "knobs", {"walletBalance": 5})
    changed = await twin.control("PUT", "knobs", {"pinTries": 1})
    after_reset = await twin.control("DELETE", "knobs")

    assert (changed["walletBalance"], changed["pinTries"]) == (5, 1)
    assert (after_reset["walletBalance"], after_reset["pinTries"]) == (10_000_000, 3)
    assert await twin.control("GET", "knobs") == after_reset


async def test_a_reset_keeps_only_the_knobs_the_webhooks_and_the_time(
    twin: RunningTwin, shop: Shop
) -> None:
    await twin.control("PUT", "knobs", {"pinTries": 1})
    await twin.control("POST", "clock", {"advance_s": 3600})
    await twin.paid()
    await twin.settle()
    await twin.control("POST", "reset")
    after_reset = await twin.control("GET", "payments"), await twin.control("GET", "deliveries")
    await twin.paid(reference="AFTER")
    await twin.settle()

    assert after_reset == (
        {"count": 0, "payments": []},
        {"count": 0, "deliveries": [], "waiting": []},
    )
    assert (await twin.control("GET", "knobs"))["pinTries"] == 1
    assert (await twin.control("GET", "clock"))["advanced_s"] >= 3599
    assert shop.received[-1].item["merchantReference"] == "AFTER"


async def test_payments_are_found_by_merchant_reference_and_by_either_psp_reference(
    twin: RunningTwin,
) -> None:
    await twin.pay(reference="A")
    psp_reference = await twin.paid(reference="B", metadata={"k": "v"})
    reply = await twin.control("GET", f"payments/{psp_reference}")

    assert (await twin.control("GET", "payments"))["count"] == 2
    assert (await twin.control("GET", "payments?reference=B"))["payments"] == [reply]
    assert await twin.control("GET", f"payments/{reply['offerReference']}") == reply
    assert reply["status"] == "authorised"
    assert reply["captured"] == 25000
    assert reply["refunded"] == 0
    assert reply["metadata"] == {"k": "v"}
    assert [event["eventCode"] for event in reply["events"]] == ["AUTHORISATION"]


async def test_a_new_key_makes_the_old_one_the_previous_key(twin: RunningTwin, shop: Shop) -> None:
    # The second call does not change the key, so the previous key stays.
    for key in (OTHER_KEY, OTHER_KEY):
        await twin.control("PUT", "webhooks/standard", {"url": shop.url, "hmacKey": key})

    assert twin.twin.state.endpoints["standard"].previous_hmac_key == KEY
