"""Where sources about Adyen disagree: what the twin does, and the knob that changes it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from twin_fixtures import (
    Answer,
    RunningTwin,
    Shop,
    charge_body,
    listening,
    payment_body,
    shop,
    twin,
)

__all__ = ["shop", "twin"]

ACCOUNT = {"merchantAccount": "TwinMerchant"}
GOPAY_ROW = {"name": "GoPay Wallet", "type": "gopay_wallet"}
ALL_FIELDS = ACCOUNT | {
    "countryCode": "ID",
    "amount": {"currency": "IDR", "value": 25_000},
    "channel": "Web",
}


async def knobs(twin: RunningTwin, **values: Any) -> None:
    """Set knobs."""
    await twin.control("PUT", "knobs", values)


async def charge(twin: RunningTwin, token: str, **changes: Any) -> Answer:
    """Charge a token."""
    return await twin.api("/v72/payments", charge_body(token, **changes))


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("missing", ["countryCode", "amount", "channel"])
async def test_gopay_is_listed_without_a_field_unless_a_knob_needs_it(
    twin: RunningTwin, missing: str
) -> None:
    request = {name: value for name, value in ALL_FIELDS.items() if name != missing}
    listed = (await twin.api("/v72/paymentMethods", request)).body
    await knobs(twin, listingNeeds=[missing])
    unlisted = (await twin.api("/v72/paymentMethods", request)).body
    complete = (await twin.api("/v72/paymentMethods", ALL_FIELDS)).body

    assert (listed, unlisted) == ({"paymentMethods": [GOPAY_ROW]}, {"paymentMethods": []})
    assert complete == {"paymentMethods": [GOPAY_ROW]}


async def test_gopay_is_listed_for_nothing_but_the_merchant_account(twin: RunningTwin) -> None:
    assert (await twin.api("/v72/paymentMethods", ACCOUNT)).body == {"paymentMethods": [GOPAY_ROW]}


async def test_an_app_sends_no_browser_info_unless_a_knob_requires_it(twin: RunningTwin) -> None:
    body = payment_body(channel="Android", browserInfo=None, returnUrl="myshop://return")
    optional = await twin.api("/v72/payments", body)
    await knobs(twin, appBrowserInfo="required")
    required = await twin.api("/v72/payments", body)

    assert optional.body["resultCode"] == "RedirectShopper"
    assert required.body["message"] == "Field 'browserInfo' is not valid."


@pytest.mark.parametrize("model", ["Subscription", "CardOnFile"])
async def test_a_charge_needs_no_return_url_unless_a_knob_requires_it(
    twin: RunningTwin, model: str
) -> None:
    token = await twin.saved(model)
    optional = await charge(twin, token, model=model, returnUrl=None)
    await knobs(twin, chargeReturnUrl="required")
    required = await charge(twin, token, model=model, returnUrl=None)

    assert optional.status == 200
    assert (required.status, required.body["errorCode"]) == (422, "14_030")


async def test_a_shopper_without_a_return_url_pays_and_stays(twin: RunningTwin) -> None:
    token = await twin.saved("CardOnFile")
    action = (await charge(twin, token, model="CardOnFile", returnUrl=None)).body["action"]
    reply = await twin.shopper(action["url"])
    page = await twin.call("GET", action["url"])
    decided = await twin.call("GET", twin.url + page.headers["Location"])

    assert (reply["location"], reply["status"]) == (None, "authorised")
    assert (decided.status, "redirectResult" in decided.text) == (200, False)


@pytest.mark.parametrize("value", ["25000", 25000])
async def test_an_amount_may_be_a_text_of_digits(twin: RunningTwin, value: object) -> None:
    psp_reference = await twin.paid(amount={"currency": "IDR", "value": value})
    refund = {"amount": {"currency": "IDR", "value": "1000"}, **ACCOUNT}
    received = await twin.api(f"/v72/payments/{psp_reference}/refunds", refund)

    payment = await twin.control("GET", f"payments/{psp_reference}")
    assert payment["amount"]["value"] == 25_000
    assert received.body["amount"]["value"] == 1000


@pytest.mark.parametrize("value", ["25000.00", "-1", "", " 25000", "1" * 20, "٢٥"])
async def test_an_amount_of_other_texts_is_refused(twin: RunningTwin, value: str) -> None:
    answer = await twin.api(
        "/v72/payments", payment_body(amount={"currency": "IDR", "value": value})
    )

    assert answer.body["message"] == "Field 'amount.value' is not valid."


async def test_a_knob_refuses_an_amount_in_digits(twin: RunningTwin) -> None:
    await knobs(twin, amountTexts="refuse")
    body = payment_body(amount={"currency": "IDR", "value": "25000"})

    assert (await twin.api("/v72/payments", body)).body["errorCode"] == "187"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (basic("ws@Company.Twin", "twin-api-key"), 200),
        (basic("ws@Company.Twin", "wrong"), 401),
        (basic("ws@Company.Other", "twin-api-key"), 401),
        ({"Authorization": "Basic ???"}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b"no-colon").decode()}, 401),
        ({"Authorization": "Bearer twin-api-key"}, 401),
        ({"X-API-Key": "wrong"} | basic("ws@Company.Twin", "twin-api-key"), 401),
    ],
)
async def test_a_call_may_have_basic_credentials(
    twin: RunningTwin, headers: dict[str, str], status: int
) -> None:
    answer = await twin.call("POST", "/v72/paymentMethods", ALL_FIELDS, headers)
    credential = await twin.call("GET", "/v3/me", None, headers)

    assert (answer.status, credential.status) == (status, status)


@pytest.mark.parametrize(
    ("model", "set_knobs", "listed"),
    [
        ("Subscription", {}, ["ContAuth"]),
        ("CardOnFile", {}, ["Ecommerce", "ContAuth"]),
        ("CardOnFile", {"cardOnFileInteraction": "ContAuth"}, ["ContAuth"]),
        ("Subscription", {"strict": False}, ["Ecommerce", "ContAuth"]),
    ],
)
async def test_a_token_lists_just_the_interactions_with_which_it_can_be_charged(
    twin: RunningTwin, model: str, set_knobs: dict[str, Any], listed: list[str]
) -> None:
    token = await twin.saved(model)
    await knobs(twin, **set_knobs)
    request = ALL_FIELDS | {"shopperReference": "shopper-1"}
    (row,) = (await twin.api("/v72/paymentMethods", request)).body["storedPaymentMethods"]
    accepted = [
        name
        for name in ("Ecommerce", "ContAuth")
        if (await charge(twin, token, model=model, shopperInteraction=name)).status == 200
    ]

    assert (row["supportedShopperInteractions"], accepted) == (listed, listed)


async def test_a_charge_that_is_not_cont_auth_has_a_warning(twin: RunningTwin) -> None:
    token = await twin.saved("CardOnFile")
    answer = await charge(twin, token, model="CardOnFile", shopperInteraction="Ecommerce")
    reply = await twin.shopper(answer.body["action"]["url"])
    payment = await twin.control("GET", f"payments/{reply['pspReference']}")

    assert payment["warnings"] == [
        "shopperInteraction is not ContAuth, as Adyen's GoPay page has it"
    ]


async def test_webhooks_have_adyens_user_agent_and_the_variant_unless_knobs_change_them(
    twin: RunningTwin, shop: Shop
) -> None:
    await twin.paid()
    await twin.settle()
    await knobs(twin, webhookUserAgent="Other/2", paymentMethodVariant="never")
    await twin.paid()
    await twin.settle()

    first, second = shop.received
    assert first.headers["User-Agent"] == "Adyen HttpClient 1.0"
    assert first.item["additionalData"]["paymentMethodVariant"] == "gopay_wallet"
    assert second.headers["User-Agent"] == "Other/2"
    assert second.item["additionalData"].keys() == {"GoPay.gopayAccountId", "hmacSignature"}


@pytest.mark.parametrize(("knob", "has_it"), [("schema", False), ("always", True)])
async def test_the_event_of_a_closed_offer_has_the_variant_only_by_a_knob(
    twin: RunningTwin, shop: Shop, knob: str, has_it: bool
) -> None:
    await knobs(twin, paymentMethodVariant=knob)
    await twin.shopper(await twin.pay(), "expire")
    await twin.settle()

    assert ("paymentMethodVariant" in shop.received[0].item["additionalData"]) is has_it


async def test_expire_names_the_payment_itself_unless_a_knob_gives_it_its_own_reference(
    twin: RunningTwin, shop: Shop
) -> None:
    await knobs(twin, capture="manual", authorisationDays=1)
    first = await twin.paid()
    await twin.settle(86_400)
    await knobs(twin, expireReferences="own")
    second = await twin.paid()
    await twin.settle(86_400)

    of_itself, with_own = (
        webhook.item for webhook in shop.received if webhook.item["eventCode"] == "EXPIRE"
    )
    assert (of_itself["pspReference"], of_itself.get("originalReference")) == (first, None)
    assert with_own["originalReference"] == second != with_own["pspReference"]


async def test_only_a_successful_authorisation_has_operations(
    twin: RunningTwin, shop: Shop
) -> None:
    await twin.paid()
    await twin.shopper(await twin.pay(), "refuse")
    await twin.settle()

    assert [webhook.item.get("operations") for webhook in shop.received] == [
        ["CANCEL", "CAPTURE", "REFUND"],
        None,
    ]


@pytest.mark.parametrize("code", ["800", "803"])
async def test_a_knob_has_the_error_for_a_wrong_shopper(twin: RunningTwin, code: str) -> None:
    token = await twin.saved()
    await twin.saved(shopperReference="shopper-2")
    await knobs(twin, **({} if code == "800" else {"wrongShopper": code}))
    by_unknown = await charge(twin, token, shopperReference="unknown-shopper")
    by_other = await charge(twin, token, shopperReference="shopper-2")
    request = ACCOUNT | {"shopperReference": "unknown-shopper", "recurringDetailReference": token}
    disabled = await twin.api("/pal/servlet/Recurring/v68/disable", request)

    answers = [by_unknown, by_other, disabled]
    assert [(one.status, one.body["errorCode"]) for one in answers] == [(422, code)] * 3


async def balance(twin: RunningTwin) -> int:
    """Return the balance of the shopper's wallet."""
    value: int = (await twin.control("GET", "wallets/shopper-1"))["balance"]
    return value


async def test_a_payment_draws_down_the_balance_and_a_refund_restores_it(twin: RunningTwin) -> None:
    await twin.control("PUT", "wallets/shopper-1", {"balance": 60_000})
    first = await twin.paid(shopperReference="shopper-1")
    await twin.paid(shopperReference="shopper-1")
    third = await twin.shopper(await twin.pay(shopperReference="shopper-1"))
    after_three = await balance(twin)
    refund = {"amount": {"currency": "IDR", "value": 20_000}, **ACCOUNT}
    await twin.api(f"/v72/payments/{first}/refunds", refund)
    await twin.settle(2)
    after_refund = await balance(twin)
    fourth = await twin.shopper(await twin.pay(shopperReference="shopper-1"))

    assert (third["status"], after_three, after_refund) == ("refused", 10_000, 30_000)
    assert (fourth["status"], await balance(twin)) == ("authorised", 5_000)


async def test_a_balance_that_is_set_anew_does_not_remember_what_was_paid(
    twin: RunningTwin,
) -> None:
    await twin.paid(shopperReference="shopper-1")
    await twin.control("PUT", "wallets/shopper-1", {"balance": 50_000})

    assert await balance(twin) == 50_000


async def test_a_cancelled_or_expired_authorisation_gives_its_money_back(twin: RunningTwin) -> None:
    await knobs(twin, capture="manual", authorisationDays=1)
    cancelled = await twin.paid(shopperReference="shopper-1")
    await twin.paid(shopperReference="shopper-1")
    held = await balance(twin)
    await twin.api(f"/v72/payments/{cancelled}/cancels", ACCOUNT)
    await twin.settle(2)
    after_cancel = await balance(twin)
    await twin.settle(86_400)

    assert (held, after_cancel) == (9_950_000, 9_975_000)
    assert await balance(twin) == 10_000_000


async def test_a_refund_that_fails_later_takes_its_money_again(twin: RunningTwin) -> None:
    await twin.control("PUT", "faults", [{"fault": "refund_fails_later", "seconds": 60}])
    paid = await twin.paid(shopperReference="shopper-1")
    refund = {"amount": {"currency": "IDR", "value": 25_000}, **ACCOUNT}
    await twin.api(f"/v72/payments/{paid}/refunds", refund)
    await twin.settle(2)
    refunded = await balance(twin)
    await twin.settle(60)

    assert (refunded, await balance(twin)) == (10_000_000, 9_975_000)


async def test_a_knob_keeps_every_balance_and_the_anonymous_wallet_is_never_drawn(
    twin: RunningTwin,
) -> None:
    await knobs(twin, walletBalance=25_000)
    anonymous = [await twin.shopper(await twin.pay()) for _ in range(2)]
    await knobs(twin, balance="constant")
    named = [await twin.shopper(await twin.pay(shopperReference="shopper-1")) for _ in range(2)]

    assert {reply["status"] for reply in (*anonymous, *named)} == {"authorised"}


async def refunded_after(twin: RunningTwin, psp_reference: str, days: int) -> str:
    """Refund a payment after so many days; return the outcome."""
    await twin.settle(days * 86_400)
    refund = {"amount": {"currency": "IDR", "value": 1_000}, **ACCOUNT}
    await twin.api(f"/v72/payments/{psp_reference}/refunds", refund)
    await twin.settle(2)
    payment = await twin.control("GET", f"payments/{psp_reference}")
    outcome: str = payment["modifications"][-1]["outcome"]
    return outcome


async def test_a_profile_ends_refunds_after_its_days_and_later_for_a_token(
    twin: RunningTwin, shop: Shop
) -> None:
    await knobs(twin, profile="midtrans")
    paid = await twin.paid()
    charged = (await charge(twin, await twin.saved())).body["pspReference"]
    in_time = await refunded_after(twin, paid, 44)
    too_late = await refunded_after(twin, paid, 2)
    of_a_token = await refunded_after(twin, charged, 40)

    assert (in_time, too_late, of_a_token) == ("succeeded", "failed", "succeeded")
    (refusal,) = [one.item for one in shop.received if one.item["success"] == "false"]
    assert (refusal["eventCode"], refusal["reason"]) == ("REFUND", "Refund period has ended")


async def test_a_profile_sets_the_knobs_that_its_provider_documents(twin: RunningTwin) -> None:
    profiles = (await twin.control("GET", "profiles"))["profiles"]
    changed = await twin.control("PUT", "knobs", {"profile": "ppro", "paymentExpiryS": 60})
    unknown = await twin.call("PUT", "/twin/knobs", {"profile": "stripe"})
    no_name = await twin.call("PUT", "/twin/knobs", {"profile": []})

    assert profiles["ppro"]["paymentExpiryS"] == 840
    assert (changed["refundDays"], changed["amountMax"]) == (30, 20_000_000)
    # A knob beside the profile is stronger than the profile.
    assert changed["paymentExpiryS"] == 60
    assert (unknown.status, unknown.body["field"]) == (422, "profile")
    assert no_name.status == 422


@pytest.mark.parametrize("name", ["ppro", "ppro-unverified", "midtrans", "xendit"])
async def test_every_profile_has_valid_knobs(twin: RunningTwin, name: str) -> None:
    profile = (await twin.control("GET", "profiles"))["profiles"][name]
    changed = await twin.control("PUT", "knobs", {"profile": name})

    assert profile.items() <= changed.items()


async def test_test_notifications_have_the_user_agent_too(twin: RunningTwin) -> None:
    async with listening() as endpoint:
        await twin.control("PUT", "webhooks/standard", {"url": endpoint.url, "hmacKey": None})
        await twin.control("POST", "webhooks/standard/test", {"types": ["AUTHORISATION"]})

    assert {one.headers["User-Agent"] for one in endpoint.received} == {"Adyen HttpClient 1.0"}
