"""Tokens: how they are saved, sent by webhook, charged, listed and disabled."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest

from adyen_twin.protocol import signing
from twin_fixtures import (
    OTHER_KEY,
    Answer,
    RunningTwin,
    Shop,
    charge_body,
    payment_body,
    result_of,
    shop,
    token_shop,
    twin,
)

__all__ = ["shop", "token_shop", "twin"]

# A token webhook is sent ten seconds after AUTHORISATION (`settlementS`).

#: The fields of a payment that saves a token.
SAVE: dict[str, Any] = {"storePaymentMethod": True, "shopperReference": "shopper-1"}
ACCOUNT = {"merchantAccount": "TwinMerchant"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def charge(
    twin: RunningTwin, token: str, model: str = "Subscription", **changes: Any
) -> Answer:
    """Charge a token; the request has only the fields on Adyen's page on GoPay."""
    return await twin.api("/v72/payments", charge_body(token, model, **changes))


def webhook_types(shop: Shop) -> list[str]:
    """Return the types of the received token webhooks."""
    return [webhook.body["type"] for webhook in shop.received]


async def test_a_token_webhook_is_sent_once_the_payment_is_settled(
    twin: RunningTwin, shop: Shop, token_shop: Shop
) -> None:
    psp_reference = await twin.paid(recurringProcessingModel="Subscription", **SAVE)
    await twin.settle()
    before = len(token_shop.received)
    await twin.settle(10)

    (webhook,) = token_shop.received
    assert before == 0
    assert shop.events == [("AUTHORISATION", "true")]
    assert webhook.body["type"] == "recurring.token.created"
    assert webhook.body["eventId"] == psp_reference
    assert webhook.body["data"]["operation"] == "created"
    assert webhook.body["data"]["shopperReference"] == "shopper-1"
    assert webhook.headers["HmacSignature"] == signing.sign_bytes(webhook.raw, OTHER_KEY)
    assert webhook.headers["Protocol"] == "HmacSHA256"


@pytest.mark.parametrize(
    ("when", "order"), [("before", ["tokens", "standard"]), ("never", ["standard"])]
)
async def test_a_knob_sends_the_token_webhook_before_the_authorisation_or_never(
    twin: RunningTwin, shop: Shop, token_shop: Shop, when: str, order: list[str]
) -> None:
    await twin.control("PUT", "knobs", {"tokensTold": when})
    token = await twin.saved()
    await twin.settle(3600)

    # A webhook has a number (`notice`), which shows the order of creation.
    events = sorted(
        (await twin.control("GET", "deliveries"))["deliveries"],
        key=lambda attempt: attempt["notice"],
    )
    assert [event["endpoint"] for event in events] == order
    # The token exists even if no webhook was sent.
    assert (await charge(twin, token)).body["resultCode"] == "Authorised"


async def test_an_unpaid_payment_saves_no_token(twin: RunningTwin, token_shop: Shop) -> None:
    url = await twin.pay(recurringProcessingModel="Subscription", **SAVE)
    await twin.shopper(url, "refuse")
    await twin.settle(60)

    assert token_shop.received == []
    assert (await twin.control("GET", "tokens"))["count"] == 0


async def test_saving_the_same_wallet_again_gives_the_same_token(
    twin: RunningTwin, token_shop: Shop
) -> None:
    first = await twin.saved()
    again = await twin.saved()
    other_model = await twin.saved("CardOnFile")
    await twin.settle(60)

    (reply,) = (await twin.control("GET", "tokens?shopperReference=shopper-1"))["tokens"]
    assert first == again == other_model
    assert webhook_types(token_shop) == [
        "recurring.token.created",
        "recurring.token.alreadyExisting",
        "recurring.token.updated",
    ]
    assert reply["models"] == ["Subscription", "CardOnFile"]


async def test_another_wallet_or_another_shopper_gets_another_token(twin: RunningTwin) -> None:
    first = await twin.saved()
    url = await twin.pay(recurringProcessingModel="Subscription", **SAVE)
    await twin.shopper(url, account="628123")
    second = await twin.saved()
    third = await twin.saved(shopperReference="Shopper-1")

    assert len({first, second, third}) == 3


async def test_a_subscription_is_charged_without_the_shopper(twin: RunningTwin, shop: Shop) -> None:
    answer = await charge(twin, await twin.saved())
    await twin.settle()

    item = shop.received[-1].item
    assert answer.body == {
        "resultCode": "Authorised",
        "pspReference": answer.headers["pspReference"],
        "merchantReference": "SUB-7",
        "amount": {"currency": "IDR", "value": 25000},
        "paymentMethod": {"type": "gopay_wallet"},
    }
    assert (item["eventCode"], item["success"]) == ("AUTHORISATION", "true")
    assert item["pspReference"] == answer.body["pspReference"]
    assert item["merchantReference"] == "SUB-7"


@pytest.mark.parametrize(
    ("change", "reason", "code"),
    [
        ({"state": "no_balance"}, "Not enough balance", "12"),
        ({"balance": 24_999}, "Not enough balance", "12"),
        ({"state": "unlinked"}, "Revocation Of Auth", "26"),
        ({"state": "blocked"}, "Transaction Not Permitted", "23"),
    ],
)
async def test_a_subscription_charge_is_refused_because_of_the_wallets_state(
    twin: RunningTwin, shop: Shop, change: dict[str, Any], reason: str, code: str
) -> None:
    token = await twin.saved()
    await twin.control("PUT", "wallets/shopper-1", change)
    refused = await charge(twin, token)
    await twin.control("PUT", "wallets/shopper-1", {"state": "ok", "balance": None})
    paid = await charge(twin, token)
    await twin.settle()

    assert refused.status == 200
    assert refused.body["resultCode"] == "Refused"
    assert (refused.body["refusalReason"], refused.body["refusalReasonCode"]) == (reason, code)
    assert paid.body["resultCode"] == "Authorised"
    assert [success for _, success in shop.events] == ["true", "false", "true"]


@pytest.mark.parametrize("code", ["Received", "Pending"])
async def test_a_knob_answers_a_subscription_charge_before_its_decision(
    twin: RunningTwin, shop: Shop, code: str
) -> None:
    token = await twin.saved()
    await twin.control("PUT", "knobs", {"chargeResult": code})
    answer = await charge(twin, token)
    await twin.settle()
    before = len(shop.received)
    await twin.settle(5)

    assert answer.body["resultCode"] == code
    assert "paymentMethod" not in answer.body
    assert (before, len(shop.received)) == (1, 2)
    assert shop.received[-1].item["pspReference"] == answer.body["pspReference"]


async def test_a_card_on_file_payment_requires_the_pin(twin: RunningTwin, shop: Shop) -> None:
    token = await twin.saved("CardOnFile")
    answer = await charge(twin, token, "CardOnFile")
    url = answer.body["action"]["url"]
    wrong = await twin.shopper(url, pin="999999")
    reply = await twin.shopper(url)
    details = await twin.details(reply["location"])
    url_to_refuse = (await charge(twin, token, "CardOnFile")).body["action"]["url"]
    url_to_cancel = (await charge(twin, token, "CardOnFile")).body["action"]["url"]

    assert answer.body["resultCode"] == "RedirectShopper"
    assert "pspReference" not in answer.body
    assert wrong["pinTriesLeft"] == 2
    assert details.body["resultCode"] == "Authorised"
    assert (await twin.shopper(url_to_refuse, "refuse"))["status"] == "refused"
    assert (await twin.shopper(url_to_cancel, "cancel"))["status"] == "cancelled"
    assert result_of(reply["location"])


async def test_a_token_is_charged_only_in_its_model_unless_a_knob_allows_both(
    twin: RunningTwin,
) -> None:
    token = await twin.saved("Subscription")
    refused = await charge(twin, token, "CardOnFile")
    await twin.control("PUT", "knobs", {"tokensCharged": "both"})
    allowed = await charge(twin, token, "CardOnFile")

    assert (refused.status, refused.body["errorCode"]) == (422, "800")
    assert allowed.body["resultCode"] == "RedirectShopper"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"shopperReference": "shopper-2"}, 422, "800"),
        ({"shopperReference": "Shopper-1"}, 422, "800"),
        ({"paymentMethod": {"storedPaymentMethodId": "NOSUCHTOKEN00000"}}, 422, "803"),
        (
            {
                "paymentMethod": {"storedPaymentMethodId": "NOSUCHTOKEN00000"},
                "shopperReference": "shopper-2",
            },
            422,
            "800",
        ),
        ({"paymentMethod": {"storedPaymentMethodId": "t" * 65}}, 422, "187"),
        ({"shopperReference": None}, 422, "187"),
        ({"recurringProcessingModel": None}, 422, "187"),
        ({"recurringProcessingModel": "UnscheduledCardOnFile"}, 500, "905"),
        ({"shopperInteraction": None}, 422, "187"),
        ({"shopperInteraction": "Ecommerce"}, 422, "187"),
        ({"amount": {"currency": "EUR", "value": 1000}}, 422, "138"),
        ({"amount": {"currency": "IDR", "value": 20_000_001}}, 422, "137"),
    ],
)
async def test_an_invalid_charge_is_refused(
    twin: RunningTwin, changes: dict[str, Any], status: int, code: str
) -> None:
    token = await twin.saved()
    answer = await charge(twin, token, **changes)

    assert (answer.status, answer.body["errorCode"]) == (status, code)


async def test_a_subscription_charge_needs_no_return_url(twin: RunningTwin) -> None:
    answer = await charge(twin, await twin.saved(), returnUrl=None)

    assert answer.body["resultCode"] == "Authorised"


@pytest.mark.parametrize(
    "method", [{"type": "gopay_wallet"}, {"recurringDetailReference": "TOKEN"}]
)
async def test_a_charge_can_also_have_the_type_or_the_older_token_field(
    twin: RunningTwin, method: dict[str, str]
) -> None:
    token = await twin.saved()
    new_field = {"storedPaymentMethodId": token} if "type" in method else {}
    fields = {name: value.replace("TOKEN", token) for name, value in method.items()}
    answer = await charge(twin, token, paymentMethod=fields | new_field)

    assert answer.body["resultCode"] == "Authorised"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"shopperReference": None}, 422),
        ({"shopperReference": "ab"}, 422),
        ({"recurringProcessingModel": None}, 422),
        ({"recurringProcessingModel": "UnscheduledCardOnFile"}, 500),
    ],
)
async def test_an_invalid_request_to_save_a_token_is_refused(
    twin: RunningTwin, changes: dict[str, Any], status: int
) -> None:
    body = payment_body(**SAVE | {"recurringProcessingModel": "Subscription"} | changes)

    assert (await twin.api("/v72/payments", body)).status == status


@pytest.mark.parametrize("older_name", ["enableRecurring", "enableOneClick"])
async def test_the_older_names_of_the_field_save_a_token_too(
    twin: RunningTwin, older_name: str
) -> None:
    changes: dict[str, Any] = {"storePaymentMethod": None, older_name: True}

    assert await twin.saved("Subscription", **changes)


async def test_knobs_add_the_token_to_the_authorisation_and_send_the_older_webhook(
    twin: RunningTwin, shop: Shop
) -> None:
    knobs = {"extraEvents": ["RECURRING_CONTRACT"], "tokensInAuthorisation": True}
    await twin.control("PUT", "knobs", knobs)
    url = await twin.pay(recurringProcessingModel="Subscription", **SAVE)
    reply = await twin.shopper(url)
    details = await twin.details(reply["location"])
    await twin.settle(10)

    authorisation, contract = [webhook.item for webhook in shop.received]
    token = contract["pspReference"]
    tokenization = {
        "tokenization.storedPaymentMethodId": token,
        "tokenization.shopperReference": "shopper-1",
        "tokenization.store.operationType": "created",
    }
    assert contract["eventCode"] == "RECURRING_CONTRACT"
    assert contract["originalReference"] == contract["originalPsp"] == reply["pspReference"]
    assert contract["amount"]["value"] == 0
    assert tokenization.items() <= authorisation["additionalData"].items()
    assert details.body["additionalData"] == tokenization


async def test_saved_tokens_are_listed_only_if_gopay_is_listed(twin: RunningTwin) -> None:
    token = await twin.saved()
    request = ACCOUNT | {
        "countryCode": "ID",
        "amount": {"currency": "IDR", "value": 1},
        "channel": "Web",
        "shopperReference": "shopper-1",
    }
    reply = (await twin.api("/v72/paymentMethods", request)).body
    abroad = (await twin.api("/v72/paymentMethods", request | {"countryCode": "NL"})).body

    assert reply["storedPaymentMethods"] == [
        {
            "id": token,
            "name": "GoPay Wallet",
            "type": "gopay_wallet",
            "supportedRecurringProcessingModels": ["Subscription"],
            "supportedShopperInteractions": ["ContAuth"],
        }
    ]
    assert "storedPaymentMethods" not in abroad


def stored_path(shopper: str = "shopper-1", token: str = "", version: int = 72) -> str:
    """Return the path and query of /storedPaymentMethods for a shopper, or for one token."""
    query = urlencode(ACCOUNT | {"shopperReference": shopper})
    return f"/v{version}/storedPaymentMethods{'/' if token else ''}{token}?{query}"


async def test_tokens_are_listed_and_removed(twin: RunningTwin, token_shop: Shop) -> None:
    token = await twin.saved()
    listed = (await twin.api(stored_path(), None, method="GET")).body
    listed_by_v71 = (await twin.api(stored_path(version=71), None, method="GET")).body
    by_other_shopper = await twin.api(stored_path("shopper-2", token), None, method="DELETE")
    removed = await twin.api(stored_path(token=token), None, method="DELETE")
    again = await twin.api(stored_path(token=token), None, method="DELETE")
    left = (await twin.api(stored_path(), None, method="GET")).body
    await twin.settle(60)

    (row,) = listed["storedPaymentMethods"]
    assert row["id"] == token
    assert (row["type"], row["shopperReference"]) == ("gopay_wallet", "shopper-1")
    assert row["firstPspReference"]
    assert "firstPspReference" not in listed_by_v71["storedPaymentMethods"][0]
    assert (by_other_shopper.status, by_other_shopper.body["errorCode"]) == (422, "800")
    assert (removed.status, removed.text) == (204, "")
    assert (again.status, again.body["errorCode"]) == (422, "803")
    assert left["storedPaymentMethods"] == []
    assert webhook_types(token_shop)[0] == "recurring.token.disabled"
    assert "operation" not in token_shop.received[0].body["data"]
    assert (await charge(twin, token)).body["errorCode"] == "803"


async def call_classic_api(twin: RunningTwin, call: str, **more: Any) -> Answer:
    """Call the classic Recurring API."""
    body = ACCOUNT | {"shopperReference": "shopper-1"} | more
    return await twin.api(f"/pal/servlet/Recurring/v68/{call}", body)


async def test_the_classic_api_lists_tokens_and_filters_them_by_contract(twin: RunningTwin) -> None:
    without_tokens = await call_classic_api(twin, "listRecurringDetails")
    subscription = await twin.saved()
    url = await twin.pay(recurringProcessingModel="CardOnFile", **SAVE)
    await twin.shopper(url, account="628123")
    all_tokens = (await call_classic_api(twin, "listRecurringDetails")).body
    contract = {"recurring": {"contract": "ONECLICK"}}
    one_click = (await call_classic_api(twin, "listRecurringDetails", **contract)).body
    wrong = await call_classic_api(twin, "listRecurringDetails", recurring={"contract": "WEEKLY"})

    rows = [row["RecurringDetail"] for row in all_tokens["details"]]
    assert (without_tokens.status, without_tokens.body) == (200, {})
    assert all_tokens["shopperReference"] == "shopper-1"
    assert rows[0]["recurringDetailReference"] == subscription
    assert [row["variant"] for row in rows] == ["gopay_wallet"] * 2
    assert [row["contractTypes"] for row in rows] == [["RECURRING"], ["ONECLICK", "RECURRING"]]
    assert [row["RecurringDetail"] for row in one_click["details"]] == rows[1:]
    assert (wrong.status, wrong.body["errorCode"]) == (422, "187")


async def test_the_classic_api_disables_one_token_or_all(
    twin: RunningTwin, token_shop: Shop
) -> None:
    await twin.control("PUT", "knobs", {"tokensTold": "never"})
    without_tokens = await call_classic_api(twin, "disable")
    first = await twin.saved()
    for account in ("1", "2"):
        url = await twin.pay(recurringProcessingModel="Subscription", **SAVE)
        await twin.shopper(url, account=account)
    first_disabled = await call_classic_api(twin, "disable", recurringDetailReference=first)
    again = await call_classic_api(twin, "disable", recurringDetailReference=first)
    all_tokens = await call_classic_api(twin, "disable")
    await twin.settle()

    assert (without_tokens.status, without_tokens.body["errorCode"]) == (422, "800")
    assert first_disabled.body == {"response": "[detail-successfully-disabled]"}
    assert (again.status, again.body["errorCode"]) == (422, "803")
    # Without a recurringDetailReference, all tokens are disabled.
    assert all_tokens.body == {"response": "[all-details-successfully-disabled]"}
    assert webhook_types(token_shop) == ["recurring.token.disabled"] * 3


async def test_the_classic_api_disables_one_contract_of_a_token(twin: RunningTwin) -> None:
    await twin.saved("Subscription")
    token = await twin.saved("CardOnFile")
    await call_classic_api(twin, "disable", recurringDetailReference=token, contract="ONECLICK")
    (left,) = (await twin.control("GET", "tokens"))["tokens"]
    await call_classic_api(twin, "disable", recurringDetailReference=token, contract="RECURRING")
    (removed,) = (await twin.control("GET", "tokens"))["tokens"]

    assert (left["models"], left["active"]) == (["Subscription"], True)
    assert removed["active"] is False


async def test_the_shopper_can_unlink_the_shop_inside_gopay(
    twin: RunningTwin, token_shop: Shop
) -> None:
    await twin.control("PUT", "knobs", {"tokensTold": "never"})
    token = await twin.saved()
    app = (await twin.control("GET", "wallets/shopper-1"))["app"]
    page = await twin.call("GET", app)
    body = urlencode({"token": token}).encode()
    unlinked = await twin.call("POST", f"{app}/unlink", body, FORM)
    by_other_shopper = await twin.call("POST", f"{twin.url}/gopay-app/shopper-2/unlink", body, FORM)
    after = await twin.call("GET", app)
    await twin.settle()

    assert re.findall(r'name="token" value="(\w+)"', page.text) == [token]
    assert unlinked.status == 303
    assert by_other_shopper.status == 404
    assert token not in after.text
    assert webhook_types(token_shop) == ["recurring.token.disabled"]
    assert (await charge(twin, token)).status == 422


async def test_a_control_disables_or_updates_a_token(twin: RunningTwin, token_shop: Shop) -> None:
    await twin.control("PUT", "knobs", {"tokensTold": "never", "tokensSpelled": "spaced"})
    token = await twin.saved()
    for action in ("update", "disable"):
        await twin.control("POST", f"tokens/{token}", {"do": action})
    await twin.settle()

    assert webhook_types(token_shop) == ["recurring.token.updated", "recurring.token.disabled"]
    # The body has white space, so a shop must verify the received bytes, not its own JSON.
    for webhook in token_shop.received:
        assert webhook.raw.startswith(b"{\n  ")
        assert webhook.headers["HmacSignature"] == signing.sign_bytes(webhook.raw, OTHER_KEY)


async def test_faults_are_triggered_by_token_webhooks(twin: RunningTwin, token_shop: Shop) -> None:
    created = {"endpoint": "tokens", "eventCode": "recurring.token.created"}
    faults = [
        {"fault": "duplicate_notice", **created},
        {"fault": "wrong_seal", **created},
    ]
    await twin.control("PUT", "faults", faults)
    token_shop.answers = [401]  # Only the first try is refused.
    await twin.saved()
    await twin.settle(60)

    has_right_signature = [
        webhook.headers["HmacSignature"] == signing.sign_bytes(webhook.raw, OTHER_KEY)
        for webhook in token_shop.received
    ]
    assert webhook_types(token_shop) == ["recurring.token.created"] * 3
    # The first try of each copy has a wrong signature. The shop refused only the first try of
    # the first copy.
    assert has_right_signature == [False, True, False]
