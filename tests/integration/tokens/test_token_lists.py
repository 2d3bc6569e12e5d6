"""What a shopper has saved, listed and removed over HTTP: Checkout's way and the classic one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from integration.tokens.counter import Counter, fresh
from raw_http import Said, is_adyens_error

CHECKOUT = "/v72/storedPaymentMethods"
CLASSIC = "/pal/servlet/Recurring/v68"


async def charged(counter: Counter, shopper: str, token: str) -> tuple[int, str]:
    """Try to charge; give the status and the result or the error's code."""
    said = await counter.charge(shopper, token)
    return said.status, said.json.get("resultCode") or said.json["errorCode"]


async def from_adyen(counter: Counter, shopper: str) -> Any:
    """The same list, asked of the twin itself."""
    url = f"{counter.caller.house.twin_url}{CHECKOUT}"
    query = {"merchantAccount": "TwinMerchant", "shopperReference": shopper}
    key = {"X-API-Key": counter.caller.house.environment["ADYEN_API_KEY"]}
    async with counter.caller.http.get(url, params=query, headers=key) as response:
        return await response.json()


async def test_the_list_is_adyens_and_is_narrowed_only_where_that_is_asked_for(
    counter: Counter,
) -> None:
    shopper = fresh("shopper")
    token = await counter.save(shopper, "CardOnFile")
    whole = await counter.stored(shopper)
    of_gopay = await counter.stored(shopper, type="gopay_wallet")
    of_cards = await counter.stored(shopper, type="scheme")
    classic = await counter.classic("listRecurringDetails", shopper)
    query = {"shopperReference": shopper}
    path = f"{CLASSIC}/listRecurringDetails"
    classic_gopay = await counter.caller.post(f"{path}?type=gopay_wallet", query)
    classic_cards = await counter.caller.post(f"{path}?type=visa", query)

    assert whole.json == await from_adyen(counter, shopper)
    assert [row["id"] for row in whole.json["storedPaymentMethods"]] == [token]
    assert of_gopay.json == whole.json
    assert of_cards.json == whole.json | {"storedPaymentMethods": []}
    (row,) = classic.json["details"]
    assert row["RecurringDetail"]["recurringDetailReference"] == token
    assert classic_gopay.json["details"] == [row]
    assert classic_cards.json == classic.json | {"details": []}


async def test_what_is_saved_stands_in_the_list_of_payment_methods(counter: Counter) -> None:
    shopper = fresh("shopper")
    token = await counter.save(shopper, "CardOnFile")
    asked = {
        "amount": {"currency": "IDR", "value": 25_000},
        "channel": "Web",
        "shopperReference": shopper,
    }
    said = await counter.caller.post("/v72/paymentMethods", asked)

    (row,) = said.json["storedPaymentMethods"]
    assert (row["id"], row["supportedRecurringProcessingModels"]) == (token, ["CardOnFile"])


async def test_a_removal_is_204_and_final_at_once(counter: Counter) -> None:
    shopper = fresh("shopper")
    token = await counter.save(shopper)
    removed = await counter.stored(shopper, token, method="DELETE")
    # At once: without waiting for the notification of it.
    known = await counter.known(shopper)
    after = await charged(counter, shopper, token)
    again = await counter.stored(shopper, token, method="DELETE")
    left = await counter.stored(shopper)

    assert (removed.status, removed.body) == (204, b"")
    assert list(known.values()) == ["disabled"]
    assert after == (422, "803")
    assert (again.status, again.json["errorCode"]) == (422, "803")
    assert left.json["storedPaymentMethods"] == []


async def test_nobody_removes_what_is_anothers(counter: Counter) -> None:
    shopper, stranger = fresh("shopper"), fresh("stranger")
    token = await counter.save(shopper)
    await counter.save(stranger)
    checkout = await counter.stored(stranger, token, method="DELETE")
    classic = await counter.classic("disable", stranger, recurringDetailReference=token)

    assert (checkout.status, checkout.json["errorCode"]) == (422, "800")
    assert (classic.status, classic.json["errorCode"]) == (422, "800")
    assert list((await counter.known(shopper)).values()) == ["active"]
    assert await charged(counter, shopper, token) == (200, "Authorised")


async def test_the_classic_disable_of_one_leaves_the_other(counter: Counter) -> None:
    shopper = fresh("shopper")
    first = await counter.save(shopper)
    second = await counter.save(shopper, account="6281100000002")
    said = await counter.classic("disable", shopper, recurringDetailReference=first)

    assert (said.status, said.json) == (200, {"response": "[detail-successfully-disabled]"})
    assert sorted((await counter.known(shopper)).values()) == ["active", "disabled"]
    assert await charged(counter, shopper, first) == (422, "803")
    assert await charged(counter, shopper, second) == (200, "Authorised")


async def test_the_trap_of_the_classic_disable_without_a_detail_all_are_gone(
    counter: Counter,
) -> None:
    shopper, other = fresh("shopper"), fresh("other")
    tokens = [
        await counter.save(shopper),
        await counter.save(shopper, account="6281100000003"),
    ]
    untouched = await counter.save(other)
    said = await counter.classic("disable", shopper)

    assert (said.status, said.json) == (200, {"response": "[all-details-successfully-disabled]"})
    assert list((await counter.known(shopper)).values()) == ["disabled", "disabled"]
    assert [await charged(counter, shopper, token) for token in tokens] == [(422, "803")] * 2
    assert await charged(counter, other, untouched) == (200, "Authorised")


async def test_one_use_of_a_token_taken_away_leaves_the_other_use(counter: Counter) -> None:
    shopper = fresh("shopper")
    token = await counter.save(shopper, "CardOnFile")
    named = {"recurringDetailReference": token}
    other = await counter.classic("disable", shopper, contract="RECURRING", **named)
    left = list((await counter.known(shopper)).values())
    last = await counter.classic("disable", shopper, contract="ONECLICK", **named)
    gone = list((await counter.known(shopper)).values())

    assert (other.status, last.status) == (200, 200)
    assert (left, gone) == (["active"], ["disabled"])


#: What is wrong with who asks, and the answer: status, code, a field that it names.
WRONG: dict[str, tuple[dict[str, str], int, str, str]] = {
    "nobody": ({}, 422, "187", "shopperReference"),
    "a short name": ({"shopperReference": "ab"}, 422, "187", "shopperReference"),
    "a long name": ({"shopperReference": "s" * 257}, 422, "187", "shopperReference"),
    "a name with NUL": ({"shopperReference": "a\0b"}, 422, "187", "shopperReference"),
    "another account": (
        {"shopperReference": "abc", "merchantAccount": "Another"},
        *(403, "901", "merchantAccount"),
    ),
}


@pytest.mark.parametrize(("asked", "status", "code", "field"), WRONG.values(), ids=WRONG)
async def test_a_list_or_a_removal_for_nobody_is_refused(
    counter: Counter, asked: dict[str, str], status: int, code: str, field: str
) -> None:
    answers = [await call(counter, *where, asked) for where in WHERE]

    assert all(is_adyens_error(said) for said in answers)
    assert {(said.status, said.json["errorCode"]) for said in answers} == {(status, code)}
    assert all(f"Field '{field}' is not valid: " in said.json["message"] for said in answers)


async def test_a_classic_call_that_is_no_object_is_refused(counter: Counter) -> None:
    for body in (b"", b"[]", b"{"):
        said = await counter.caller.call("POST", f"{CLASSIC}/disable", body)

        assert (said.status, said.json["errorCode"]) == (400, "702")


@pytest.mark.parametrize("key", [None, "wrong"])
async def test_without_a_key_nothing_is_listed_or_removed(
    counter: Counter, key: str | None
) -> None:
    asked = {"shopperReference": "shopper-1"}
    answers = [await call(counter, *where, asked, key=key) for where in WHERE]

    assert {(said.status, said.json["errorCode"]) for said in answers} == {(401, "000")}


WHERE = [
    ("GET", CHECKOUT),
    ("GET", "/v71/storedPaymentMethods"),
    ("DELETE", f"{CHECKOUT}/TOKEN"),
    ("POST", f"{CLASSIC}/listRecurringDetails"),
    ("POST", f"{CLASSIC}/disable"),
]


async def call(
    counter: Counter, method: str, path: str, asked: dict[str, str], key: str | None = ""
) -> Said:
    """Ask by query or by body, as the call has it."""
    if method == "POST":
        return await counter.caller.call(method, path, asked, api_key=key)
    return await counter.caller.call(method, f"{path}?{urlencode(asked)}", api_key=key)
