"""Adyen accepts a call and its answer is lost; then the repeated call is refused."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from aiohttp import web

from integration.jobs.test_closing import MINUTE, closing_shop
from integration.subscriptions.shop import MONTH, NOON, SILENCE, Shop
from kasir.errors import InvalidRequest
from kasir.payments.question import Kind

REFUSALS = {
    "the key is being replaced": {
        "status": 401,
        "errorCode": "000",
        "message": "HTTP Status Response - Unauthorized",
        "errorType": "security",
    },
    "the key has lost a role": {
        "status": 403,
        "errorCode": "010",
        "message": "Not allowed",
        "errorType": "security",
    },
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_charge_whose_answer_was_lost_is_not_made_again_when_our_api_key_is_refused(
    shop: Shop, refusal: str
) -> None:
    await shop.create_active("LOST")
    # After the first call Kasir cannot know whether Adyen has charged. The second is refused.
    shop.adyen.answers["LOST-p2"] = [SILENCE, REFUSALS[refusal]]
    shop.clock.at = NOON + MONTH
    await shop.work()
    for _ in range(24):
        shop.clock.at += timedelta(hours=1)
        await shop.work()
    payments = await shop.kasir.payments.payments_of("LOST-p2", 10)
    assert len(payments) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 413])
async def test_a_refund_whose_answer_was_lost_still_holds_its_amount(
    fresh_database: str, status: int
) -> None:
    async with closing_shop(fresh_database) as shop:
        attempt = await shop.attempt()
        echoed = {"metadata.kasirPaymentId": attempt}
        await shop.notify("AUTHORISATION", "PSP1", additionalData=echoed)
        keys: list[str] = []

        async def answer(request: web.Request) -> web.StreamResponse:
            """The first answer is lost, a proxy refuses the second call, later calls succeed."""
            key = shop.fake_server.asked[-1][1]["idempotency-key"]
            keys.append(key)
            if len(keys) == 1:
                return web.Response(status=502, text="<html>it was taken</html>")
            if len(keys) == 2:
                return web.Response(status=status, text="<html>a proxy says no</html>")
            return web.json_response(
                {"status": "received", "pspReference": f"R{len(keys)}"}, status=201
            )

        shop.fake_server.handler = answer
        body = msgspec.json.encode({"amount": {"currency": "IDR", "value": 10_000}})
        ask = shop.kasir.changes.ask
        await ask(Kind.REFUNDS, "PSP1", body, version=72, key="refund-1")
        shop.clock.at += 30 * MINUTE
        await shop.kasir.closing.ask_again(keys[0])
        await ask(Kind.REFUNDS, "PSP1", body, version=72, key="refund-1")
        whole_amount = msgspec.json.encode({"amount": {"currency": "IDR", "value": 25_000}})
        with pytest.raises(InvalidRequest, match="held by a refund"):
            await ask(Kind.REFUNDS, "PSP1", whole_amount, version=72, key="refund-2")

        assert len(set(keys)) == 1
