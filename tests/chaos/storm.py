"""Shops that go on asking while the database is away, and settle when it is there again."""

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
#: Longer than a lease of Kasir's: who asks again then is not told that the first call still runs.
LEASE_S: Final = 60

Deed = Callable[[], Awaitable[None]]


async def storm(system: Programs, strike: Deed, mend: Deed) -> list[Reply]:
    """Ask for payments while the database is away, and pay them all once it is back.

    One payment is paid at the wallet while Kasir cannot hear of it.

    Returns:
        What the shops and the readiness check were answered meanwhile, readiness last.
    """
    walker = system.walker
    names = [f"storm-{number}" for number in range(PAYMENTS)]
    before = await insist(lambda: walker.pay("before", key="before"), "before")
    await strike()
    async with asyncio.timeout(PATIENCE_S):
        told = await asyncio.gather(*(walker.pay(name, key=name) for name in names))
        told.append(await walker.call("GET", "/health/ready"))
        await walker.shopper(before.json["action"], "approve_without_return")
    await mend()
    await system.ready()
    await walker.advance(LEASE_S)
    for name in names:
        reply = await insist(lambda name=name: walker.pay(name, key=name), name)  # type: ignore[misc]
        await walker.shopper(reply.json["action"], "approve_without_return")
    await until(lambda: differences(walker, [*names, "before"]), _none, "\n".join)
    return told


def _none(wrong: list[str]) -> bool:
    return not wrong


async def differences(walker: JourneyClient, names: list[str]) -> list[str]:
    """What Kasir knows of these orders that is not so at the twin, where each is paid once."""
    await walker.twin("POST", "/twin/clock", {"advance_s": LEASE_S})  # Deliveries are made again.
    truth = await ledgers.at_the_twin(walker)
    kasirs = await ledgers.at_kasir(walker, names)
    wrong = [
        f"{name}: {words}"
        for name in names
        for words in ledgers.differences(truth.get(name, []), kasirs[name])
    ]
    return wrong + [name for name in names if len(truth.get(name, [])) != 1]
