"""Journeys of a shop's commands on subscriptions, and of a token disabled between two charges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from kasir.demo.client import JourneyClient, expect, reference, until
from kasir.demo.subscriptions import (
    DAY_S,
    MONTH_DAYS,
    disabled,
    in_state,
    renewed,
    set_wallet,
    subscribed,
)

_UNPROCESSABLE: Final = 422


async def cancelled_while_past_due(client: JourneyClient) -> None:
    """Cancelled at period end while a renewal is unpaid: it ends at once, without more charges."""
    order = reference("arrears")
    subscription = await _make_past_due(client, order)
    await set_wallet(client, subscription, {"state": "ok"})
    reply = await _command(client, subscription, "cancel", {"at": "periodEnd"})
    expect((reply["status"], "cancelAt" in reply), ("cancelled", False), "cancelled at once")
    await client.advance(9 * DAY_S)  # The renewal would have been charged again by now.
    renewal = reply["renewals"][-1]["reference"]
    at_twin = await client.twin("GET", f"/twin/payments?reference={renewal}")
    paid = [payment for payment in at_twin["payments"] if payment["status"] == "authorised"]
    expect(paid, [], "charges of the unpaid renewal")
    await _expect_event(client, order, "subscription.cancelled")


async def lost_between_tries(client: JourneyClient) -> None:
    """A renewal is refused for lack of balance, then the token is disabled: an event has a link."""
    order = reference("lost")
    subscription = await _make_past_due(client, order)
    await disabled(client, subscription)

    async def read() -> dict[str, Any]:
        events = await client.events(order)
        failures = [event for event in events if event["type"] == "renewal.failed"]
        data: dict[str, Any] = failures[-1]["data"]
        return data

    data = await until(read, lambda failure: failure["reason"] == "token_gone", "reason token_gone")
    expect(f"{client.made.kasir_url}/pay/" in data["renewal"]["linkUrl"], True, "a link to pay")
    expect(data["renewal"].get("nextTry"), None, "the next try")


async def planned_cancel_remains(client: JourneyClient) -> None:
    """A planned cancel remains after a pause and a resume; only `at: never` withdraws it."""
    order = reference("planned-cancel")
    subscription = await subscribed(client, order)
    planned = await _command(client, subscription, "cancel", {"at": "periodEnd"})
    await _command(client, subscription, "pause")
    resumed = await _command(client, subscription, "resume")
    expect(resumed["cancelAt"], planned["cancelAt"], "the planned cancel after the pause")
    withdrawn = await _command(client, subscription, "cancel", {"at": "never"})
    expect(withdrawn.get("cancelAt"), None, "the planned cancel, withdrawn")
    await _command(client, subscription, "cancel", {"at": "periodEnd"})
    await client.advance(MONTH_DAYS * DAY_S)
    subscription = await in_state(client, subscription, "cancelled")
    expect(subscription["renewals"], [], "renewals")
    types = [event["type"] for event in await client.events(order)]
    expect(types.count("subscription.cancel_planned"), 2, "cancels that were planned")
    expect(types.count("subscription.cancel_withdrawn"), 1, "cancels that were withdrawn")


async def paused_until(client: JourneyClient) -> None:
    """Paused at period end until a date; unknown fields and parameters are refused."""
    order = reference("until")
    subscription = await subscribed(client, order)
    path = f"/api/subscriptions/{subscription['id']}/pause"
    for reply in (
        await client.call("POST", path, {"at": "periodEnd", "until": "tomorrow"}),
        await client.call("GET", "/api/subscriptions?state=paused"),
    ):
        expect(reply.status, _UNPROCESSABLE, "an unknown value")
    ends_at = datetime.fromisoformat(subscription["currentPeriod"]["end"])
    resumes_at = (ends_at + timedelta(days=10)).isoformat()
    planned = await _command(
        client, subscription, "pause", {"at": "periodEnd", "resumesAt": resumes_at}
    )
    expect((planned["status"], "pauseAt" in planned), ("active", True), "until then")
    await client.advance(MONTH_DAYS * DAY_S)
    await in_state(client, subscription, "paused")
    await client.advance(11 * DAY_S)
    await renewed(client, subscription, 1)

    async def state_and_start() -> tuple[str, datetime]:
        now = (await client.call("GET", f"/api/subscriptions/{subscription['id']}")).json
        return now["status"], datetime.fromisoformat(now["currentPeriod"]["start"])

    # The period begins a moment after the renewal is paid, when the worker settles it.
    expected = "active", datetime.fromisoformat(resumes_at)
    await until(state_and_start, lambda found: found == expected, f"resumed: {expected}")


async def _make_past_due(client: JourneyClient, order: str) -> dict[str, Any]:
    """Return a subscription whose first renewal was refused for lack of balance."""
    subscription = await subscribed(client, order)
    await set_wallet(client, subscription, {"state": "no_balance"})
    await client.advance(MONTH_DAYS * DAY_S)
    return await in_state(client, subscription, "past_due")


async def _command(
    client: JourneyClient,
    subscription: Mapping[str, Any],
    command: str,
    body: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Send a command to a subscription; return the subscription as it is afterwards."""
    reply = await client.call("POST", f"/api/subscriptions/{subscription['id']}/{command}", body)
    expect(reply.status, 200, f"{command} {body or ''}")
    shown: dict[str, Any] = reply.json
    return shown


async def _expect_event(client: JourneyClient, order: str, event: str) -> None:
    """Expect an event of this type."""
    types = [found["type"] for found in await client.events(order)]
    expect(event in types, True, f"{event} among {types}")


JOURNEYS: Final = {
    "subscription: cancelled at period end while past due": cancelled_while_past_due,
    "subscription: token lost between two tries": lost_between_tries,
    "subscription: planned cancel remains after pause and resume": planned_cancel_remains,
    "subscription: paused at period end until a date": paused_until,
}
