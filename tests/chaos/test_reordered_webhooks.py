"""Whatever order the news comes in, a payment ends in the twin's own truth, and the shop hears it.

The twin duplicates, reorders and delays every notification, breaks calls off, and says one thing
and then another: seeds 1 to 200, 20 payments each (see `plans.py`). `KASIR_CHAOS_SEEDS=17,18` runs
only those.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from typing import Any, Final

import pytest
import pytest_asyncio

from chaos import ledgers, shop
from chaos.days import Days
from chaos.plans import PAYMENTS, Plan, faults, plan
from chaos.programs import Programs, programs
from kasir.demo.walker import Reply, Walker, redirect_result
from opened import a_database

SEEDS: Final = range(1, 201)
AT_ONCE: Final = 50
CALLERS: Final = 32
#: How time goes by while shops call,
TICK_S: Final = 10
TICKS_MAX: Final = 200
#: while they hear what is paid, so that they can refund it,
LEAPS_S: Final = (60, 300, 700, 2_000, 2_500, 1_000, 2_000, 1_000, 4_000, 1_000, 700, 700)
#: and until the last refund has bounced and the last held news is told.
LAST_S: Final = (2_500, 4_500, 4_500, 700)
LOOK_S: Final = 0.5


def _groups() -> list[list[int]]:
    chosen = os.environ.get("KASIR_CHAOS_SEEDS")
    seeds = [int(seed) for seed in chosen.split(",")] if chosen else list(SEEDS)
    return [seeds[first : first + AT_ONCE] for first in range(0, len(seeds), AT_ONCE)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(
    postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Programs]:
    """A house of its own, whose clock runs on."""
    async with (
        a_database(postgres_dsn) as dsn,
        programs(dsn, tmp_path_factory.mktemp("logs"), workers=1) as house,
    ):
        yield house


class Chaos:
    """A group of payments that are made, and go wrong, at once."""

    def __init__(self, walker: Walker, fates: Sequence[Plan]) -> None:
        self._walker = walker
        self._fates = fates
        self._days = Days(walker)
        self._told = ledgers.Told(walker)
        self._few = asyncio.Semaphore(CALLERS)

    async def begin(self) -> None:
        """Make every payment, let the shoppers do what they do, and bring their results back."""
        await self._all(self._begin, self._fates, [TICK_S] * TICKS_MAX)

    async def give_back(self) -> None:
        """Refund payments as planned, each once the shop has heard that it is paid."""
        await self._all(
            self._give_back, [fate for fate in self._fates if fate.refunds], LEAPS_S * 2
        )

    async def end(self) -> list[str]:
        """Let time pass until all is as it should be; else say what is not, and of which seed."""
        for seconds in LAST_S:
            await self._days.go_by(seconds)
            await asyncio.sleep(LOOK_S)
        wrong = await self._wrong(self._fates)
        for seconds in LEAPS_S:
            if not wrong:
                break
            await self._days.go_by(seconds)
            await asyncio.sleep(LOOK_S)
            wrong = await self._wrong(list(wrong))
        assert await self._told.again() == self._told.events, "an event came late, or changed"
        return [f"{fate.reference}: {words}" for fate, found in wrong.items() for words in found]

    async def _all(
        self,
        journey: Callable[[Plan], Coroutine[Any, Any, None]],
        fates: Iterable[Plan],
        leaps: Sequence[float],
    ) -> None:
        """Walk journeys while time goes by."""
        walking = [asyncio.create_task(journey(fate)) for fate in fates]
        for seconds in leaps:
            if all(task.done() for task in walking):
                break
            await self._days.go_by(seconds)
            await asyncio.wait(walking, timeout=LOOK_S)
            await self._told.fetch()
        _, late = await asyncio.wait(walking, timeout=0)
        for task in late:
            task.cancel()
        await asyncio.gather(*walking)

    async def _begin(self, fate: Plan) -> None:
        order, walker = fate.reference, self._walker
        action = await self._asked(fate)
        if fate.deed == "leave":
            return
        if fate.deed == "withdraw":
            body = {"paymentReference": order}
            await self._insist(
                lambda: walker.call("POST", "/v72/cancels", body, key=f"{order}-c"), order
            )
            return
        done = await walker.twin("POST", "/twin/wallet", {"url": action["url"], "do": fate.deed})
        if done["location"]:
            result = redirect_result(done["location"])
            async with self._few:
                replies = await asyncio.gather(
                    *(walker.details(result) for _ in range(fate.returns))
                )
            assert {200} == {reply.status for reply in replies}, f"{order}: {replies}"

    async def _asked(self, fate: Plan) -> dict[str, Any]:
        """Ask for a payment: insist, or leave it to Kasir, and come back for the answer."""
        order, walker = fate.reference, self._walker
        if not fate.insists:
            async with self._few:
                await walker.pay(order, key=order)
            while (await walker.newest(order))["status"] != "awaiting_shopper":
                await self._days.moved()
        reply = await self._insist(lambda: walker.pay(order, key=order), order)
        assert reply.status == 200, f"{order}: /payments answered {reply.status} {reply.json}"
        action: dict[str, Any] = reply.json["action"]
        return action

    async def _give_back(self, fate: Plan) -> None:
        order = fate.reference
        while not (paid := self._told.authorised(order)):
            await self._days.moved()
        path = f"/v72/payments/{paid['pspReference']}/refunds"

        async def part(number: int, value: int) -> Reply:
            body = {"amount": {"currency": "IDR", "value": value}}
            return await self._insist(
                lambda: self._walker.call("POST", path, body, key=f"{order}-r{number}"), order
            )

        replies = await asyncio.gather(*(part(*which) for which in enumerate(fate.refunds)))
        assert {201, 422} >= {reply.status for reply in replies}, f"{order}: {replies}"

    async def _insist(self, ask: shop.Ask, what: str) -> Reply:
        async with self._few:
            return await shop.insist(ask, what)

    async def _wrong(self, fates: Iterable[Plan]) -> dict[Plan, list[str]]:
        """What is not as it should be."""
        await self._told.fetch()
        truth = await ledgers.at_the_twin(self._walker)
        kasirs = await ledgers.at_kasir(self._walker, [fate.reference for fate in fates])
        wrong = {}
        for fate in fates:
            order = fate.reference
            found = [*ledgers.differences(truth.get(order, []), kasirs[order])]
            if not found:
                found += ledgers.untold(kasirs[order][0], self._told.of(order), self._days.at_least)
            if found:
                wrong[fate] = found
        return wrong


@pytest.mark.parametrize("seeds", _groups(), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_every_payment_ends_in_the_twins_own_truth_and_the_shop_is_told(
    running: Programs, seeds: list[int]
) -> None:
    walker = running.walker
    await walker.twin("POST", "/twin/reset")
    await walker.faults(*faults())
    chaos = Chaos(walker, [plan(seed, number) for seed in seeds for number in range(PAYMENTS)])

    await chaos.begin()
    await chaos.give_back()
    wrong = await chaos.end()

    assert wrong == [], "\n".join(wrong)
    assert {"read"} == await ledgers.states_of_notices(walker)
    if len(seeds) == AT_ONCE:
        assert set() == await _idle_faults(walker), "a fault that never struck proves nothing"


async def _idle_faults(walker: Walker) -> set[str]:
    """The kinds of fault that never struck."""
    planned = (await walker.twin("GET", "/twin/faults"))["faults"]
    return {plan["fault"] for plan in planned} - {
        plan["fault"] for plan in planned if plan["struck"]
    }
