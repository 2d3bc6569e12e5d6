"""Journeys through ends that are none yet: Adyen's queue is behind, a link is opened again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from kasir.demo.walker import JourneyError, Walker, expect, reference, until

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
    await walker.twin("PUT", "/twin/knobs", {"extraEvents": []})  # Offers that close are not told.
    now = datetime.fromisoformat((await walker.twin("GET", "/twin/clock"))["now"])
    expires_at = (now + timedelta(days=3)).isoformat(timespec="seconds")
    link = await _link(walker, "link-reopened", expiresAt=expires_at)
    first = await _wallet(walker, link)
    await walker.advance(_DAY_S)
    second = await _wallet(walker, link)
    expect(second != first, True, "another page at the wallet")
    await walker.shopper({"url": second}, "approve_without_return")
    await walker.status(link["reference"], "authorised")
    withdrawn = await _link(walker, "link-withdrawn")
    await _wallet(walker, withdrawn)
    path = f"/v72/paymentLinks/{withdrawn['id']}"
    expect((await walker.call("PATCH", path, {"status": "expired"})).status, 200, "withdrawing")
    await walker.status(withdrawn["reference"], "cancelled")
    await walker.twin("DELETE", "/twin/knobs")


async def _link(walker: Walker, name: str, **more: str) -> dict[str, Any]:
    body = walker.payment(reference(name), **more)
    made: dict[str, Any] = (await walker.call("POST", "/v72/paymentLinks", body)).json
    return made


async def _wallet(walker: Walker, link: Mapping[str, Any]) -> str:
    """Press the button of a link's form; gives where the wallet is."""

    async def look() -> str:
        async with walker.http.get(link["url"]) as form:
            named = re.search(r'name="attempt" value="([^"]+)"', await form.text())
        return named[1] if named else ""

    fields = {"attempt": await until(look, bool, "a form with a button")}
    async with walker.http.post(link["url"], data=fields, allow_redirects=False) as answer:
        place = answer.headers.get("Location", "")
    if "redirectData" not in place:
        raise JourneyError(f"the form leads to {place!r}, and not to the wallet")
    return place


JOURNEYS: Final = {
    "told expired only when it is": told_behind_time,
    "link reopened the next day, and withdrawn": link_reopened,
}
