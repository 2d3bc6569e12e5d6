"""A journey of 500 renewals by two workers, one of which is killed meanwhile."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from kasir.demo.client import BROWSER_INFO, JourneyClient, JourneyError, expect, reference, until
from kasir.demo.subscriptions import plan_of

_RENEWALS: Final = 500
#: The second worker is killed after this many renewals were charged.
_KILLED_AFTER: Final = 100
#: How many shoppers sign up at the same time.
_SIGN_UPS_AT_ONCE: Final = 16
_MONTH_S: Final = 31 * 86_400
_MINUTE_S: Final = 60
#: Within this time another worker runs the jobs of the killed one.
_TAKEN_OVER_S: Final = 20 * 60
_TIMEOUTS: Final = 6  # 500 renewals may take six times the usual timeout.


async def one_of_two_killed(client: JourneyClient) -> None:
    """Two workers, one killed in the middle of 500 renewals: 500 charges, no more, no fewer."""
    run = reference("run")
    plan = (await client.call("POST", "/api/plans", plan_of(run, noticeDays=0))).json["id"]
    gate = asyncio.Semaphore(_SIGN_UPS_AT_ONCE)
    await asyncio.gather(*(_sign_up(client, gate, plan, f"{run}-{n}") for n in range(_RENEWALS)))
    await client.advance(_MINUTE_S)
    await _wait_until_active(client, plan)
    second = _start_worker(client)
    try:
        await asyncio.sleep(1)  # By then the second worker takes jobs too.
        await client.advance(_MONTH_S)
        await _wait_for_charges(client, run, _KILLED_AFTER)
    finally:
        second.kill()
        second.wait()
    await client.advance(_TAKEN_OVER_S)
    await _wait_for_charges(client, run, _RENEWALS)
    charges = await _charges(client, run)
    expect(set(charges.values()), {1}, "charges per renewal at the twin")
    expect(len(charges), _RENEWALS, "renewals charged at the twin")


async def _sign_up(client: JourneyClient, gate: asyncio.Semaphore, plan: str, order: str) -> None:
    """Sign a shopper up and pay the first period, while the gate admits it."""
    body = {
        "plan": plan,
        "reference": order,
        "shopperReference": f"shopper-{order}",
        "returnUrl": f"https://shop.example/return?order={order}",
        "channel": "Web",
        "browserInfo": BROWSER_INFO,
    }
    async with gate:
        reply = await client.call("POST", "/api/subscriptions", body)
        await client.details(await client.shopper(reply.json["payment"]["action"], "approve"))


def _start_worker(client: JourneyClient) -> subprocess.Popen[bytes]:
    """Start another worker."""
    program = Path(sys.executable).with_name("kasir")
    with (client.made.logs / "second-worker.log").open("ab") as log:
        return subprocess.Popen(
            [str(program), "worker"],
            env=dict(client.made.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


async def _wait_until_active(client: JourneyClient, plan: str) -> None:
    """Wait until every subscription of the plan is active.

    Only those of this plan count. One that becomes active later is due later too, after the end of
    this journey.
    """

    async def read() -> int:
        return _RENEWALS - len(await _not_active(client, plan))

    try:
        await _until_at_least(client, read, _RENEWALS, f"{_RENEWALS} active subscriptions")
    except JourneyError as error:
        raise JourneyError(f"{error}; not active: {await _not_active(client, plan)}") from error


async def _not_active(client: JourneyClient, plan: str) -> list[Mapping[str, Any]]:
    """The subscriptions of the plan that are not active."""
    found, after = [], ""
    while after is not None:
        query = f"?plan={plan}" + (f"&after={after}" if after else "")
        page = (await client.call("GET", f"/api/subscriptions{query}")).json
        found += [one for one in page["subscriptions"] if one["status"] != "active"]
        after = page.get("next")
    return found


async def _wait_for_charges(client: JourneyClient, run: str, count: int) -> None:
    """Wait until that many renewals of the run have been charged at the twin."""

    async def read() -> int:
        return len(await _charges(client, run))

    await _until_at_least(client, read, count, f"{count} charges at the twin")


async def _until_at_least(
    client: JourneyClient, read: Callable[[], Awaitable[int]], count: int, what: str
) -> None:
    """Wait until the count is reached, at most `_TIMEOUTS` times as long as usual.

    The clock is advanced in between, so that calls without a reply on a slow machine are retried.
    """
    for _ in range(_TIMEOUTS - 1):
        with suppress(JourneyError):
            await until(read, lambda reached: reached >= count, what)
            return
        await client.advance(_TAKEN_OVER_S)
    await until(read, lambda reached: reached >= count, what)


async def _charges(client: JourneyClient, run: str) -> Mapping[str, int]:
    """Count the charges of each renewal of the run at the twin, by reference."""
    at_twin: Mapping[str, Any] = await client.twin("GET", "/twin/payments")
    paid = (payment for payment in at_twin["payments"] if payment["status"] == "authorised")
    references = (str(payment["merchantReference"]) for payment in paid)
    # The reference of the first renewal ends with -p2, because the sign-up paid period 1.
    return Counter(name for name in references if name.startswith(run) and name.endswith("-p2"))


JOURNEYS: Final = {"subscriptions: 500 renewals, a worker killed": one_of_two_killed}
