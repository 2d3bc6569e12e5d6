"""Charges of saved wallets over HTTP: a refused one leaves nothing behind, others are sent once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from integration.tokens.token_client import TokenClient, fresh
from kasir.demo.client import until
from raw_http import HttpReply, is_adyens_error
from twin_fixtures import payment_body

STORE = {"storePaymentMethod": True, "recurringProcessingModel": "Subscription"}
STORED_ID = "paymentMethod.storedPaymentMethodId"


@dataclass(frozen=True, slots=True)
class Saved:
    """A shopper with a wallet saved for each model, and a stranger with one of their own."""

    shopper: str
    token: str
    disabled: str
    stranger: str


@pytest.fixture(scope="session")
async def saved(client: TokenClient) -> Saved:
    """Made once: none of these tests uses it up."""
    shopper, stranger = fresh("shopper"), fresh("stranger")
    token = await client.save(shopper)
    disabled = await client.save(shopper, account="6281100000001")
    removed = await client.stored(shopper, disabled, method="DELETE")
    assert removed.status == 204
    await client.save(stranger)
    return Saved(shopper, token, disabled, stranger)


async def refused(client: TokenClient, body: dict[str, Any]) -> HttpReply:
    """Send a bad payment under a key of its own; hold that nothing came of it."""
    reference = fresh("BAD")
    before = await client.caller.kept()
    body = {name: value for name, value in body.items() if value is not None}
    said = await client.caller.post("/v72/payments", {"reference": reference} | body, key=reference)

    assert is_adyens_error(said), said.body
    assert await client.caller.kept() == before
    assert await client.caller.at_the_twin(reference) == []
    assert await client.payment(reference) == {}
    return said


def charge(saved: Saved, **changes: Any) -> dict[str, Any]:
    """A good charge, and what is wrong with it; None leaves a field out."""
    body = {
        "amount": {"currency": "IDR", "value": 25_000},
        "paymentMethod": {"storedPaymentMethodId": saved.token},
        "shopperReference": saved.shopper,
        "shopperInteraction": "ContAuth",
        "recurringProcessingModel": "Subscription",
        "returnUrl": "https://shop.example/return",
    }
    return body | changes


#: What is wrong, the field that the answer names, Adyen's code, a word of the cure.
BAD_CHARGES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "no shopper": ({"shopperReference": None}, "shopperReference", "187", "3 to 256"),
    "an empty shopper": ({"shopperReference": ""}, "shopperReference", "187", "3 to 256"),
    "a short shopper": ({"shopperReference": "ab"}, "shopperReference", "187", "least 3"),
    "a long shopper": ({"shopperReference": "s" * 257}, "shopperReference", "187", "most 256"),
    "a shopper by number": ({"shopperReference": 1234}, "shopperReference", "187", "string"),
    "no model": (
        {"recurringProcessingModel": None},
        "recurringProcessingModel",
        "187",
        "Subscription, CardOnFile",
    ),
    "a model not for GoPay": (
        {"recurringProcessingModel": "UnscheduledCardOnFile"},
        "recurringProcessingModel",
        "187",
        "Subscription, CardOnFile",
    ),
    "no ContAuth": ({"shopperInteraction": None}, "shopperInteraction", "187", "ContAuth"),
    "Ecommerce": ({"shopperInteraction": "Ecommerce"}, "shopperInteraction", "187", "ContAuth"),
    "too much": (
        {"amount": {"currency": "IDR", "value": 50_000_001}},
        "amount.value",
        "137",
        "50000000",
    ),
    "in euro": ({"amount": {"currency": "EUR", "value": 25}}, "amount.currency", "138", "IDR"),
    "no way back": ({"returnUrl": None}, "returnUrl", "14_030", "comes back"),
    "a token by number": (
        {"paymentMethod": {"storedPaymentMethodId": 12345678}},
        *(STORED_ID, "187", "string"),
    ),
    "a token by null": (
        {"paymentMethod": {"storedPaymentMethodId": None}},
        *(STORED_ID, "187", "string"),
    ),
    "an empty token": (
        {"paymentMethod": {"storedPaymentMethodId": ""}},
        *(STORED_ID, "187", "least 1"),
    ),
    "a list of tokens": (
        {"paymentMethod": {"type": "gopay_wallet", "storedPaymentMethodId": ["TOKEN"]}},
        *(STORED_ID, "187", "string"),
    ),
    "a long token": (
        {"paymentMethod": {"storedPaymentMethodId": "t" * 65}},
        *(STORED_ID, "187", "most 64"),
    ),
    "a token with NUL": (
        {"paymentMethod": {"storedPaymentMethodId": "t\0t"}},
        *(STORED_ID, "187", "NUL"),
    ),
    "an older name that is a number": (
        {"paymentMethod": {"recurringDetailReference": 12345678}},
        *(STORED_ID, "187", "string"),
    ),
    "two tokens": (
        {"paymentMethod": {"storedPaymentMethodId": "ONE", "recurringDetailReference": "OTHER"}},
        *("paymentMethod.recurringDetailReference", "187", "give one of them"),
    ),
    "a card's token": (
        {"paymentMethod": {"type": "scheme", "storedPaymentMethodId": "CARD"}},
        *("paymentMethod.type", "187", "gopay_wallet"),
    ),
}


@pytest.mark.parametrize(
    ("changes", "field", "code", "cure"), BAD_CHARGES.values(), ids=BAD_CHARGES
)
async def test_one_thing_wrong_with_a_charge(
    client: TokenClient, saved: Saved, changes: dict[str, Any], field: str, code: str, cure: str
) -> None:
    said = await refused(client, charge(saved, **changes))

    assert (said.status, said.json["errorCode"]) == (422, code)
    assert f"Field '{field}' is not valid: " in said.json["message"]
    assert cure in said.json["message"]
    assert saved.token.encode() not in said.body


async def test_all_faults_of_a_charge_are_reported_at_once(
    client: TokenClient, saved: Saved
) -> None:
    wrong = {
        "amount": {"currency": "EUR", "value": 50_000_001},
        "paymentMethod": {"storedPaymentMethodId": 7},
        "shopperReference": "ab",
        "shopperInteraction": "Moto",
        "recurringProcessingModel": None,
        "returnUrl": None,
    }
    said = await refused(client, charge(saved, **wrong))
    named = ["amount.currency", "amount.value", STORED_ID, *list(wrong)[2:]]

    assert [name for name in named if f"Field '{name}' is" not in said.json["message"]] == []


@pytest.mark.parametrize("whose", ["stranger", "SHOPPER"])
async def test_a_token_is_charged_for_its_own_shopper_only(
    client: TokenClient, saved: Saved, whose: str
) -> None:
    other = saved.stranger if whose == "stranger" else saved.shopper.upper()
    said = await refused(client, charge(saved, shopperReference=other))

    assert (said.status, said.json["errorCode"]) == (422, "800")
    assert f"Field '{STORED_ID}' is not valid: Contract not found" in said.json["message"]
    assert saved.shopper.encode() not in said.body


async def test_a_token_that_adyen_does_not_know_any_more_is_disabled_without_a_notification(
    client: TokenClient,
) -> None:
    """It was disabled there and its webhook is lost: the answer to the next charge tells."""
    shopper = fresh("shopper")
    token = await client.save(shopper)
    gone = "recurring.token.disabled"
    lost = {"fault": "lose_notice", "endpoint": "tokens", "eventCode": gone}
    await client.twin("PUT", "faults", [lost])
    await client.twin("POST", f"tokens/{token}", {"do": "disable"})
    first = await client.charge(shopper, token)
    known = [*(await client.known(shopper)).values()]
    again = await client.charge(shopper, token)
    await client.twin("PUT", "faults", [])

    assert (first.status, first.json["errorCode"]) == (422, "803")
    assert "save GoPay again" not in first.json["message"]  # Adyen's answer, not ours.
    assert known == ["disabled"]
    assert "save GoPay again" in again.json["message"]  # By then Kasir knows, and says the cure.


@pytest.mark.parametrize("name", ["storedPaymentMethodId", "recurringDetailReference"])
async def test_a_disabled_token_is_never_charged(
    client: TokenClient, saved: Saved, name: str
) -> None:
    said = await refused(client, charge(saved, paymentMethod={name: saved.disabled}))

    assert (said.status, said.json["errorCode"]) == (422, "803")
    assert "save GoPay again" in said.json["message"]


@pytest.mark.parametrize(
    ("changes", "field", "cure"),
    [
        ({}, "shopperReference", "3 to 256"),
        ({"shopperReference": "ab"}, "shopperReference", "least 3"),
        ({"shopperReference": "s" * 257}, "shopperReference", "most 256"),
        (
            {"shopperReference": "abc", "recurringProcessingModel": None},
            *("recurringProcessingModel", "Subscription, CardOnFile"),
        ),
        (
            {"shopperReference": "abc", "recurringProcessingModel": "UnscheduledCardOnFile"},
            *("recurringProcessingModel", "Subscription, CardOnFile"),
        ),
    ],
)
async def test_one_thing_wrong_with_saving(
    client: TokenClient, changes: dict[str, Any], field: str, cure: str
) -> None:
    said = await refused(client, payment_body(reference=None, **STORE) | changes)

    assert (said.status, said.json["errorCode"]) == (422, "187")
    assert f"Field '{field}' is not valid: " in said.json["message"]
    assert cure in said.json["message"]


@pytest.mark.parametrize("length", [3, 256])
async def test_a_shopper_may_be_named_as_shortly_and_as_long_as_that(
    client: TokenClient, length: int
) -> None:
    body = payment_body(reference=fresh("SAVE"), shopperReference="s" * length, **STORE)
    said = await client.caller.post("/v72/payments", body)

    assert (said.status, said.json["resultCode"]) == (200, "RedirectShopper")


async def test_a_token_may_come_with_its_type_and_by_its_older_name(
    client: TokenClient, saved: Saved
) -> None:
    for method in (
        {"type": "gopay_wallet", "storedPaymentMethodId": saved.token},
        {"recurringDetailReference": saved.token},
    ):
        said = await client.charge(saved.shopper, saved.token, paymentMethod=method)

        assert (said.status, said.json["resultCode"]) == (200, "Authorised")


async def test_what_is_above_adyens_own_limit_is_refused_in_adyens_words(
    client: TokenClient, saved: Saved
) -> None:
    amount = {"currency": "IDR", "value": 20_000_001}
    said = await client.charge(saved.shopper, saved.token, amount=amount, reference="ABOVE-1")

    assert (said.status, said.json["errorCode"]) == (422, "137")
    assert is_adyens_error(said)
    assert (await client.payment("ABOVE-1"))["status"] == "failed"


async def test_what_is_above_the_wallets_balance_is_a_refusal_and_no_error(
    client: TokenClient,
) -> None:
    shopper, reference = fresh("shopper"), fresh("POOR")
    token = await client.save(shopper)
    await client.twin("PUT", f"wallets/{shopper}", {"balance": 24_999})
    said = await client.charge(shopper, token, reference=reference)

    assert (said.status, said.json["resultCode"]) == (200, "Refused")
    assert (await client.status(reference, "refused"))["captured"] == 0


async def test_the_same_key_twice_is_one_charge_and_one_answer(
    client: TokenClient, saved: Saved
) -> None:
    reference = fresh("ONCE")
    first, again = [
        await client.charge(saved.shopper, saved.token, key=reference, reference=reference)
        for _ in range(2)
    ]
    other = await client.charge(
        *(saved.shopper, saved.token),
        key=reference,
        reference=reference,
        amount={"currency": "IDR", "value": 1},
    )

    assert (first.status, first.json["resultCode"]) == (200, "Authorised")
    assert again.body == first.body
    assert (other.status, other.json["errorCode"]) == (422, "704")
    assert len(await client.caller.at_the_twin(reference)) == 1


async def test_twenty_at_once_with_one_key_are_one_charge(
    client: TokenClient, saved: Saved
) -> None:
    reference = fresh("TWENTY")

    async def one() -> HttpReply:
        return await client.charge(saved.shopper, saved.token, key=reference, reference=reference)

    answers = await asyncio.gather(*(one() for _ in range(20)))
    last = await one()
    paid = await client.status(reference, "authorised")

    assert len(await client.caller.at_the_twin(reference)) == 1
    assert paid["captured"] == 25_000
    assert (last.status, last.json["resultCode"]) == (200, "Authorised")
    # Whoever came while the first was on its way was refused, or waited for the same answer.
    assert {(said.status, said.json.get("errorCode")) for said in answers} <= {
        (200, None),
        (409, "704"),
    }
    assert {said.body for said in answers if said.status == 200} == {last.body}


@pytest.mark.parametrize("code", ["Received", "Pending"])
@pytest.mark.parametrize(("balance", "status"), [(None, "authorised"), (0, "refused")])
async def test_an_answer_that_leaves_it_open_is_no_failure_and_the_notification_is_final(
    client: TokenClient, code: str, balance: int | None, status: str
) -> None:
    shopper, reference = fresh("shopper"), fresh("OPEN")
    token = await client.save(shopper)
    await client.twin("PUT", f"wallets/{shopper}", {"balance": balance})
    # So long that only the clock of the test ends it.
    await client.twin("PUT", "knobs", {"chargeResult": code, "chargeS": 3600})
    try:
        said = await client.charge(shopper, token, reference=reference)
        before = await client.payment(reference)
        await client.twin("POST", "clock", {"advance_s": 3600})
        after = await client.status(reference, status)
    finally:
        await client.twin("DELETE", "knobs")

    assert (said.status, said.json["resultCode"]) == (200, code)
    assert "action" not in said.json
    assert before["status"] == "pending"
    assert after["pspReference"] == said.json["pspReference"]
    assert [fact["source"] for fact in after["facts"]] == ["reply", "notification"]


async def test_neither_the_server_nor_the_worker_writes_a_token_in_its_log(
    client: TokenClient, saved: Saved
) -> None:
    """What was charged, refused, disabled and forged above all went through both."""
    body = b'{"type":"recurring.token.created","data":"%s"}' % saved.token.encode()
    forged = {"HmacSignature": "forged"}
    await client.caller.call("POST", "/webhooks/adyen/tokens", body, headers=forged)
    system = client.caller.system

    async def logged() -> str:
        return (system.logs / "server.log").read_text()

    log = await until(logged, lambda text: "not authentic" in text, "the forgery in the log")
    log += (system.logs / "worker.log").read_text()
    every = await client.twin("GET", "tokens")

    ids = [token["storedPaymentMethodId"] for token in every["tokens"]]
    assert len(ids) > 2
    assert [stored_id for stored_id in ids if stored_id in log] == []
    assert system.api_key not in log
