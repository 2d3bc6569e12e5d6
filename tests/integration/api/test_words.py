"""What a shop reads when something is wrong: each message names the field, and the way on."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from fakes import payment_body
from kasir.demo.client import Walker, until
from raw_http import Caller, Said, is_adyens_error


async def paid(caller: Caller, walker: Walker) -> tuple[str, str]:
    """A payment of 25,000 rupiah that is paid: its reference and its pspReference."""
    reference = f"SAY-{secrets.token_hex(6)}"
    started = await caller.post("/v72/payments", payment_body(reference=reference))
    await walker.shopper(started.json["action"], "approve_without_return")
    payment = await walker.status(reference, "authorised")
    return reference, payment["pspReference"]


def rupiah(value: int) -> dict[str, Any]:
    return {"amount": {"currency": "IDR", "value": value}}


def message(said: Said, status: int) -> str:
    """What an error says, once it is one in Adyen's body."""
    assert (said.status, is_adyens_error(said)) == (status, True), said.body
    told: str = said.json["message"]
    return told


@pytest.mark.parametrize("change", ["refunds", "captures", "cancels", "reversals"])
async def test_a_change_asked_of_a_refund_is_told_the_pspreference_of_its_payment(
    caller: Caller, walker: Walker, change: str
) -> None:
    _, psp = await paid(caller, walker)
    refund = (await caller.post(f"/v72/payments/{psp}/refunds", rupiah(1_000))).json["pspReference"]
    told = message(await caller.post(f"/v72/payments/{refund}/{change}", rupiah(1)), 422)

    assert told == (
        f"Field 'paymentPspReference' is not valid: {refund} belongs to the payment {psp}; "
        f"give {psp} here."
    )


async def test_a_refund_asked_of_a_capture_is_told_the_pspreference_of_its_payment(
    caller: Caller, walker: Walker
) -> None:
    reference = f"SAY-{secrets.token_hex(6)}"
    body = payment_body(reference=reference, captureDelayHours=48)
    started = await caller.post("/v72/payments", body)
    await walker.shopper(started.json["action"], "approve_without_return")
    psp = (await walker.status(reference, "authorised"))["pspReference"]
    captured = await caller.post(f"/v72/payments/{psp}/captures", rupiah(25_000))
    capture = captured.json["pspReference"]
    told = message(await caller.post(f"/v72/payments/{capture}/refunds", rupiah(1)), 422)

    assert told.endswith(f"{capture} belongs to the payment {psp}; give {psp} here.")


async def test_a_refund_by_the_name_of_an_unpaid_attempt_is_told_how_that_is_undone(
    caller: Caller,
) -> None:
    reference = f"SAY-{secrets.token_hex(6)}"
    started = await caller.post("/v72/payments", payment_body(reference=reference))
    name = started.headers["pspReference"]
    told = message(await caller.post(f"/v72/payments/{name}/refunds", rupiah(1)), 422)

    assert told.endswith(f"nothing is paid under {name}; POST /cancels undoes {reference}.")


async def test_a_refund_asked_of_nobodys_payment_is_told_where_such_are_changed(
    caller: Caller,
) -> None:
    told = message(await caller.post("/v72/payments/NOBODYS000000001/refunds", rupiah(1)), 422)

    assert told == (
        "Field 'paymentPspReference' is not valid: no payment of Kasir's is NOBODYS000000001; "
        "change payments made elsewhere at Adyen itself."
    )


async def test_a_cancel_by_a_reference_that_nobody_used_blames_the_field_that_was_sent(
    caller: Caller,
) -> None:
    body = {"merchantAccount": "TwinMerchant", "paymentReference": "NEVER-SOLD"}
    told = message(await caller.post("/v72/cancels", body), 422)

    assert told.startswith("Field 'paymentReference' is not valid: no payment of Kasir's is ")


async def test_a_cancel_by_reference_of_what_was_refunded_blames_the_field_that_was_sent(
    caller: Caller, walker: Walker
) -> None:
    reference, psp = await paid(caller, walker)
    await caller.post(f"/v72/payments/{psp}/refunds", rupiah(1_000))
    body = {"merchantAccount": "TwinMerchant", "paymentReference": reference}
    told = message(await caller.post("/v72/cancels", body), 422)

    assert told.startswith("Field 'paymentReference' is not valid: it would undo the whole")


@pytest.mark.parametrize("path", ["/v70/payments", "/v73/payments/details", "/v71.1/payments"])
async def test_a_version_that_kasir_does_not_speak_is_told_which_it_does(
    caller: Caller, path: str
) -> None:
    told = message(await caller.post(path, payment_body()), 404)

    assert told == f"There is no {path} here: Kasir answers Checkout as /v71 and /v72."


async def test_a_classic_version_that_kasir_does_not_speak_is_told_which_it_does(
    caller: Caller,
) -> None:
    path = "/pal/servlet/Recurring/v49/disable"
    told = message(await caller.post(path, {}), 404)

    assert told == f"There is no {path} here: Kasir answers Recurring as /v68."


async def test_a_call_without_its_version_is_told_to_give_one(caller: Caller) -> None:
    told = message(await caller.post("/payments", payment_body()), 404)

    assert told == "There is no /payments here: Kasir answers Checkout as /v71 and /v72."


async def test_an_address_that_is_not_there_is_told_where_all_are_listed(caller: Caller) -> None:
    told = message(await caller.call("GET", "/api/refunds"), 404)

    assert told == "There is no /api/refunds here: /api/openapi.json lists what there is."


async def test_a_change_that_nobody_knows_is_told_which_there_are(caller: Caller) -> None:
    told = message(await caller.post("/v72/payments/NOBODYS000000001/refund", rupiah(1)), 404)

    assert told.endswith("captures, refunds, cancels, reversals.")


async def test_a_method_that_an_address_does_not_take_is_told_which_it_does(
    caller: Caller,
) -> None:
    told = message(await caller.call("GET", "/v72/payments"), 405)

    assert told == "GET is not for this; use POST."


async def test_a_call_without_a_key_is_told_the_header_it_goes_into(caller: Caller) -> None:
    told = message(await caller.call("POST", "/v72/payments", payment_body(), api_key=None), 401)

    assert told == (
        "HTTP Status Response - Unauthorized: give a key of this Kasir in the header X-API-Key."
    )


async def test_a_call_with_another_key_is_told_whose_keys_are_taken(caller: Caller) -> None:
    told = message(await caller.call("POST", "/v72/payments", payment_body(), api_key="x"), 401)

    assert told == (
        "HTTP Status Response - Unauthorized: the key in X-API-Key is none of this Kasir's; "
        "Adyen's own are not taken."
    )


@pytest.mark.parametrize(
    ("path", "way_on"),
    [
        ("/api/payments/pay_none", "/api/payments?reference="),
        ("/api/plans/plan_none", "/api/plans"),
        ("/api/subscriptions/sub_none", "/api/subscriptions"),
        ("/v72/paymentLinks/PL_NONE", "/paymentLinks"),
    ],
)
async def test_what_is_not_there_is_told_where_its_name_is_found(
    caller: Caller, path: str, way_on: str
) -> None:
    told = message(await caller.call("GET", path), 404)

    assert path.rpartition("/")[2] in told
    assert way_on in told


async def test_a_key_that_is_still_running_is_told_to_ask_again(caller: Caller) -> None:
    reference = key = f"SAY-{secrets.token_hex(6)}"
    slow = {"fault": "slow_reply", "call": "payments", "reference": reference, "seconds": 2}
    async with caller.http.put(f"{caller.house.twin_url}/twin/faults", json=[slow]) as planned:
        assert planned.status == 200
    body = payment_body(reference=reference)
    first = asyncio.create_task(caller.post("/v72/payments", body, key=key))

    await until(lambda: caller.at_the_twin(reference), bool, "the first one under way")
    second = await caller.post("/v72/payments", body, key=key)
    await first
    async with caller.http.delete(f"{caller.house.twin_url}/twin/faults"):
        pass

    assert message(second, 409).endswith("Ask again in a moment.")
