"""Shops that call Kasir while its database is unavailable, and retry when it is available again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from chaos import ledgers
from chaos.programs import PATIENCE_S, Programs, until
from chaos.shop import call_until_answered
from kasir.demo.client import JourneyClient, Reply

#: More payments than the server has connections to the database.
PAYMENTS: Final = 24
#: In seconds, longer than Kasir's lease: the time in which Kasir refuses a retry of a call, because
#: the first call may still run.
LEASE_S: Final = 60

Action = Callable[[], Awaitable[None]]


async def pay_during_failure(
    system: Programs, start_failure: Action, end_failure: Action
) -> list[Reply]:
    """Request payments while the database is unavailable, and pay them all afterwards.

    One earlier payment is paid at the wallet while Kasir cannot receive its notification.

    Returns:
        The answers during the failure: first those to the payment requests, and last the answer to
        the readiness check.
    """
    journey_client = system.journey_client
    names = [f"storm-{number}" for number in range(PAYMENTS)]
    earlier = await call_until_answered(
        lambda: journey_client.pay("before", key="before"), "before"
    )
    await start_failure()
    async with asyncio.timeout(PATIENCE_S):
        replies = await asyncio.gather(*(journey_client.pay(name, key=name) for name in names))
        replies.append(await journey_client.call("GET", "/health/ready"))
        await journey_client.shopper(earlier.json["action"], "approve_without_return")
    await end_failure()
    await system.ready()
    await journey_client.advance(LEASE_S)
    for name in names:
        reply = await call_until_answered(partial(journey_client.pay, name, key=name), name)
        await journey_client.shopper(reply.json["action"], "approve_without_return")
    await until(lambda: differences(journey_client, [*names, "before"]), _is_empty, "\n".join)
    return replies


def _is_empty(wrong: list[str]) -> bool:
    return not wrong


async def differences(journey_client: JourneyClient, names: list[str]) -> list[str]:
    """Differences between Kasir's and the twin's payments of the orders with these names.

    An order that does not have exactly one payment at the twin is a difference too.
    """
    # Advance the clock, so that deliveries are retried.
    await journey_client.twin("POST", "/twin/clock", {"advance_s": LEASE_S})
    truth = await ledgers.twin_payments(journey_client)
    kasirs = await ledgers.kasir_payments(journey_client, names)
    wrong = [
        f"{name}: {difference}"
        for name in names
        for difference in ledgers.differences(truth.get(name, []), kasirs[name])
    ]
    return wrong + [name for name in names if len(truth.get(name, [])) != 1]
