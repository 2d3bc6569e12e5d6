"""Concurrent calls with one idempotency key, and concurrent refunds of more than was captured."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

import pytest

from chaos.shop import call_until_answered
from kasir.demo.client import JourneyClient, Reply, reference, until

#: The number of concurrent calls.
MANY: Final = 50
AMOUNT: Final = 25_000
#: The HTTP status and the error code while the first request with a key still runs.
IN_PROGRESS: Final = (409, "704")


async def twin_payments(journey_client: JourneyClient, order: str) -> list[dict[str, Any]]:
    """The twin's payments of a reference."""
    answer = await journey_client.twin("GET", f"/twin/payments?reference={order}")
    payments: list[dict[str, Any]] = answer["payments"]
    return payments


async def paid(journey_client: JourneyClient, order: str) -> dict[str, Any]:
    """Make an authorised payment; returns it as Kasir shows it."""
    action = (await journey_client.pay(order)).json["action"]
    await journey_client.details(await journey_client.shopper(action, "approve"))
    return await journey_client.status(order, "authorised")


def refused_as_in_progress(reply: Reply) -> bool:
    """Whether the reply is the transient error for a key whose first request still runs."""
    status_and_code = (reply.status, reply.json.get("errorCode"))
    return status_and_code == IN_PROGRESS and reply.headers["transient-error"] == "true"


@pytest.mark.parametrize("slow_s", [0, 1])
async def test_concurrent_calls_with_one_key_make_one_payment(
    journey_client: JourneyClient, slow_s: float
) -> None:
    order = reference("same-key")
    slow = {"fault": "slow_reply", "call": "payments", "reference": order, "seconds": slow_s}
    await journey_client.faults(slow)

    replies = await asyncio.gather(*(journey_client.pay(order, key=order) for _ in range(MANY)))

    await journey_client.faults()
    answered = [reply for reply in replies if not refused_as_in_progress(reply)]
    again = await journey_client.pay(order, key=order)
    assert {200} == {reply.status for reply in answered}
    assert all(reply.json == again.json for reply in answered)
    assert len(await twin_payments(journey_client, order)) == 1
    kasirs = (await journey_client.call("GET", f"/api/payments?reference={order}")).json["payments"]
    assert len(kasirs) == 1


async def test_concurrent_calls_with_different_keys_make_one_payment_each(
    journey_client: JourneyClient,
) -> None:
    order = reference("many-keys")

    async def pay(key: str) -> Reply:
        return await call_until_answered(partial(journey_client.pay, order, key=key), key)

    replies = await asyncio.gather(*(pay(f"{order}-{n}") for n in range(MANY)))

    assert {200} == {reply.status for reply in replies}
    urls = {reply.json["action"]["url"] for reply in replies}
    assert len(urls) == MANY
    assert len(await twin_payments(journey_client, order)) == MANY


async def test_concurrent_refunds_never_exceed_the_captured_amount(
    journey_client: JourneyClient,
) -> None:
    order, part = reference("refunds-at-once"), 1_000
    payment = await paid(journey_client, order)
    path = f"/v72/payments/{payment['pspReference']}/refunds"
    body = {"amount": {"currency": "IDR", "value": part}}

    async def refund(key: str) -> Reply:
        ask = partial(journey_client.call, "POST", path, body, key=key)
        # If the machine is loaded, a call may get a transient error, because the row is locked.
        return await call_until_answered(ask, key)

    replies = await asyncio.gather(*(refund(f"{order}-{n}") for n in range(MANY)))

    accepted = [reply for reply in replies if reply.status == 201]
    refused = [reply for reply in replies if reply.status == 422]
    assert len(accepted) + len(refused) == MANY
    assert {"137"} == {reply.json["errorCode"] for reply in refused}
    assert len(accepted) * part == AMOUNT

    refunded = await until(
        lambda: journey_client.newest(order),
        lambda payment: bool(payment["refunded"] == AMOUNT),
        "all refunded",
    )
    (truth,) = await twin_payments(journey_client, order)
    assert len(refunded["refunds"]) == len(accepted)
    assert truth["captured"] == truth["refunded"] == AMOUNT


async def test_concurrent_calls_with_one_key_make_one_refund(journey_client: JourneyClient) -> None:
    order, part = reference("same-refund"), 10_000
    payment = await paid(journey_client, order)
    path = f"/v72/payments/{payment['pspReference']}/refunds"
    body = {"amount": {"currency": "IDR", "value": part}}

    replies = await asyncio.gather(
        *(journey_client.call("POST", path, body, key=f"{order}-refund") for _ in range(MANY))
    )

    answered = [reply for reply in replies if not refused_as_in_progress(reply)]
    again = await journey_client.call("POST", path, body, key=f"{order}-refund")
    assert {201} == {reply.status for reply in answered}
    assert all(reply.json == again.json for reply in answered)
    (truth,) = await twin_payments(journey_client, order)
    refunds = [change for change in truth["modifications"] if change["kind"] == "refund"]
    assert [part] == [refund["amount"]["value"] for refund in refunds]


@pytest.mark.parametrize("slow_s", [0, 1])
async def test_every_concurrent_call_of_details_gets_the_same_answer(
    journey_client: JourneyClient, slow_s: float
) -> None:
    order = reference("details-at-once")
    slow = {"fault": "slow_reply", "call": "details", "reference": order, "seconds": slow_s}
    await journey_client.faults(slow)
    action = (await journey_client.pay(order)).json["action"]
    result = await journey_client.shopper(action, "approve")

    replies = await asyncio.gather(*(journey_client.details(result) for _ in range(20)))
    repeated = [await journey_client.details(result) for _ in range(3)]

    await journey_client.faults()
    answers = [(reply.status, reply.json) for reply in (*replies, *repeated)]
    assert [answers[0]] * len(answers) == answers
    assert answers[0][0] == 200
    assert answers[0][1]["resultCode"] == "Authorised"
    payment = await journey_client.status(order, "authorised")
    assert payment["captured"] == AMOUNT
