"""Shops that keep calling while the database is unavailable, and finish when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from chaos import ledgers
from chaos.programs import PATIENCE_S, Programs, until
from chaos.shop import insist
from kasir.demo.client import JourneyClient, Reply

#: More payments than the server has connections to the database.
PAYMENTS: Final = 24
#: Longer than Kasir's lease: a retry after it is not answered that the first call still runs.
LEASE_S: Final = 60

Action = Callable[[], Awaitable[None]]


async def storm(system: Programs, strike: Action, mend: Action) -> list[Reply]:
    """Request payments while the database is unavailable, and pay them all once it is back.

    One payment is paid at the wallet while Kasir cannot receive its notification.

    Returns:
        The answers to the shops and to the readiness check during that time, readiness last.
    """
    walker = system.walker
    names = [f"storm-{number}" for number in range(PAYMENTS)]
    before = await insist(lambda: walker.pay("before", key="before"), "before")
    await strike()
    async with asyncio.timeout(PATIENCE_S):
        replies = await asyncio.gather(*(walker.pay(name, key=name) for name in names))
        replies.append(await walker.call("GET", "/health/ready"))
        await walker.shopper(before.json["action"], "approve_without_return")
    await mend()
    await system.ready()
    await walker.advance(LEASE_S)
    for name in names:
        reply = await insist(lambda name=name: walker.pay(name, key=name), name)  # type: ignore[misc]
        await walker.shopper(reply.json["action"], "approve_without_return")
    await until(lambda: differences(walker, [*names, "before"]), _none, "\n".join)
    return replies


def _none(wrong: list[str]) -> bool:
    return not wrong


async def differences(walker: JourneyClient, names: list[str]) -> list[str]:
    """Where Kasir's payments of these orders differ from the twin's, and orders not paid once."""
    await walker.twin("POST", "/twin/clock", {"advance_s": LEASE_S})  # Deliveries are retried.
    truth = await ledgers.at_the_twin(walker)
    kasirs = await ledgers.at_kasir(walker, names)
    wrong = [
        f"{name}: {words}"
        for name in names
        for words in ledgers.differences(truth.get(name, []), kasirs[name])
    ]
    return wrong + [name for name in names if len(truth.get(name, [])) != 1]
