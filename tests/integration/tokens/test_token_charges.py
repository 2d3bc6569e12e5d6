"""Charges of saved wallets over HTTP. Invalid ones store nothing, valid ones are sent once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from integration.tokens.token_client import TokenClient, unique
from kasir.demo.client import until
from raw_http import HttpReply, is_adyens_error
from twin_fixtures import payment_body

SAVING_FIELDS = {"storePaymentMethod": True, "recurringProcessingModel": "Subscription"}
STORED_ID = "paymentMethod.storedPaymentMethodId"


@dataclass(frozen=True, slots=True)
class Saved:
    """A shopper with an active and a disabled token, and another shopper who has a token too."""

    shopper: str
    token: str
    disabled: str
    other_shopper: str


@pytest.fixture(scope="session")
async def saved(client: TokenClient) -> Saved:
    """Created once for all tests, because none changes it."""
    shopper, other_shopper = unique("shopper"), unique("other_shopper")
    token = await client.save(shopper)
    disabled = await client.save(shopper, account="6281100000001")
    removed = await client.stored_methods(shopper, disabled, method="DELETE")
    assert removed.status == 204
    await client.save(other_shopper)
    return Saved(shopper=shopper, token=token, disabled=disabled, other_shopper=other_shopper)


async def send_invalid(client: TokenClient, body: dict[str, Any]) -> HttpReply:
    """Send an invalid payment with a new key and check that it has no effect; return the reply."""
    reference = unique("BAD")
    before = await client.caller.row_counts()
    body = {name: value for name, value in body.items() if value is not None}
    reply = await client.caller.post(
        "/v72/payments", {"reference": reference} | body, key=reference
    )

    assert is_adyens_error(reply), reply.body
    assert await client.caller.row_counts() == before
    assert await client.caller.twin_payments(reference) == []
    assert await client.payment(reference) == {}
    return reply


def charge(saved: Saved, **changes: Any) -> dict[str, Any]:
    """A valid charge with changed fields; None removes a field."""
    body = {
        "amount": {"currency": "IDR", "value": 25_000},
        "paymentMethod": {"storedPaymentMethodId": saved.token},
        "shopperReference": saved.shopper,
        "shopperInteraction": "ContAuth",
        "recurringProcessingModel": "Subscription",
        "returnUrl": "https://shop.example/return",
    }
    return body | changes


#: The changed fields, and what the answer must have: a field, Adyen's code, a part of the cure.
BAD_CHARGES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "no shopper": ({"shopperReference": None}, "shopperReference", "187", "3 to 256"),
    "an empty shopper": ({"shopperReference": ""}, "shopperReference", "187", "3 to 256"),
    "a short shopper": ({"shopperReference": "ab"}, "shopperReference", "187", "least 3"),
    "a long shopper": ({"shopperReference": "s" * 257}, "shopperReference", "187", "most 256"),
    "a number as shopper": ({"shopperReference": 1234}, "shopperReference", "187", "string"),
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
    "a number as token": (
        {"paymentMethod": {"storedPaymentMethodId": 12345678}},
        *(STORED_ID, "187", "string"),
    ),
    "null as token": (
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
    "a number as token by its older name": (
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
async def test_an_invalid_field_of_a_charge_is_refused_by_name(
    client: TokenClient, saved: Saved, changes: dict[str, Any], field: str, code: str, cure: str
) -> None:
    reply = await send_invalid(client, charge(saved, **changes))

    assert (reply.status, reply.json["errorCode"]) == (422, code)
    assert f"Field '{field}' is not valid: " in reply.json["message"]
    assert cure in reply.json["message"]
    assert saved.token.encode() not in reply.body


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
    reply = await send_invalid(client, charge(saved, **wrong))
    fields = [
        *("amount.currency", "amount.value", STORED_ID, "shopperReference"),
        *("shopperInteraction", "recurringProcessingModel", "returnUrl"),
    ]

    assert [name for name in fields if f"Field '{name}' is" not in reply.json["message"]] == []


@pytest.mark.parametrize("whose", ["other shopper", "shopper in capitals"])
async def test_a_token_is_charged_for_its_own_shopper_only(
    client: TokenClient, saved: Saved, whose: str
) -> None:
    other = saved.other_shopper if whose == "other shopper" else saved.shopper.upper()
    reply = await send_invalid(client, charge(saved, shopperReference=other))

    assert (reply.status, reply.json["errorCode"]) == (422, "800")
    assert f"Field '{STORED_ID}' is not valid: Contract not found" in reply.json["message"]
    assert saved.shopper.encode() not in reply.body


async def test_a_token_that_adyen_no_longer_knows_is_disabled_without_a_notification(
    client: TokenClient,
) -> None:
    """The notification is lost; Adyen's answer to the next charge disables the token."""
    shopper = unique("shopper")
    token = await client.save(shopper)
    event_code = "recurring.token.disabled"
    fault = {"fault": "lose_notice", "endpoint": "tokens", "eventCode": event_code}
    await client.twin("PUT", "faults", [fault])
    await client.twin("POST", f"tokens/{token}", {"do": "disable"})
    first = await client.charge(shopper, token)
    states = [*(await client.token_states(shopper)).values()]
    again = await client.charge(shopper, token)
    await client.twin("PUT", "faults", [])

    assert (first.status, first.json["errorCode"]) == (422, "803")
    # The first answer is Adyen's. After it Kasir answers with its own error, which has the cure.
    assert "save GoPay again" not in first.json["message"]
    assert states == ["disabled"]
    assert "save GoPay again" in again.json["message"]


@pytest.mark.parametrize("name", ["storedPaymentMethodId", "recurringDetailReference"])
async def test_a_disabled_token_is_never_charged(
    client: TokenClient, saved: Saved, name: str
) -> None:
    reply = await send_invalid(client, charge(saved, paymentMethod={name: saved.disabled}))

    assert (reply.status, reply.json["errorCode"]) == (422, "803")
    assert "save GoPay again" in reply.json["message"]


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
async def test_an_invalid_field_of_a_payment_that_saves_is_refused_by_name(
    client: TokenClient, changes: dict[str, Any], field: str, cure: str
) -> None:
    reply = await send_invalid(client, payment_body(reference=None, **SAVING_FIELDS) | changes)

    assert (reply.status, reply.json["errorCode"]) == (422, "187")
    assert f"Field '{field}' is not valid: " in reply.json["message"]
    assert cure in reply.json["message"]


@pytest.mark.parametrize("length", [3, 256])
async def test_a_shopper_reference_may_have_3_to_256_characters(
    client: TokenClient, length: int
) -> None:
    body = payment_body(reference=unique("SAVE"), shopperReference="s" * length, **SAVING_FIELDS)
    reply = await client.caller.post("/v72/payments", body)

    assert (reply.status, reply.json["resultCode"]) == (200, "RedirectShopper")


async def test_a_token_may_be_given_with_its_type_or_by_its_older_name(
    client: TokenClient, saved: Saved
) -> None:
    for method in (
        {"type": "gopay_wallet", "storedPaymentMethodId": saved.token},
        {"recurringDetailReference": saved.token},
    ):
        reply = await client.charge(saved.shopper, saved.token, paymentMethod=method)

        assert (reply.status, reply.json["resultCode"]) == (200, "Authorised")


async def test_a_charge_above_adyens_own_limit_is_refused_with_adyens_message(
    client: TokenClient, saved: Saved
) -> None:
    amount = {"currency": "IDR", "value": 20_000_001}
    reply = await client.charge(saved.shopper, saved.token, amount=amount, reference="ABOVE-1")

    assert (reply.status, reply.json["errorCode"]) == (422, "137")
    assert is_adyens_error(reply)
    assert (await client.payment("ABOVE-1"))["status"] == "failed"


async def test_a_charge_above_the_wallets_balance_is_a_refusal_and_not_an_error(
    client: TokenClient,
) -> None:
    shopper, reference = unique("shopper"), unique("POOR")
    token = await client.save(shopper)
    await client.twin("PUT", f"wallets/{shopper}", {"balance": 24_999})
    reply = await client.charge(shopper, token, reference=reference)

    assert (reply.status, reply.json["resultCode"]) == (200, "Refused")
    assert (await client.wait_for_status(reference, "refused"))["captured"] == 0


async def test_a_charge_repeated_with_its_key_is_made_once_and_has_one_answer(
    client: TokenClient, saved: Saved
) -> None:
    reference = unique("ONCE")
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
    assert len(await client.caller.twin_payments(reference)) == 1


async def test_twenty_concurrent_requests_with_one_key_are_one_charge(
    client: TokenClient, saved: Saved
) -> None:
    reference = unique("TWENTY")

    async def charge_once() -> HttpReply:
        return await client.charge(saved.shopper, saved.token, key=reference, reference=reference)

    answers = await asyncio.gather(*(charge_once() for _ in range(20)))
    last = await charge_once()
    paid = await client.wait_for_status(reference, "authorised")

    assert len(await client.caller.twin_payments(reference)) == 1
    assert paid["captured"] == 25_000
    assert (last.status, last.json["resultCode"]) == (200, "Authorised")
    # Requests during the first call were refused, or waited for the same answer.
    assert {(reply.status, reply.json.get("errorCode")) for reply in answers} <= {
        (200, None),
        (409, "704"),
    }
    assert {reply.body for reply in answers if reply.status == 200} == {last.body}


@pytest.mark.parametrize("code", ["Received", "Pending"])
@pytest.mark.parametrize(
    ("balance", "status"),
    [(None, "authorised"), (0, "refused")],  # None: the balance is not limited.
)
async def test_a_pending_answer_is_not_a_failure_and_the_notification_is_final(
    client: TokenClient, code: str, balance: int | None, status: str
) -> None:
    shopper, reference = unique("shopper"), unique("OPEN")
    token = await client.save(shopper)
    await client.twin("PUT", f"wallets/{shopper}", {"balance": balance})
    # The twin ends the charge only after the test has advanced the clock.
    await client.twin("PUT", "knobs", {"chargeResult": code, "chargeS": 3600})
    try:
        reply = await client.charge(shopper, token, reference=reference)
        before = await client.payment(reference)
        await client.twin("POST", "clock", {"advance_s": 3600})
        after = await client.wait_for_status(reference, status)
    finally:
        await client.twin("DELETE", "knobs")

    assert (reply.status, reply.json["resultCode"]) == (200, code)
    assert "action" not in reply.json
    assert before["status"] == "pending"
    assert after["pspReference"] == reply.json["pspReference"]
    assert [fact["source"] for fact in after["facts"]] == ["reply", "notification"]


async def test_neither_the_server_nor_the_worker_writes_a_token_in_its_log(
    client: TokenClient, saved: Saved
) -> None:
    """Both have processed the requests and notifications of the tests above."""
    body = b'{"type":"recurring.token.created","data":"%s"}' % saved.token.encode()
    forged = {"HmacSignature": "forged"}
    await client.caller.call("POST", "/webhooks/adyen/tokens", body, headers=forged)
    system = client.caller.system

    async def logged() -> str:
        return (system.logs / "server.log").read_text()

    log = await until(
        logged, lambda text: "not authentic" in text, "the forged notification in the log"
    )
    log += (system.logs / "worker.log").read_text()
    at_twin = await client.twin("GET", "tokens")

    ids = [token["storedPaymentMethodId"] for token in at_twin["tokens"]]
    assert len(ids) > 2
    assert [stored_id for stored_id in ids if stored_id in log] == []
    assert system.api_key not in log
