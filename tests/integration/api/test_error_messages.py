"""Each error message names the field and what to do."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from fakes import payment_body
from kasir.demo.client import JourneyClient, until
from paid_payment import paid_payment
from raw_http import Caller, HttpReply, is_adyens_error


def rupiah(value: int) -> dict[str, Any]:
    """The body of a change of this amount."""
    return {"amount": {"currency": "IDR", "value": value}}


def message(response: HttpReply, status: int) -> str:
    """The message of an error, which must have this status and Adyen's format."""
    assert (response.status, is_adyens_error(response)) == (status, True), response.body
    text: str = response.json["message"]
    return text


@pytest.mark.parametrize("change", ["refunds", "captures", "cancels", "reversals"])
async def test_the_refusal_to_change_a_refund_names_the_pspreference_of_the_payment(
    caller: Caller, journey_client: JourneyClient, change: str
) -> None:
    _, psp_reference = await paid_payment(caller, journey_client, "MSG")
    refund = (await caller.post(f"/v72/payments/{psp_reference}/refunds", rupiah(1_000))).json[
        "pspReference"
    ]
    text = message(await caller.post(f"/v72/payments/{refund}/{change}", rupiah(1)), 422)

    assert text == (
        f"Field 'paymentPspReference' is not valid: {refund} belongs to the payment "
        f"{psp_reference}; give {psp_reference} here."
    )


async def test_the_refusal_to_refund_a_capture_names_the_pspreference_of_the_payment(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference = f"MSG-{secrets.token_hex(6)}"
    body = payment_body(reference=reference, captureDelayHours=48)
    started = await caller.post("/v72/payments", body)
    await journey_client.shopper(started.json["action"], "approve_without_return")
    psp_reference = (await journey_client.status(reference, "authorised"))["pspReference"]
    captured = await caller.post(f"/v72/payments/{psp_reference}/captures", rupiah(25_000))
    capture = captured.json["pspReference"]
    text = message(await caller.post(f"/v72/payments/{capture}/refunds", rupiah(1)), 422)

    assert text.endswith(
        f"{capture} belongs to the payment {psp_reference}; give {psp_reference} here."
    )


async def test_the_refusal_to_refund_an_unpaid_attempt_names_the_call_to_cancel_it(
    caller: Caller,
) -> None:
    reference = f"MSG-{secrets.token_hex(6)}"
    started = await caller.post("/v72/payments", payment_body(reference=reference))
    attempt = started.headers["pspReference"]
    text = message(await caller.post(f"/v72/payments/{attempt}/refunds", rupiah(1)), 422)

    assert text.endswith(f"nothing is paid under {attempt}; POST /cancels undoes {reference}.")


async def test_the_refusal_to_refund_an_unknown_payment_points_to_adyen(
    caller: Caller,
) -> None:
    text = message(await caller.post("/v72/payments/NOBODYS000000001/refunds", rupiah(1)), 422)

    assert text == (
        "Field 'paymentPspReference' is not valid: no payment of Kasir's is NOBODYS000000001; "
        "change payments made elsewhere at Adyen itself."
    )


async def test_a_cancel_by_an_unknown_reference_names_the_field_that_was_sent(
    caller: Caller,
) -> None:
    body = {"merchantAccount": "TwinMerchant", "paymentReference": "NEVER-SOLD"}
    text = message(await caller.post("/v72/cancels", body), 422)

    assert text.startswith("Field 'paymentReference' is not valid: no payment of Kasir's is ")


async def test_a_cancel_by_reference_of_a_refunded_payment_names_the_field_that_was_sent(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference, psp_reference = await paid_payment(caller, journey_client, "MSG")
    await caller.post(f"/v72/payments/{psp_reference}/refunds", rupiah(1_000))
    body = {"merchantAccount": "TwinMerchant", "paymentReference": reference}
    text = message(await caller.post("/v72/cancels", body), 422)

    assert text.startswith("Field 'paymentReference' is not valid: it would undo the whole")


@pytest.mark.parametrize("path", ["/v67/payments", "/v73/payments/details", "/v71.1/payments"])
async def test_an_unsupported_version_is_answered_with_the_supported_ones(
    caller: Caller, path: str
) -> None:
    text = message(await caller.post(path, payment_body()), 404)

    assert text == f"There is no {path} here: Kasir answers Checkout as /v68 to /v72."


async def test_an_unsupported_classic_version_is_answered_with_the_supported_one(
    caller: Caller,
) -> None:
    path = "/pal/servlet/Recurring/v49/disable"
    text = message(await caller.post(path, {}), 404)

    assert text == f"There is no {path} here: Kasir answers Recurring as /v68."


async def test_a_path_without_a_version_is_answered_with_the_supported_ones(caller: Caller) -> None:
    text = message(await caller.post("/payments", payment_body()), 404)

    assert text == "There is no /payments here: Kasir answers Checkout as /v68 to /v72."


async def test_the_answer_to_an_unknown_path_names_the_openapi_document(caller: Caller) -> None:
    text = message(await caller.call("GET", "/api/refunds"), 404)

    assert text == "There is no /api/refunds here: /api/openapi.json lists what there is."


async def test_an_unknown_change_is_answered_with_the_known_ones(caller: Caller) -> None:
    text = message(await caller.post("/v72/payments/NOBODYS000000001/refund", rupiah(1)), 404)

    assert text.endswith("captures, refunds, cancels, reversals.")


async def test_a_wrong_method_is_answered_with_the_allowed_ones(
    caller: Caller,
) -> None:
    text = message(await caller.call("GET", "/v72/payments"), 405)

    assert text == "GET is not for this; use POST."


async def test_the_answer_to_a_call_without_a_key_names_the_header(caller: Caller) -> None:
    text = message(await caller.call("POST", "/v72/payments", payment_body(), api_key=None), 401)

    assert text == (
        "HTTP Status Response - Unauthorized: give a key of this Kasir in the header X-API-Key, "
        "or as the password of HTTP Basic."
    )


async def test_the_answer_to_a_call_with_an_unknown_key_explains_which_keys_are_valid(
    caller: Caller,
) -> None:
    text = message(await caller.call("POST", "/v72/payments", payment_body(), api_key="x"), 401)

    assert text == (
        "HTTP Status Response - Unauthorized: the key in X-API-Key is not a key of this "
        "Kasir; keys of Adyen are not accepted."
    )


@pytest.mark.parametrize(
    ("path", "list_path"),
    [
        ("/api/payments/pay_none", "/api/payments?reference="),
        ("/api/plans/plan_none", "/api/plans"),
        ("/api/subscriptions/sub_none", "/api/subscriptions"),
        ("/v72/paymentLinks/PL_NONE", "/paymentLinks"),
    ],
)
async def test_the_answer_to_an_unknown_id_names_the_path_that_lists_ids(
    caller: Caller, path: str, list_path: str
) -> None:
    text = message(await caller.call("GET", path), 404)

    assert path.rpartition("/")[2] in text
    assert list_path in text


async def test_the_answer_to_a_call_with_an_idempotency_key_in_use_asks_for_a_retry(
    caller: Caller,
) -> None:
    reference = key = f"MSG-{secrets.token_hex(6)}"
    slow_reply = {"fault": "slow_reply", "call": "payments", "reference": reference, "seconds": 2}
    async with caller.http.put(
        f"{caller.system.twin_url}/twin/faults", json=[slow_reply]
    ) as response:
        assert response.status == 200
    body = payment_body(reference=reference)
    first = asyncio.create_task(caller.post("/v72/payments", body, key=key))

    await until(lambda: caller.twin_payments(reference), bool, "the first payment at the twin")
    second = await caller.post("/v72/payments", body, key=key)
    await first
    async with caller.http.delete(f"{caller.system.twin_url}/twin/faults"):
        pass

    assert message(second, 409).endswith("Ask again in a moment.")
