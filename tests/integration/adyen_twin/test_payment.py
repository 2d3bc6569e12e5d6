"""Payments over HTTP: the methods, the redirect, the result and the webhook."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from twin_fixtures import RunningTwin, Shop, payment_body, result_of, shop, twin

__all__ = ["shop", "twin"]

RUPIAH = {"currency": "IDR", "value": 25_000}
#: A request for /paymentMethods that lists GoPay.
LISTING = {
    "merchantAccount": "TwinMerchant",
    "countryCode": "ID",
    "amount": RUPIAH,
    "channel": "Web",
}


@pytest.mark.parametrize("prefix", ["/v68", "/v70", "/v72", "/checkout/v72"])
async def test_gopay_is_listed_under_every_version(twin: RunningTwin, prefix: str) -> None:
    answer = await twin.api(f"{prefix}/paymentMethods", LISTING)

    assert answer.body["paymentMethods"] == [{"name": "GoPay Wallet", "type": "gopay_wallet"}]


@pytest.mark.parametrize(
    "change",
    [
        {"countryCode": "NL"},
        {"amount": {"currency": "EUR", "value": 25000}},
        {"amount": {"currency": "IDR", "value": 20_000_001}},
        {"amount": {"currency": "IDR", "value": 0}},
        {"allowedPaymentMethods": ["scheme"]},
        {"blockedPaymentMethods": ["gopay_wallet"]},
    ],
)
async def test_gopay_is_not_listed_for_other_countries_currencies_or_amounts(
    twin: RunningTwin, change: dict[str, Any]
) -> None:
    answer = await twin.api("/v72/paymentMethods", LISTING | change)

    assert (answer.status, answer.body) == (200, {"paymentMethods": []})


async def test_the_answer_with_a_redirect_has_a_psp_reference_only_in_its_header(
    twin: RunningTwin,
) -> None:
    answer = await twin.api("/v72/payments", payment_body())
    action = answer.body["action"]

    assert answer.body.keys() == {"resultCode", "action"}
    assert answer.headers["pspReference"] != ""
    assert action["url"].startswith(f"{twin.url}/checkoutshopper/checkoutPaymentRedirect?")
    # The value has a character that must be percent-encoded.
    assert "%21" in action["url"]


async def test_an_approved_payment_is_authorised_in_details_and_webhook(
    twin: RunningTwin, shop: Shop
) -> None:
    url = await twin.pay(metadata={"basket": "7"})
    reply = await twin.shopper(url)
    details = await twin.details(reply["location"])
    await twin.settle()

    item = shop.received[0].item
    assert details.body == {"pspReference": reply["pspReference"], "resultCode": "Authorised"}
    assert shop.events == [("AUTHORISATION", "true")]
    assert item["pspReference"] == reply["pspReference"]
    assert item["additionalData"]["metadata.basket"] == "7"
    assert "originalReference" not in item


@pytest.mark.parametrize(
    ("action", "result", "detailed_reason", "detailed_code", "webhook_reason"),
    [
        ("refuse", "Refused", "Refused", "2", "Refused"),
        ("cancel", "Cancelled", "Shopper Cancelled", "16", "Shopper Cancelled"),
    ],
)
async def test_a_refused_or_cancelled_payment_has_its_result_and_reason(
    twin: RunningTwin,
    shop: Shop,
    action: str,
    result: str,
    detailed_reason: str,
    detailed_code: str,
    webhook_reason: str,
) -> None:
    recorded = await twin.details((await twin.shopper(await twin.pay(), action))["location"])
    await twin.control("PUT", "knobs", {"refusalReasons": "detailed"})
    detailed = await twin.details((await twin.shopper(await twin.pay(), action))["location"])
    await twin.settle()

    assert recorded.status == 200
    assert "paymentMethod" not in recorded.body
    assert recorded.body["resultCode"] == result
    assert recorded.body["refusalReason"] == result.upper()
    assert recorded.body["refusalReasonCode"] == "0"
    assert detailed.body["refusalReason"] == detailed_reason
    assert detailed.body["refusalReasonCode"] == detailed_code
    assert shop.events == [("AUTHORISATION", "false")] * 2
    assert shop.received[0].item["reason"] == webhook_reason


async def test_the_third_wrong_pin_refuses_the_payment(twin: RunningTwin, shop: Shop) -> None:
    url = await twin.pay()
    tries = [await twin.shopper(url, pin="000000") for _ in range(3)]
    await twin.settle()

    assert [reply.get("pinTriesLeft") for reply in tries] == [2, 1, None]
    assert [reply["status"] for reply in tries] == ["awaiting", "awaiting", "refused"]
    assert shop.received[0].item["reason"] == "Pin tries exceeded"


async def test_a_payment_above_the_balance_is_refused(twin: RunningTwin, shop: Shop) -> None:
    url = await twin.pay(amount={"currency": "IDR", "value": 10_000_001})
    reply = await twin.shopper(url)
    await twin.settle()

    assert reply["status"] == "refused"
    assert shop.received[0].item["reason"] == "Not enough balance"


async def test_an_authorisation_is_sent_even_if_the_shopper_never_returns(
    twin: RunningTwin, shop: Shop
) -> None:
    reply = await twin.shopper(await twin.pay(), "approve_without_return")
    await twin.settle()

    assert (reply["location"], reply["status"]) == (None, "authorised")
    assert shop.events == [("AUTHORISATION", "true")]


async def test_an_unpaid_offer_expires_after_thirty_minutes(twin: RunningTwin, shop: Shop) -> None:
    answer = await twin.api("/v72/payments", payment_body())
    offer = answer.headers["pspReference"]
    await twin.settle(30 * 60 - 5)
    before = list(shop.events)
    await twin.settle(10)
    late = await twin.call(
        "POST", "/twin/wallet", {"url": answer.body["action"]["url"], "do": "approve"}
    )

    assert before == []
    assert shop.events == [("OFFER_CLOSED", "true")]
    assert shop.received[0].item["pspReference"] == offer
    assert late.status == 409
    assert (await twin.control("GET", f"payments/{offer}"))["status"] == "expired"


async def test_session_validity_can_make_an_offer_expire_sooner(
    twin: RunningTwin, shop: Shop
) -> None:
    now = (await twin.control("GET", "clock"))["now"]
    refused = await twin.api("/v72/payments", payment_body(sessionValidity=now))
    garbled = await twin.api("/v72/payments", payment_body(sessionValidity="tomorrow"))
    # A year from now is later than the usual expiry, so it changes nothing.
    await twin.pay(sessionValidity=f"{int(now[:4]) + 1}{now[4:]}")
    await twin.pay(reference="SHORT", sessionValidity=_later(now, minutes=1))
    await twin.settle(61)

    assert refused.body["message"] == "Field 'sessionValidity' is not valid."
    assert garbled.body["message"] == "Field 'sessionValidity' is not valid."
    assert [webhook.item["merchantReference"] for webhook in shop.received] == ["SHORT"]


def _later(moment: str, *, minutes: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(minutes=minutes)).isoformat()


async def test_a_second_call_to_details_is_refused_unless_its_key_is_the_same(
    twin: RunningTwin,
) -> None:
    reply = await twin.shopper(await twin.pay())
    first = await twin.details(reply["location"], key="return-1")
    again = await twin.details(reply["location"])
    same_key = await twin.details(reply["location"], key="return-1")
    await twin.control("PUT", "knobs", {"detailsRepeat": "replay"})
    replayed = await twin.details(reply["location"])

    assert (again.status, again.body["errorCode"]) == (422, "704")
    assert again.body["pspReference"] == reply["pspReference"]
    assert (same_key.status, same_key.text) == (200, first.text)
    assert replayed.body == first.body


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "14_002"),
        ({"details": {}}, 422, "14_002"),
        ({"details": {"payload": "x"}}, 422, "14_002"),
        ({"details": "x"}, 422, "187"),
        ({"details": {"redirectResult": 7}}, 422, "187"),
        ({"details": {"redirectResult": "x" * 20_001}}, 422, "187"),
        ({"details": {"redirectResult": "X6XtfGC3!Ygarbled"}}, 422, "14_018"),
        (b"", 400, "702"),
        (b"[]", 400, "702"),
        (b'{"details": \xff}', 400, "702"),
    ],
)
async def test_invalid_details_are_refused(
    twin: RunningTwin, body: Any, status: int, code: str
) -> None:
    answer = await twin.api("/v72/payments/details", body)

    assert (answer.status, answer.body["errorCode"]) == (status, code)


async def test_a_redirect_result_must_be_decoded_exactly_once(twin: RunningTwin) -> None:
    reply = await twin.shopper(await twin.pay())
    raw = reply["location"].partition("redirectResult=")[2]
    still_encoded = await twin.api("/v72/payments/details", {"details": {"redirectResult": raw}})

    assert still_encoded.body["errorCode"] == "14_018"
    assert (await twin.details(reply["location"])).status == 200


async def test_only_the_twins_key_is_accepted(twin: RunningTwin) -> None:
    wrong_key = await twin.call("POST", "/v72/payments", payment_body(), {"X-API-Key": "wrong"})
    without_key = await twin.call("POST", "/v72/payments", payment_body())

    assert (wrong_key.status, wrong_key.body["errorCode"]) == (401, "000")
    assert "pspReference" not in wrong_key.headers
    assert without_key.status == 401


async def test_unknown_paths_are_answered_404(twin: RunningTwin) -> None:
    for path in ("/v72/donations", "/v73/payments", "/v67/payments", "/nowhere"):
        assert (await twin.api(path, {})).status == 404


async def test_a_knob_makes_every_redirect_a_post(twin: RunningTwin) -> None:
    await twin.control("PUT", "knobs", {"actionUrl": "post"})
    action = (await twin.api("/v72/payments", payment_body())).body["action"]
    without_form = await twin.call("GET", action["url"])
    reply = await twin.shopper(action["url"])

    assert (action["method"], list(action["data"])) == ("POST", ["payload"])
    assert without_form.status == 404
    assert "method" not in reply  # The return is by GET.


async def test_both_redirects_can_be_by_post(twin: RunningTwin) -> None:
    body = payment_body(redirectToIssuerMethod="POST", redirectFromIssuerMethod="POST")
    action = (await twin.api("/v72/payments", body)).body["action"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    without_form = await twin.call("GET", action["url"])
    posted = await twin.call(
        "POST", action["url"], f"payload={action['data']['payload']}".encode(), form
    )
    reply = await twin.shopper(action["url"])

    assert action["method"] == "POST"
    assert without_form.status == 404
    assert posted.status == 303
    assert (reply["method"], reply["url"]) == ("POST", body["returnUrl"])
    assert reply["data"]["redirectResult"] == result_of(reply["location"])
    assert parse_qs(urlsplit(reply["location"]).query)["order"] == ["1001"]


async def test_a_knob_changes_the_answer_of_a_rule(twin: RunningTwin) -> None:
    other = {"status": 400, "errorCode": "14_0xx", "message": "No browser", "errorType": "internal"}
    await twin.control("PUT", "knobs", {"answers": {"gopay_browser": other}})
    answer = await twin.api("/v72/payments", payment_body(browserInfo=None))

    assert answer.status == 400
    assert answer.body == other


@pytest.mark.parametrize(("value", "status"), [(99, 422), (100, 200), (200, 200), (201, 422)])
async def test_the_limits_of_an_amount_are_knobs(
    twin: RunningTwin, value: int, status: int
) -> None:
    await twin.control("PUT", "knobs", {"amountMin": 100, "amountMax": 200})
    body = payment_body(amount={"currency": "IDR", "value": value})

    assert (await twin.api("/v72/payments", body)).status == status


async def test_details_have_only_the_fields_of_adyens_example_unless_a_knob_adds_more(
    twin: RunningTwin,
) -> None:
    url = await twin.pay()
    reply = await twin.shopper(url)
    short = await twin.details(reply["location"])
    await twin.control("PUT", "knobs", {"detailsReference": "present", "detailsRepeat": "replay"})
    full = await twin.details(reply["location"])

    required = {"resultCode": "Authorised", "pspReference": reply["pspReference"]}
    assert short.body == required
    assert full.body == required | {
        "merchantReference": "ORDER-1001",
        "amount": RUPIAH,
        "paymentMethod": {"type": "gopay_wallet"},
    }


async def test_a_refusal_in_details_has_a_reason_but_no_merchant_reference(
    twin: RunningTwin,
) -> None:
    reply = await twin.shopper(await twin.pay(), "refuse")
    details = await twin.details(reply["location"])

    assert details.body == {
        "resultCode": "Refused",
        "pspReference": reply["pspReference"],
        "refusalReason": "REFUSED",
        "refusalReasonCode": "0",
    }


@pytest.mark.parametrize(("knob", "expected"), [(True, {"metadata.basket"}), (False, set())])
async def test_an_authorisation_has_the_metadata_only_if_a_knob_enables_it(
    twin: RunningTwin, shop: Shop, knob: bool, expected: set[str]
) -> None:
    await twin.control("PUT", "knobs", {"authorisationMetadata": knob})
    await twin.paid(metadata={"basket": "7"})
    await twin.settle()

    names = shop.received[0].item["additionalData"]
    assert {name for name in names if name.startswith("metadata.")} == expected
