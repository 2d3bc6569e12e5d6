"""Journeys through ends that are none yet: Adyen's queue is behind, a link is opened again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from kasir.demo.client import Walker, expect, reference, until

_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S


async def told_behind_time(walker: Walker) -> None:
    """Nothing comes from Adyen for hours while a shopper pays: it is told paid, and only that."""
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
    told = [event["type"] for event in await walker.events(order)]
    expect(told, ["payment.authorised"], "events")


async def link_reopened(walker: Walker) -> None:
    """A link is opened, left, opened the next day and paid; a withdrawn one is closed at Adyen."""
    await walker.knobs(extraEvents=[])  # Offers that close are not told.
    now = datetime.fromisoformat((await walker.twin("GET", "/twin/clock"))["now"])
    expires_at = (now + timedelta(days=3)).isoformat(timespec="seconds")
    link = await walker.link(reference("link-reopened"), expiresAt=expires_at)
    first = await walker.wallet_of(link)
    await walker.advance(_DAY_S)
    # Adyen says that the first one has ended: so money that comes can only be the second's.
    asked = f"/twin/deliveries?reference={link['reference']}"
    await until(
        lambda: walker.twin("GET", asked), lambda told: told["count"] > 0, "a word of Adyen's"
    )
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
    "told expired only when it is": told_behind_time,
    "link reopened the next day, and withdrawn": link_reopened,
}
