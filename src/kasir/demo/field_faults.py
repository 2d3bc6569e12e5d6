"""Journeys through faults seen in production: webhooks out of order, lost replies, refunds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kasir.demo.client import Reply, Walker, expect, reference, until

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_AMOUNT: Final = 25_000


async def duplicate_webhook(walker: Walker) -> None:
    """The same notification comes three times: one payment, paid once, one event to the shop."""
    order = reference("duplicate")
    await walker.faults({"fault": "duplicate_notice", "reference": order, "copies": 2})
    payment = await _paid(walker, order)
    expect(payment["captured"], _AMOUNT, "captured")
    await _delivered(walker, order, 3)
    types = [event["type"] for event in await walker.events(order)]
    expect(types, ["payment.authorised"], "events")


async def false_then_true(walker: Walker) -> None:
    """A refusal is notified, then a success: the payment is authorised, with that event alone."""
    order = reference("false-true")
    # The two have different pspReferences: only our own id in the second shows whose it is.
    await walker.knobs(authorisationMetadata=True)
    await walker.faults({"fault": "false_then_true", "reference": order})
    action = (await walker.pay(order)).json["action"]
    await walker.shopper(action, "approve_without_return")
    await walker.status(order, "authorised")
    types = [event["type"] for event in await walker.events(order)]
    expect(types, ["payment.authorised"], "events")


async def webhook_first(walker: Walker) -> None:
    """The notification arrives before the reply to `/payments/details`."""
    order = reference("webhook-first")
    fault = {"fault": "notice_before_reply", "call": "details", "reference": order}
    await walker.faults(fault)
    action = (await walker.pay(order)).json["action"]
    reply = await walker.details(await walker.shopper(action, "approve"))
    expect(reply.json["resultCode"], "Authorised", "the result code")
    payment = await walker.status(order, "authorised")
    expect(payment["captured"], _AMOUNT, "captured")


async def reply_lost(walker: Walker) -> None:
    """Adyen makes the payment and its reply is lost: one payment at Adyen, not two."""
    order = reference("reply-lost")
    await walker.faults({"fault": "lose_reply_after", "call": "payments", "reference": order})
    first = await walker.pay(order, key=order)
    expect((first.status, first.headers.get("transient-error")), (503, "true"), "the answer")
    await walker.faults()
    again = await _answered(walker, order)
    await walker.shopper(again.json["action"], "approve")
    await walker.status(order, "authorised")
    expect(await _at_the_twin(walker, order), 1, "payments at the twin")


async def twin_down(walker: Walker) -> None:
    """Adyen is unreachable for a minute: the payment is unknown, then made, and made once."""
    order = reference("down")
    await walker.faults({"fault": "lose_reply_before", "reference": order})
    first = await walker.pay(order, key=order)
    expect(first.status, 503, "the answer meanwhile")
    await walker.status(order, "unknown")
    await walker.advance(_MINUTE_S)
    expect(await _at_the_twin(walker, order), 0, "payments at the twin meanwhile")
    await walker.faults()
    await walker.status(order, "awaiting_shopper")  # A worker repeats the call by itself.
    again = await _answered(walker, order)
    await walker.shopper(again.json["action"], "approve")
    await walker.status(order, "authorised")
    expect(await _at_the_twin(walker, order), 1, "payments at the twin")


async def refund_full(walker: Walker) -> None:
    """A full refund; one rupiah more is refused before Adyen is called."""
    order = reference("refund")
    payment = await _paid(walker, order)
    reply = await _refund(walker, payment, _AMOUNT, key=f"{order}-refund")
    expect((reply.status, reply.json["status"]), (201, "received"), "the answer")
    again = await _refund(walker, payment, _AMOUNT, key=f"{order}-refund")
    expect(again.json, reply.json, "the answer to the same key")
    more = await _refund(walker, payment, 1)
    expect((more.status, more.json["errorCode"]), (422, "137"), "one rupiah more")
    await walker.comes_to(order, "refunded", _AMOUNT)
    types = [event["type"] for event in await walker.events(order)]
    expect(types, ["payment.authorised", "refund.succeeded"], "events")


async def refund_partial(walker: Walker) -> None:
    """Two partial refunds succeed, and a third is refused."""
    order = reference("refund-parts")
    payment = await _paid(walker, order)
    for _ in range(2):
        expect((await _refund(walker, payment, 10_000)).status, 201, "a part")
    expect((await _refund(walker, payment, 10_000)).status, 422, "a third part")
    await walker.comes_to(order, "refunded", 20_000)


async def refund_fails_later(walker: Walker) -> None:
    """A refund succeeds and fails an hour later: the sums are corrected, with an event."""
    order = reference("refund-bounced")
    await walker.faults(
        {"fault": "refund_fails_later", "reference": order, "seconds": float(_HOUR_S)}
    )
    payment = await _paid(walker, order)
    await _refund(walker, payment, _AMOUNT)
    await walker.comes_to(order, "refunded", _AMOUNT)
    await walker.advance(_HOUR_S + _MINUTE_S)
    await walker.comes_to(order, "refunded", 0)
    types = [event["type"] for event in await walker.events(order)]
    expect(types, ["payment.authorised", "refund.succeeded", "refund.failed"], "events")


async def cancel(walker: Walker) -> None:
    """The shop cancels a payment before the shopper pays: it cannot be paid any more."""
    order = reference("cancel")
    await walker.pay(order)
    body = {"paymentReference": order}
    reply = await walker.call("POST", "/v72/cancels", body, key=f"{order}-cancel")
    expect((reply.status, reply.json["status"]), (201, "received"), "the answer")
    await walker.status(order, "cancelled")
    truth = await walker.twin("GET", f"/twin/payments?reference={order}")
    expect(truth["payments"][0]["status"], "cancelled", "the payment at the twin")


async def abandoned(walker: Walker) -> None:
    """Nobody finishes a payment: Kasir cancels it at Adyen, so that it cannot be paid later."""
    order = reference("abandoned")
    await walker.knobs(paymentExpiryS=10 * _HOUR_S)
    await walker.pay(order)
    await walker.advance(_HOUR_S + _MINUTE_S)
    await walker.status(order, "cancelled")
    truth = await walker.twin("GET", f"/twin/payments?reference={order}")
    expect(truth["payments"][0]["status"], "cancelled", "the payment at the twin")
    await walker.knobs()


async def _paid(walker: Walker, order: str) -> dict[str, Any]:
    """An authorised payment, as Kasir returns it."""
    action = (await walker.pay(order)).json["action"]
    await walker.details(await walker.shopper(action, "approve"))
    await walker.status(order, "authorised")
    return await _notified(walker, order)


async def _notified(walker: Walker, order: str) -> dict[str, Any]:
    def is_notified(payment: dict[str, Any]) -> bool:
        return any(fact["source"] == "notification" for fact in payment["facts"])

    return await until(lambda: walker.newest(order), is_notified, "a notification")


async def _refund(
    walker: Walker, payment: Mapping[str, Any], value: int, *, key: str | None = None
) -> Reply:
    path = f"/v72/payments/{payment['pspReference']}/refunds"
    return await walker.call("POST", path, {"amount": {"currency": "IDR", "value": value}}, key=key)


async def _answered(walker: Walker, order: str) -> Reply:
    """The reply to the shop's first call, requested again with its own key."""

    async def ask() -> Reply:
        return await walker.pay(order, key=order)

    return await until(ask, lambda reply: reply.status == 200, "an answer")  # noqa: PLR2004


async def _at_the_twin(walker: Walker, order: str) -> int:
    truth = await walker.twin("GET", f"/twin/payments?reference={order}")
    return len(truth["payments"])


async def _delivered(walker: Walker, order: str, wanted: int) -> None:
    async def look() -> int:
        truth = await walker.twin("GET", f"/twin/deliveries?reference={order}")
        return sum(1 for delivery in truth["deliveries"] if delivery["accepted"])

    await until(look, lambda count: count >= wanted, f"{wanted} deliveries")


JOURNEYS: Final = {
    "duplicate webhook": duplicate_webhook,
    "false then true": false_then_true,
    "webhook first": webhook_first,
    "reply lost after acting": reply_lost,
    "twin down for a minute": twin_down,
    "refund full": refund_full,
    "refund partial": refund_partial,
    "refund failed later": refund_fails_later,
    "cancel": cancel,
    "abandoned and closed": abandoned,
}
