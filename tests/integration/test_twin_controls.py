"""The controls do what they say, name the field they cannot read, and stay on this machine."""

from contextlib import nullcontext
from typing import Any

import pytest

from adyen_twin import controls
from adyen_twin.orders import ControlError
from twin_fixtures import KEY, OTHER_KEY, Shop, TwinAtWork, shop, twin

__all__ = ["shop", "twin"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "clock", {"advance_s": -1}, 422, "advance_s"),
        ("POST", "clock", {"advance_s": "1"}, 422, "advance_s"),
        ("POST", "clock", {}, 422, "advance_s"),
        ("POST", "clock", {"advance_s": 1, "back": True}, 422, "back"),
        ("POST", "clock", b"{", 400, None),
        ("PUT", "webhooks/standard", {"url": "http://shop.example/"}, 422, "hmacKey"),
        ("PUT", "webhooks/standard", {"url": "shop", "hmacKey": KEY}, 422, "url"),
        ("PUT", "webhooks/standard", {"url": "http://s/", "hmacKey": "abc"}, 422, "hmacKey"),
        ("PUT", "webhooks/else", {"url": "http://s/", "hmacKey": KEY}, 404, None),
        (
            *("PUT", "webhooks/tokens"),
            *({"url": "http://s/", "hmacKey": KEY, "username": "u"}, 422, "password"),
        ),
        ("POST", "wallet", {"url": "http://nowhere/", "do": "approve"}, 404, "url"),
        ("POST", "wallet", {"url": "http://nowhere/", "do": "dance"}, 422, "do"),
        ("PUT", "knobs", {"walletPin": "12"}, 422, "walletPin"),
        ("PUT", "knobs", {"walletPim": "123456"}, 422, "walletPim"),
        ("PUT", "knobs", [], 422, None),
        ("PUT", "knobs", {"answers": {"gopay_browser": {}}}, 422, "answers[...].status"),
        (
            *("PUT", "knobs"),
            {"answers": {"gopay": {"status": 400, "errorCode": "1", "message": ""}}},
            *(422, "answers.gopay"),
        ),
        ("GET", "payments/NOSUCHPAYMENT000", None, 404, None),
    ],
)
async def test_a_call_that_cannot_be_done_says_why(
    twin: TwinAtWork, method: str, path: str, body: Any, status: int, field: str | None
) -> None:
    answer = await twin.call(method, f"/twin/{path}", body)

    assert answer.status == status, answer.text
    assert answer.body["error"]
    assert answer.body.get("field") == field


async def test_the_clock_advances(twin: TwinAtWork) -> None:
    before = await twin.control("GET", "clock")
    after = await twin.control("POST", "clock", {"advance_s": 3600})

    assert before["advanced_s"] == 0
    assert after["advanced_s"] == pytest.approx(3600, abs=0.01)
    assert after["now"] > before["now"]


async def test_knobs_are_turned_one_by_one_and_back(twin: TwinAtWork) -> None:
    await twin.control("PUT", "knobs", {"walletBalance": 5})
    turned = await twin.control("PUT", "knobs", {"pinTries": 1})
    back = await twin.control("DELETE", "knobs")

    assert (turned["walletBalance"], turned["pinTries"]) == (5, 1)
    assert (back["walletBalance"], back["pinTries"]) == (10_000_000, 3)
    assert await twin.control("GET", "knobs") == back


async def test_a_reset_keeps_the_settings_and_nothing_else(twin: TwinAtWork, shop: Shop) -> None:
    await twin.control("PUT", "knobs", {"pinTries": 1})
    await twin.control("POST", "clock", {"advance_s": 3600})
    await twin.paid()
    await twin.settle()
    await twin.control("POST", "reset")
    left = await twin.control("GET", "payments"), await twin.control("GET", "deliveries")
    await twin.paid(reference="AFTER")
    await twin.settle()

    assert left == (
        {"count": 0, "payments": []},
        {"count": 0, "deliveries": [], "waiting": []},
    )
    assert (await twin.control("GET", "knobs"))["pinTries"] == 1
    assert (await twin.control("GET", "clock"))["advanced_s"] >= 3599
    assert shop.received[-1].item["merchantReference"] == "AFTER"


async def test_payments_are_found_by_reference_and_by_either_name(twin: TwinAtWork) -> None:
    await twin.pay(reference="A")
    psp_reference = await twin.paid(reference="B", metadata={"k": "v"})
    told = await twin.control("GET", f"payments/{psp_reference}")

    assert (await twin.control("GET", "payments"))["count"] == 2
    assert (await twin.control("GET", "payments?reference=B"))["payments"] == [told]
    assert await twin.control("GET", f"payments/{told['offerReference']}") == told
    assert told["status"] == "authorised"
    assert told["captured"] == 25000
    assert told["refunded"] == 0
    assert told["metadata"] == {"k": "v"}
    assert [event["eventCode"] for event in told["events"]] == ["AUTHORISATION"]


async def test_a_new_key_makes_the_old_one_the_previous(twin: TwinAtWork, shop: Shop) -> None:
    for key in (OTHER_KEY, OTHER_KEY):
        await twin.control("PUT", "webhooks/standard", {"url": shop.url, "hmacKey": key})

    assert twin.twin.state.endpoints["standard"].previous_hmac_key == KEY


@pytest.mark.parametrize(
    ("host", "welcome"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.168.1.7", False),
        ("::ffff:10.0.0.1", False),
        ("", False),
        ("testclient", False),
    ],
)
def test_controls_answer_only_to_this_machine(host: str, welcome: bool) -> None:
    class Connection:
        client = type("Client", (), {"host": host})()

    refusal = nullcontext() if welcome else pytest.raises(ControlError, match="machine")
    with refusal:
        controls.only_this_machine(Connection(), None)  # type: ignore[arg-type]
