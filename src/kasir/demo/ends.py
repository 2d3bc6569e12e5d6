"""Journeys through late endings: Adyen's queue is delayed, a link is opened again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from kasir.demo.client import Walker, expect, reference, until

_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S


async def late_webhooks(walker: Walker) -> None:
    """Adyen's webhooks are hours late while a shopper pays: the only event is `authorised`."""
    order = reference("behind")
    key = walker.made.environment["ADYEN_HMAC_KEY"].split(",")[0]
    url = f"{walker.made.kasir_url}/webhooks/adyen"
    action = (await walker.pay(order)).json["action"]
    await walker.twin("PUT", "/twin/webhooks/standard", {"url": f"{url}/shut", "hmacKey": key})
    await walker.shopper(action, "approve_without_return")
    await walker.advance(2.2 * _HOUR_S)
    await walker.twin("PUT", "/twin/webhooks/standard", {"url": url, "hmacKey": key})
    await walker.advance(0.5 * _HOUR_S)
    await walker.advance(8 * _HOUR_S)
    await walker.status(order, "authorised")
    types = [event["type"] for event in await walker.events(order)]
    expect(types, ["payment.authorised"], "events")


async def link_reopened(walker: Walker) -> None:
    """A link is opened, left, opened the next day and paid; another is withdrawn."""
    await walker.knobs(extraEvents=[])  # Adyen sends no OFFER_CLOSED.
    now = datetime.fromisoformat((await walker.twin("GET", "/twin/clock"))["now"])
    expires_at = (now + timedelta(days=3)).isoformat(timespec="seconds")
    link = await walker.link(reference("link-reopened"), expiresAt=expires_at)
    first = await walker.wallet_of(link)
    await walker.advance(_DAY_S)
    # Adyen says that the first attempt has ended: money that comes can only be the second's.
    asked = f"/twin/deliveries?reference={link['reference']}"
    await until(lambda: walker.twin("GET", asked), lambda sent: sent["count"] > 0, "a notification")
    await walker.advance(_HOUR_S / 3)
    await walker.status(link["reference"], "expired")
    second = await walker.wallet_of(link)
    expect(second != first, True, "another page at the wallet")
    await walker.shopper({"url": second}, "approve_without_return")
    await walker.status(link["reference"], "authorised")
    withdrawn = await walker.link(reference("link-withdrawn"))
    await walker.wallet_of(withdrawn)
    path = f"/v72/paymentLinks/{withdrawn['id']}"
    expect((await walker.call("PATCH", path, {"status": "expired"})).status, 200, "withdrawing")
    await walker.status(withdrawn["reference"], "cancelled")


JOURNEYS: Final = {
    "told expired only when it is": late_webhooks,
    "link reopened the next day, and withdrawn": link_reopened,
}
