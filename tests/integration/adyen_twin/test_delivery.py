"""Webhooks are delivered in order, signed, and retried until they are accepted."""

from __future__ import annotations

from aiohttp import encode_basic_auth

from adyen_twin.protocol import signing
from twin_fixtures import KEY, OTHER_KEY, RunningTwin, Shop, shop, twin

__all__ = ["shop", "twin"]

HOUR_S = 3600


async def test_a_webhook_has_basic_auth_and_a_signature(twin: RunningTwin, shop: Shop) -> None:
    endpoint = {"url": shop.url, "hmacKey": KEY, "username": "adyen", "password": "geheim"}
    await twin.control("PUT", "webhooks/standard", endpoint)
    await twin.paid()
    await twin.settle()

    (webhook,) = shop.received
    assert webhook.headers["Authorization"] == encode_basic_auth("adyen", "geheim")
    assert webhook.headers["Content-Type"] == "application/json; charset=utf-8"
    assert webhook.item["additionalData"]["hmacSignature"] == signing.sign_item(webhook.item, KEY)


async def test_without_a_key_a_webhook_has_no_signature(twin: RunningTwin, shop: Shop) -> None:
    await twin.control("PUT", "webhooks/standard", {"url": shop.url, "hmacKey": None})
    await twin.paid()
    await twin.settle()

    assert "hmacSignature" not in shop.received[0].item["additionalData"]


async def test_any_2xx_accepts_a_webhook(twin: RunningTwin, shop: Shop) -> None:
    shop.answers = [200, 204, 299]
    for _ in range(3):
        await twin.paid()
    await twin.settle(HOUR_S)

    # Each of the three webhooks was sent once.
    assert len(shop.received) == 3


async def test_a_knob_accepts_only_answers_with_the_body_accepted(
    twin: RunningTwin, shop: Shop
) -> None:
    await twin.control("PUT", "knobs", {"acceptedBy": "body"})
    shop.answer_body = "thanks"
    await twin.paid()
    await twin.settle(10)

    # The webhook was retried after nine seconds.
    assert len(shop.received) == 2


async def test_a_failed_webhook_is_retried_by_the_twins_clock(
    twin: RunningTwin, shop: Shop
) -> None:
    shop.answers = [500, 302, 401, 404, 503]
    await twin.paid()
    # Retries are due 9, 18 and 27 seconds after the first try, then 2 and 5 minutes after the
    # previous try.
    try_counts = []
    for seconds in (0, 9, 9, 9, 119, 2, 300):
        await twin.settle(seconds)
        try_counts.append(len(shop.received))

    reply = await twin.control("GET", "deliveries")
    assert try_counts == [1, 2, 3, 4, 4, 5, 6]
    assert [attempt["status"] for attempt in reply["deliveries"]] == [500, 302, 401, 404, 503, 202]
    assert len({attempt["body"] for attempt in reply["deliveries"]}) == 1
    assert reply["deliveries"][-1]["answer"] == "[accepted]"
    assert reply["waiting"] == []


async def test_later_webhooks_wait_while_the_first_one_fails(twin: RunningTwin, shop: Shop) -> None:
    shop.answers = [500]
    for number in (1, 2, 3):
        await twin.paid(reference=f"ORDER-{number}")
    await twin.settle()
    waiting = (await twin.control("GET", "deliveries"))["waiting"]
    await twin.settle(9)

    received = [webhook.item["merchantReference"] for webhook in shop.received]
    assert [webhook["reference"] for webhook in waiting] == ["ORDER-1", "ORDER-2", "ORDER-3"]
    assert received == ["ORDER-1", "ORDER-1", "ORDER-2", "ORDER-3"]


async def test_a_webhook_is_not_retried_after_thirty_days(twin: RunningTwin, shop: Shop) -> None:
    shop.answers = [500] * 1000
    await twin.paid()
    await twin.settle(31 * 24 * HOUR_S)
    tries = len(shop.received)
    await twin.settle(31 * 24 * HOUR_S)

    # There are three tries a day, and some more on the first day.
    assert tries > 90
    assert len(shop.received) == tries
    assert (await twin.control("GET", "deliveries"))["waiting"] == []


async def test_a_refused_connection_is_recorded_as_an_attempt(twin: RunningTwin) -> None:
    await twin.control(
        "PUT", "webhooks/standard", {"url": "http://127.0.0.1:1/webhooks", "hmacKey": KEY}
    )
    await twin.paid()
    await twin.settle()

    (attempt,) = (await twin.control("GET", "deliveries?reference=ORDER-1001"))["deliveries"]
    assert attempt["status"] is None
    assert "Cannot connect" in attempt["error"]


async def test_a_webhook_is_retried_if_the_shop_does_not_answer_in_time(
    twin: RunningTwin, shop: Shop
) -> None:
    shop.may_answer.clear()
    await twin.control("PUT", "knobs", {"webhookTimeoutS": 0.05})
    await twin.paid()
    await twin.settle()
    shop.may_answer.set()
    await twin.control("PUT", "knobs", {"webhookTimeoutS": 60})
    await twin.settle(9)

    first, second = (await twin.control("GET", "deliveries"))["deliveries"]
    assert (first["accepted"], first["status"]) == (False, None)
    assert first["error"] == "no answer within 0.05 s"
    assert (second["accepted"], second["status"], second["attempt"]) == (True, 202, 2)
    assert shop.received[-1].raw == first["body"].encode()


async def test_a_queued_webhook_keeps_the_signature_of_the_old_key(
    twin: RunningTwin, shop: Shop
) -> None:
    shop.answers = [500]
    await twin.paid()
    await twin.settle()
    await twin.control("PUT", "webhooks/standard", {"url": shop.url, "hmacKey": OTHER_KEY})
    await twin.paid()
    await twin.settle()

    # The first try failed, so the older webhook was received twice.
    _, older, newer = [webhook.item for webhook in shop.received]
    assert older["additionalData"]["hmacSignature"] == signing.sign_item(older, KEY)
    assert newer["additionalData"]["hmacSignature"] == signing.sign_item(newer, OTHER_KEY)


async def test_nothing_is_sent_to_a_deleted_webhook(twin: RunningTwin, shop: Shop) -> None:
    shop.answers = [500]
    await twin.paid()
    await twin.settle()
    await twin.control("DELETE", "webhooks/standard")
    psp_reference = await twin.paid()
    await twin.settle(HOUR_S)

    assert len(shop.received) == 1
    # The event is stored with the payment, although it was not sent.
    events = (await twin.control("GET", f"payments/{psp_reference}"))["events"]
    assert [event["eventCode"] for event in events] == ["AUTHORISATION"]
