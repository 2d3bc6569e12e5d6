"""Journeys of the relay: the shop's own Adyen handler gets every notification behind Kasir."""

from __future__ import annotations

from typing import Any, Final

from kasir.demo.client import JourneyClient, expect, reference, until
from kasir.demo.saved import save_wallet

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


async def every_kind(client: JourneyClient) -> None:
    """The handler verifies and accepts our payment's notification, a foreign one and a token's."""
    order, other = reference("relayed"), reference("relayed-foreign")
    await _pay(client, order)
    await client.foreign(other)
    shopper, _ = await save_wallet(client, "Subscription")
    for summary in (
        {"eventCode": "AUTHORISATION", "merchantReference": order},
        {"eventCode": "AUTHORISATION", "merchantReference": other},
        {"eventCode": "recurring.token.created", "shopper": shopper},
    ):
        await _wait_for(client, summary)
    expect((await _handler(client))["refused"], 0, "notifications without a valid signature")


async def down_for_a_day(client: JourneyClient) -> None:
    """The handler is down for a day: Kasir works on; then all arrives, in order and once."""
    await _switch(client, is_down=True)
    orders = [reference("handler-down"), reference("handler-down"), reference("handler-down")]
    for order in orders:
        await _pay(client, order)
    before = await until(lambda: _handler(client), lambda state: bool(state["missed"]), "a try")
    missed = before["missed"]
    for seconds in (_MINUTE_S, _HOUR_S, _DAY_S):
        await client.advance(seconds)
        state = await _missed_more_than(client, missed)
        missed = state["missed"]
        expect(state["accepted"], before["accepted"], "notifications accepted meanwhile")
    await _switch(client, is_down=False)
    await client.advance(_DAY_S)
    for order in orders:
        await _wait_for(client, {"eventCode": "AUTHORISATION", "merchantReference": order})
    accepted = (await _handler(client))["accepted"]
    ours = [one["merchantReference"] for one in accepted if one.get("merchantReference") in orders]
    expect(ours, orders, "the orders in the notifications that the handler accepted")


JOURNEYS: Final = {
    "relay to an Adyen-style handler (ours, foreign, token)": every_kind,
    "relay survives a handler down for a day": down_for_a_day,
}


async def _pay(client: JourneyClient, order: str) -> None:
    action = (await client.pay(order)).json["action"]
    await client.shopper(action, "approve_without_return")
    await client.status(order, "authorised")


async def _wait_for(client: JourneyClient, summary: dict[str, str]) -> None:
    """Wait until the handler has accepted a notification with this summary."""
    await until(
        lambda: _handler(client), lambda state: summary in state["accepted"], f"relayed {summary}"
    )


async def _missed_more_than(client: JourneyClient, count: int) -> dict[str, Any]:
    return await until(lambda: _handler(client), lambda state: state["missed"] > count, "a retry")


async def _handler(client: JourneyClient) -> dict[str, Any]:
    """What the handler has accepted, and how many it refused."""
    async with client.http.get(f"{client.made.shop_url}/adyen/accepted") as response:
        state: dict[str, Any] = await response.json()
        return state


async def _switch(client: JourneyClient, *, is_down: bool) -> None:
    url = f"{client.made.shop_url}/adyen/down"
    async with client.http.put(url, json={"down": is_down}) as response:
        expect(response.status, 204, "switching the handler")
