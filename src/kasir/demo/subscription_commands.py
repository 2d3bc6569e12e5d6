"""Journeys of what a shop plans for its subscriptions, and of a permission lost on the way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from kasir.demo.client import Walker, expect, reference, until
from kasir.demo.subscriptions import (
    DAY_S,
    MONTH_DAYS,
    disabled,
    renewed,
    set_wallet,
    standing,
    subscribed,
)

_REFUSED: Final = 422


async def cancelled_in_arrears(walker: Walker) -> None:
    """Cancelled at period end while a renewal is owed: over at once, and never asked for again."""
    order = reference("arrears")
    it = await _behind(walker, order)
    await set_wallet(walker, it, {"state": "ok"})
    reply = await _wish(walker, it, "cancel", {"at": "periodEnd"})
    expect((reply["status"], "cancelAt" in reply), ("cancelled", False), "cancelled at once")
    await walker.advance(9 * DAY_S)
    renewal = reply["renewals"][-1]["reference"]
    truth = await walker.twin("GET", f"/twin/payments?reference={renewal}")
    paid = [one for one in truth["payments"] if one["status"] == "authorised"]
    expect(paid, [], "charges of what is owed")
    await _told(walker, order, "subscription.cancelled")


async def lost_between_tries(walker: Walker) -> None:
    """Refused for balance, then the token is disabled: the shopper is asked and the shop told."""
    order = reference("lost")
    it = await _behind(walker, order)
    await disabled(walker, it)

    async def look() -> dict[str, Any]:
        every = [one for one in await walker.events(order) if one["type"] == "renewal.failed"]
        data: dict[str, Any] = every[-1]["data"]
        return data

    data = await until(look, lambda one: one["reason"] == "token_gone", "reason token_gone")
    expect(f"{walker.made.kasir_url}/pay/" in data["renewal"]["linkUrl"], True, "a link to pay")
    expect(data["renewal"].get("nextTry"), None, "the next try")


async def plan_outlives_pause(walker: Walker) -> None:
    """A planned cancel outlives a pause and its resume; its own opposite alone withdraws it."""
    order = reference("outlives")
    it = await subscribed(walker, order)
    planned = await _wish(walker, it, "cancel", {"at": "periodEnd"})
    await _wish(walker, it, "pause")
    resumed = await _wish(walker, it, "resume")
    expect(resumed["cancelAt"], planned["cancelAt"], "the planned cancel after the pause")
    withdrawn = await _wish(walker, it, "cancel", {"at": "never"})
    expect(withdrawn.get("cancelAt"), None, "the planned cancel, withdrawn")
    await _wish(walker, it, "cancel", {"at": "periodEnd"})
    await walker.advance(MONTH_DAYS * DAY_S)
    it = await standing(walker, it, "cancelled")
    expect(it["renewals"], [], "renewals")
    told = [event["type"] for event in await walker.events(order)]
    expect(told.count("subscription.cancel_planned"), 2, "cancels that were planned")
    expect(told.count("subscription.cancel_withdrawn"), 1, "cancels that were withdrawn")


async def paused_until(walker: Walker) -> None:
    """Paused at period end until a date, as asked for; what is not understood is refused."""
    order = reference("until")
    it = await subscribed(walker, order)
    path = f"/api/subscriptions/{it['id']}/pause"
    for reply in (
        await walker.call("POST", path, {"at": "periodEnd", "until": "tomorrow"}),
        await walker.call("GET", "/api/subscriptions?state=paused"),
    ):
        expect(reply.status, _REFUSED, "what is not understood")
    ends_at = datetime.fromisoformat(it["currentPeriod"]["end"])
    resumes_at = (ends_at + timedelta(days=10)).isoformat()
    planned = await _wish(walker, it, "pause", {"at": "periodEnd", "resumesAt": resumes_at})
    expect((planned["status"], "pauseAt" in planned), ("active", True), "until then")
    await walker.advance(MONTH_DAYS * DAY_S)
    await standing(walker, it, "paused")
    await walker.advance(11 * DAY_S)
    it = await renewed(walker, it, 1)
    began = datetime.fromisoformat(it["currentPeriod"]["start"])
    expect((it["status"], began), ("active", datetime.fromisoformat(resumes_at)), "resumed")


async def _behind(walker: Walker, order: str) -> dict[str, Any]:
    """A subscription whose first renewal was refused for want of balance."""
    it = await subscribed(walker, order)
    await set_wallet(walker, it, {"state": "no_balance"})
    await walker.advance(MONTH_DAYS * DAY_S)
    return await standing(walker, it, "past_due")


async def _wish(
    walker: Walker, it: Mapping[str, Any], wish: str, body: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Wish something of a subscription; give it as it then stands."""
    reply = await walker.call("POST", f"/api/subscriptions/{it['id']}/{wish}", body)
    expect(reply.status, 200, f"{wish} {body or ''}")
    shown: dict[str, Any] = reply.json
    return shown


async def _told(walker: Walker, order: str, event: str) -> None:
    """Expect that the shop was told of something."""
    told = [one["type"] for one in await walker.events(order)]
    expect(event in told, True, f"{event} among {told}")


JOURNEYS: Final = {
    "subscription: cancelled at period end while past due": cancelled_in_arrears,
    "subscription: token lost between two tries": lost_between_tries,
    "subscription: planned cancel outlives pause and resume": plan_outlives_pause,
    "subscription: paused at period end until a date": paused_until,
}
