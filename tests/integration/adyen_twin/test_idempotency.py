"""Idempotency keys: calls with the same key get the first answer for seven days."""

from __future__ import annotations

import asyncio

from twin_fixtures import RunningTwin, payment_body, twin

__all__ = ["twin"]

DAY_S = 24 * 3600


async def test_the_same_key_gets_the_first_answer(twin: RunningTwin) -> None:
    first = await twin.api("/v72/payments", payment_body(), key="order-1001")
    again = await twin.api("/v72/payments", payment_body(), key="order-1001")

    assert again.text == first.text
    assert again.headers["pspReference"] == first.headers["pspReference"]
    assert again.headers["Idempotency-Key"] == "order-1001"
    assert (await twin.control("GET", "payments"))["count"] == 1


async def test_without_a_key_every_call_makes_a_payment(twin: RunningTwin) -> None:
    answers = [await twin.api("/v72/payments", payment_body()) for _ in range(2)]

    assert all("Idempotency-Key" not in answer.headers for answer in answers)
    assert (await twin.control("GET", "payments?reference=ORDER-1001"))["count"] == 2


async def test_fifty_concurrent_calls_with_one_key_make_one_payment(twin: RunningTwin) -> None:
    calls = [twin.api("/v72/payments", payment_body(), key="one") for _ in range(50)]
    answers = await asyncio.gather(*calls)

    assert len({answer.text for answer in answers}) == 1
    assert (await twin.control("GET", "payments"))["count"] == 1


async def test_a_used_key_with_another_body_gets_the_first_answer_and_a_warning(
    twin: RunningTwin,
) -> None:
    first = await twin.api("/v72/payments", payment_body(), key="k")
    other = await twin.api("/v72/payments", payment_body(reference="OTHER"), key="k")
    reply = await twin.control("GET", f"payments/{first.headers['pspReference']}")

    assert other.text == first.text
    assert reply["warnings"] == ["idempotency key 'k' was used again with another body or path"]


async def test_a_used_key_with_another_body_is_refused_if_a_knob_requires_it(
    twin: RunningTwin,
) -> None:
    await twin.control("PUT", "knobs", {"idempotencyOtherBody": "refuse"})
    await twin.api("/v72/payments", payment_body(), key="k")
    other = await twin.api("/v72/payments", payment_body(reference="OTHER"), key="k")

    assert (other.status, other.body["errorCode"]) == (422, "704")


async def test_an_error_is_stored_like_any_other_answer(twin: RunningTwin) -> None:
    first = await twin.api("/v72/payments", payment_body(reference=None), key="k")
    again = await twin.api("/v72/payments", payment_body(reference=None), key="k")

    assert first.status == 422
    assert again.text == first.text


async def test_a_key_expires_after_seven_days(twin: RunningTwin) -> None:
    await twin.api("/v72/payments", payment_body(), key="k")
    await twin.settle(7 * DAY_S - 60)
    before_expiry = await twin.control("GET", "payments")
    await twin.api("/v72/payments", payment_body(), key="k")
    await twin.api("/v72/payments", payment_body(reference=None), key="old")
    # After another seven days, both keys are expired.
    await twin.settle(7 * DAY_S)
    await twin.api("/v72/payments", payment_body(), key="k")

    assert before_expiry["count"] == 1
    # Only the answer to the last call is stored.
    assert len(twin.twin.state.replies) == 1
    assert (await twin.control("GET", "payments"))["count"] == 2


async def test_a_key_has_at_most_64_characters(twin: RunningTwin) -> None:
    longest = await twin.api("/v72/payments", payment_body(), key="k" * 64)
    too_long = await twin.api("/v72/payments", payment_body(), key="k" * 65)

    assert longest.status == 200
    assert too_long.status == 422
