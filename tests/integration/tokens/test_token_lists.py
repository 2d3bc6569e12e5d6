"""Saved wallets are listed and removed over HTTP, by Checkout's API and by the classic one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from integration.tokens.token_client import TokenClient, unique
from raw_http import HttpReply, is_adyens_error

CHECKOUT = "/v72/storedPaymentMethods"
CLASSIC_API = "/pal/servlet/Recurring/v68"


async def charge_result(client: TokenClient, shopper: str, token: str) -> tuple[int, str]:
    """Try to charge; return the status and the result code or the error code."""
    reply = await client.charge(shopper, token)
    return reply.status, reply.json.get("resultCode") or reply.json["errorCode"]


async def from_adyen(client: TokenClient, shopper: str) -> Any:
    """The shopper's list in the twin's own answer."""
    url = f"{client.caller.system.twin_url}{CHECKOUT}"
    query = {"merchantAccount": "TwinMerchant", "shopperReference": shopper}
    key = {"X-API-Key": client.caller.system.environment["ADYEN_API_KEY"]}
    async with client.caller.http.get(url, params=query, headers=key) as response:
        return await response.json()


async def test_the_list_of_saved_wallets_is_adyens_list_and_is_filtered_only_on_request(
    client: TokenClient,
) -> None:
    shopper = unique("shopper")
    token = await client.save(shopper, "CardOnFile")
    all_methods = await client.stored_methods(shopper)
    of_gopay = await client.stored_methods(shopper, type="gopay_wallet")
    of_cards = await client.stored_methods(shopper, type="scheme")
    classic = await client.classic("listRecurringDetails", shopper)
    query = {"shopperReference": shopper}
    path = f"{CLASSIC_API}/listRecurringDetails"
    classic_gopay = await client.caller.post(f"{path}?type=gopay_wallet", query)
    classic_cards = await client.caller.post(f"{path}?type=visa", query)

    assert all_methods.json == await from_adyen(client, shopper)
    assert [row["id"] for row in all_methods.json["storedPaymentMethods"]] == [token]
    assert of_gopay.json == all_methods.json
    assert of_cards.json == all_methods.json | {"storedPaymentMethods": []}
    (row,) = classic.json["details"]
    assert row["RecurringDetail"]["recurringDetailReference"] == token
    assert classic_gopay.json["details"] == [row]
    assert classic_cards.json == classic.json | {"details": []}


async def test_saved_wallets_are_in_the_list_of_payment_methods(client: TokenClient) -> None:
    shopper = unique("shopper")
    token = await client.save(shopper, "CardOnFile")
    fields = {
        "amount": {"currency": "IDR", "value": 25_000},
        "channel": "Web",
        "shopperReference": shopper,
    }
    reply = await client.caller.post("/v72/paymentMethods", fields)

    (row,) = reply.json["storedPaymentMethods"]
    assert (row["id"], row["supportedRecurringProcessingModels"]) == (token, ["CardOnFile"])


async def test_a_removal_is_answered_with_204_and_takes_effect_at_once(client: TokenClient) -> None:
    shopper = unique("shopper")
    token = await client.save(shopper)
    removed = await client.stored_methods(shopper, token, method="DELETE")
    # The state changes before the notification is received.
    states = await client.token_states(shopper)
    charge_after = await charge_result(client, shopper, token)
    again = await client.stored_methods(shopper, token, method="DELETE")
    remaining = await client.stored_methods(shopper)

    assert (removed.status, removed.body) == (204, b"")
    assert list(states.values()) == ["disabled"]
    assert charge_after == (422, "803")
    assert (again.status, again.json["errorCode"]) == (422, "803")
    assert remaining.json["storedPaymentMethods"] == []


async def test_a_shopper_cannot_remove_the_token_of_another(client: TokenClient) -> None:
    shopper, other_shopper = unique("shopper"), unique("other")
    token = await client.save(shopper)
    await client.save(other_shopper)
    checkout = await client.stored_methods(other_shopper, token, method="DELETE")
    classic = await client.classic("disable", other_shopper, recurringDetailReference=token)

    assert (checkout.status, checkout.json["errorCode"]) == (422, "800")
    assert (classic.status, classic.json["errorCode"]) == (422, "800")
    assert list((await client.token_states(shopper)).values()) == ["active"]
    assert await charge_result(client, shopper, token) == (200, "Authorised")


async def test_the_classic_disable_of_one_token_leaves_the_other_active(
    client: TokenClient,
) -> None:
    shopper = unique("shopper")
    first = await client.save(shopper)
    second = await client.save(shopper, account="6281100000002")
    reply = await client.classic("disable", shopper, recurringDetailReference=first)

    assert (reply.status, reply.json) == (200, {"response": "[detail-successfully-disabled]"})
    assert sorted((await client.token_states(shopper)).values()) == ["active", "disabled"]
    assert await charge_result(client, shopper, first) == (422, "803")
    assert await charge_result(client, shopper, second) == (200, "Authorised")


async def test_the_classic_disable_without_a_token_disables_all_tokens_of_the_shopper(
    client: TokenClient,
) -> None:
    shopper, other = unique("shopper"), unique("other")
    tokens = [
        await client.save(shopper),
        await client.save(shopper, account="6281100000003"),
    ]
    untouched = await client.save(other)
    reply = await client.classic("disable", shopper)

    assert (reply.status, reply.json) == (200, {"response": "[all-details-successfully-disabled]"})
    assert list((await client.token_states(shopper)).values()) == ["disabled", "disabled"]
    assert [await charge_result(client, shopper, token) for token in tokens] == [(422, "803")] * 2
    assert await charge_result(client, other, untouched) == (200, "Authorised")


async def test_removing_one_use_of_a_token_leaves_the_other_use(client: TokenClient) -> None:
    shopper = unique("shopper")
    token = await client.save(shopper, "CardOnFile")
    # RECURRING is the use without the shopper, ONECLICK the use with the shopper present.
    detail = {"recurringDetailReference": token}
    first = await client.classic("disable", shopper, contract="RECURRING", **detail)
    after_first = list((await client.token_states(shopper)).values())
    second = await client.classic("disable", shopper, contract="ONECLICK", **detail)
    after_second = list((await client.token_states(shopper)).values())

    assert (first.status, second.status) == (200, 200)
    assert (after_first, after_second) == (["active"], ["disabled"])


#: The fields of a request, and its answer: status, Adyen's code, the field in the message.
INVALID: dict[str, tuple[dict[str, str], int, str, str]] = {
    "no shopper": ({}, 422, "187", "shopperReference"),
    "a short shopper": ({"shopperReference": "ab"}, 422, "187", "shopperReference"),
    "a long shopper": ({"shopperReference": "s" * 257}, 422, "187", "shopperReference"),
    "a shopper with NUL": ({"shopperReference": "a\0b"}, 422, "187", "shopperReference"),
    "another account": (
        {"shopperReference": "abc", "merchantAccount": "Another"},
        *(403, "901", "merchantAccount"),
    ),
}


@pytest.mark.parametrize(("fields", "status", "code", "field"), INVALID.values(), ids=INVALID)
async def test_a_list_or_a_removal_without_a_valid_shopper_is_refused(
    client: TokenClient, fields: dict[str, str], status: int, code: str, field: str
) -> None:
    answers = [await call(client, *route, fields) for route in ROUTES]

    assert all(is_adyens_error(reply) for reply in answers)
    assert {(reply.status, reply.json["errorCode"]) for reply in answers} == {(status, code)}
    assert all(f"Field '{field}' is not valid: " in reply.json["message"] for reply in answers)


async def test_a_classic_call_whose_body_is_not_an_object_is_refused(client: TokenClient) -> None:
    for body in (b"", b"[]", b"{"):
        reply = await client.caller.call("POST", f"{CLASSIC_API}/disable", body)

        assert (reply.status, reply.json["errorCode"]) == (400, "702")


@pytest.mark.parametrize("key", [None, "wrong"])
async def test_without_a_key_nothing_is_listed_or_removed(
    client: TokenClient, key: str | None
) -> None:
    fields = {"shopperReference": "shopper-1"}
    answers = [await call(client, *route, fields, key=key) for route in ROUTES]

    assert {(reply.status, reply.json["errorCode"]) for reply in answers} == {(401, "000")}


ROUTES = [
    ("GET", CHECKOUT),
    ("GET", "/v71/storedPaymentMethods"),
    ("DELETE", f"{CHECKOUT}/TOKEN"),
    ("POST", f"{CLASSIC_API}/listRecurringDetails"),
    ("POST", f"{CLASSIC_API}/disable"),
]


async def call(
    client: TokenClient, method: str, path: str, fields: dict[str, str], key: str | None = ""
) -> HttpReply:
    """Call a route; a POST has the fields in its body, another method in its query."""
    if method == "POST":
        return await client.caller.call(method, path, fields, api_key=key)
    return await client.caller.call(method, f"{path}?{urlencode(fields)}", api_key=key)
