"""Journeys of a saved GoPay: created, charged with and without the shopper, listed, disabled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kasir.demo.client import JourneyClient, Reply, expect, reference, until

_AMOUNT: Final = {"currency": "IDR", "value": 25_000}
_DAY_S: Final = 86_400
#: The twin sends the token webhook ten seconds after the payment was authorised.
_SETTLED_S: Final = 15


async def by_subscription(client: JourneyClient) -> None:
    """A payment saves the wallet as `Subscription`; its token is charged without the shopper."""
    shopper, token = await save_wallet(client, "Subscription")
    order = reference("charge")
    reply = await charge(client, shopper, token, "Subscription", order)
    expect(reply.json["resultCode"], "Authorised", "the result code")
    expect("action" in reply.json, False, "an action")
    await client.status(order, "authorised")
    types = [event["type"] for event in await _token_events(client, shopper)]
    expect(types, ["token.created"], "events")


async def charge_refused(client: JourneyClient) -> None:
    """A wallet without money refuses a subscription's charge."""
    shopper, token = await save_wallet(client, "Subscription")
    await _set_wallet(client, shopper, {"balance": 0})
    order = reference("charge-refused")
    reply = await charge(client, shopper, token, "Subscription", order)
    expect(reply.json["resultCode"], "Refused", "the result code")
    await client.status(order, "refused")


async def by_card_on_file(client: JourneyClient) -> None:
    """A first payment saves the wallet as `CardOnFile`; then the shopper pays with the PIN."""
    shopper, token = await save_wallet(client, "CardOnFile")
    order = reference("pin")
    reply = await charge(client, shopper, token, "CardOnFile", order)
    expect(reply.json["resultCode"], "RedirectShopper", "the result code")
    done = await client.details(await client.shopper(reply.json["action"], "approve"))
    expect(done.json["resultCode"], "Authorised", "the result code")
    await client.status(order, "authorised")


async def pin_refused(client: JourneyClient) -> None:
    """The payment is refused at the PIN page."""
    await _charge_with_pin(client, "refuse", "Refused", "refused")


async def pin_cancelled(client: JourneyClient) -> None:
    """The shopper cancels at the PIN page."""
    await _charge_with_pin(client, "cancel", "Cancelled", "cancelled")


async def token_first(client: JourneyClient) -> None:
    """The token webhook arrives before the payment's, is stored, and is matched later."""
    await client.knobs(tokensTold="before")
    shopper, token = await save_wallet(client, "Subscription")
    await client.knobs()
    reply = await charge(client, shopper, token, "Subscription", reference("token-first"))
    expect(reply.json["resultCode"], "Authorised", "the result code")


async def token_adopted(client: JourneyClient) -> None:
    """The token webhook never arrives: Kasir finds the token in Adyen's list and adopts it."""
    await client.knobs(tokensTold="never")
    shopper = await _pay_and_save_wallet(client, "Subscription")
    await client.advance(_DAY_S)
    events = await until(lambda: _token_events(client, shopper), bool, "an adopted token")
    await client.knobs()
    expect([event["type"] for event in events], ["token.created"], "events")
    token = events[0]["data"]["storedPaymentMethodId"]
    reply = await charge(client, shopper, token, "Subscription", reference("adopted"))
    expect(reply.json["resultCode"], "Authorised", "the result code")


async def disabled_by_shop(client: JourneyClient) -> None:
    """The shop removes a token: 204, it is not listed any more, and a charge is refused."""
    shopper, token = await save_wallet(client, "Subscription")
    query = f"shopperReference={shopper}"
    path = "/v72/storedPaymentMethods"
    removed = await client.call("DELETE", f"{path}/{token}?{query}")
    expect(removed.status, 204, "removing it")
    left = await client.call("GET", f"{path}?{query}")
    expect(left.json["storedPaymentMethods"], [], "the list")
    reply = await charge(client, shopper, token, "Subscription", reference("disabled"))
    expect((reply.status, reply.json["errorCode"]), (422, "803"), "charging it")


async def disabled_by_wallet(client: JourneyClient) -> None:
    """The shopper unlinks the shop in the GoPay app: the shop gets an event; charges fail."""
    shopper, token = await save_wallet(client, "Subscription")
    await client.twin("POST", f"/twin/tokens/{token}", {"do": "disable"})

    def is_gone(events: list[dict[str, Any]]) -> bool:
        return bool(events) and events[-1]["type"] == "token.disabled"

    await until(lambda: _token_events(client, shopper), is_gone, "token.disabled")
    order = reference("unlinked")
    reply = await charge(client, shopper, token, "Subscription", order)
    expect((reply.status, reply.json["errorCode"]), (422, "803"), "charging it")
    expect(await client.newest(order), {}, "a payment of it")


async def of_another(client: JourneyClient) -> None:
    """A token is charged only for its own shopper; for another, nothing is sent or stored."""
    _, token = await save_wallet(client, "Subscription")
    order = reference("another")
    reply = await charge(client, reference("another-shopper"), token, "Subscription", order)
    expect((reply.status, reply.json["errorCode"]), (422, "800"), "the answer")
    expect(await client.newest(order), {}, "a payment of it")


async def classic(client: JourneyClient) -> None:
    """The classic Recurring API lists a shopper's tokens, and disables all if none is named."""
    shopper, token = await save_wallet(client, "Subscription")
    path = "/pal/servlet/Recurring/v68"
    body = {"shopperReference": shopper}
    listed = await client.call("POST", f"{path}/listRecurringDetails", body)
    details = [row["RecurringDetail"] for row in listed.json["details"]]
    expect([row["recurringDetailReference"] for row in details], [token], "the list")
    disabled = await client.call("POST", f"{path}/disable", body)
    expect(disabled.json["response"], "[all-details-successfully-disabled]", "the answer")
    reply = await charge(client, shopper, token, "Subscription", reference("classic"))
    expect((reply.status, reply.json["errorCode"]), (422, "803"), "charging it")


async def save_wallet(client: JourneyClient, model: str) -> tuple[str, str]:
    """Save a new shopper's wallet; return the shopper's reference and the token's id."""
    shopper = await _pay_and_save_wallet(client, model)
    await client.advance(_SETTLED_S)
    events = await until(lambda: _token_events(client, shopper), bool, "token.created")
    token: Mapping[str, Any] = events[0]["data"]
    expect(token["recurringProcessingModel"], model, "the token's model")
    return shopper, token["storedPaymentMethodId"]


async def _pay_and_save_wallet(client: JourneyClient, model: str) -> str:
    """Pay as a new shopper who agrees to save the wallet; return the shopper's reference."""
    shopper, order = reference("shopper"), reference("first")
    reply = await client.pay(
        order,
        storePaymentMethod=True,
        shopperReference=shopper,
        recurringProcessingModel=model,
    )
    await client.details(await client.shopper(reply.json["action"], "approve"))
    await client.status(order, "authorised")
    return shopper


async def _charge_with_pin(client: JourneyClient, do: str, code: str, status: str) -> None:
    """Charge a token with the PIN; expect a result code and a status after the shopper's action."""
    shopper, token = await save_wallet(client, "CardOnFile")
    order = reference(f"pin-{do}")
    reply = await charge(client, shopper, token, "CardOnFile", order)
    done = await client.details(await client.shopper(reply.json["action"], do))
    expect(done.json["resultCode"], code, "the result code")
    await client.status(order, status)


async def charge(client: JourneyClient, shopper: str, token: str, model: str, order: str) -> Reply:
    """Charge a token as a shop does."""
    body = {
        "amount": _AMOUNT,
        "reference": order,
        "paymentMethod": {"storedPaymentMethodId": token},
        "shopperReference": shopper,
        "shopperInteraction": "ContAuth",
        "recurringProcessingModel": model,
        "returnUrl": f"https://shop.example/return?order={order}",
    }
    return await client.call("POST", "/v72/payments", body, key=order)


async def _set_wallet(client: JourneyClient, shopper: str, change: Mapping[str, Any]) -> None:
    await client.twin("PUT", f"/twin/wallets/{shopper}", change)


async def _token_events(client: JourneyClient, shopper: str) -> list[dict[str, Any]]:
    """Return the events of a shopper's tokens."""
    return [
        event
        for event in await client.every_event()
        if event["type"].startswith("token.") and event["data"]["shopperReference"] == shopper
    ]


JOURNEYS: Final = {
    "token by Subscription, and a charge of it": by_subscription,
    "charge refused by an empty wallet": charge_refused,
    "token by CardOnFile, and a charge with PIN": by_card_on_file,
    "charge with PIN refused": pin_refused,
    "charge with PIN cancelled": pin_cancelled,
    "token webhook first": token_first,
    "token webhook lost, adopted later": token_adopted,
    "token disabled from the shop": disabled_by_shop,
    "token disabled from the wallet, then charged": disabled_by_wallet,
    "token of another shopper": of_another,
    "classic list and disable": classic,
}
