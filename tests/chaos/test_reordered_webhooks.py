"""Whatever order the news comes in, a payment ends in the twin's own truth, and the shop hears it.

The twin duplicates, reorders and delays every notification, breaks calls off, and says one thing
and then another: seeds 1 to 200, 20 orders each (see `plans.py`), some of them tried
twice. `make torture SEEDS=17,18` runs only those.

Its notifications do not bring our own id back, its answers to a return do not say whose they are,
and a second system does what it likes under the same references. What nothing proves to be ours is
held then, and told; nothing else may differ.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import pytest
import pytest_asyncio

from chaos import ledgers, shop
from chaos.days import Days
from chaos.neighbour import neighbour
from chaos.plans import CAPTURES, ORDERS, Change, Plan, faults, plan
from chaos.programs import Programs, programs
from chaos.seeds import seeds as chosen
from kasir.demo.client import JourneyClient, JourneyError, Reply, redirect_result
from opened_kasir import a_database

pytestmark = pytest.mark.long

SEEDS: Final = range(1, 201)
CAPTURE_SEEDS: Final = range(1, 21)
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
#: Looks until the last notification was read.
READS_MAX: Final = 20


def _groups(usual: Iterable[int]) -> list[list[int]]:
    every = chosen(usual)
    return [every[first : first + AT_ONCE] for first in range(0, len(every), AT_ONCE)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(
    postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Programs]:
    """A system of its own, whose clock runs on."""
    async with (
        a_database(postgres_dsn) as dsn,
        programs(dsn, tmp_path_factory.mktemp("logs"), workers=1) as system,
    ):
        yield system


class Chaos:
    """A group of orders that are paid, and go wrong, at once.

    `more` is what every payment request says beside the usual. Where `others` pay on the account
    too, they do so under every reference.
    """

    def __init__(
        self, walker: JourneyClient, fates: Sequence[Plan], *, others: bool = False, **more: Any
    ) -> None:
        self._walker = walker
        self._fates = fates
        self._others = others
        self._more = more
        self._days = Days(walker)
        self._told = ledgers.Told(walker)
        self._few = asyncio.Semaphore(CALLERS)
        #: How many notifications came before any of this; those of another test.
        self._before = 0
        #: Orders that wait for a person.
        self._held: set[str] = set()

    async def run(self) -> list[str]:
        """Let it all happen; then say what is not as it should be, and of which seed."""
        self._before = len(await ledgers.notices(self._walker))
        await self._all(self._begin, self._fates, [TICK_S] * TICKS_MAX)
        changed = [fate for fate in self._fates if fate.changes]
        await self._all(self._change, changed, LEAPS_S * 2)
        return await self._end()

    async def _end(self) -> list[str]:
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
        assert self._own(await self._told.again()) == self._own(self._told.events), (
            "an event came late, or changed"
        )
        return await self._misplaced() + [
            f"{fate.reference}: {words}" for fate, found in wrong.items() for words in found
        ]

    def _own(self, events: Iterable[ledgers.Event]) -> list[ledgers.Event]:
        """Those of our orders: another test's may still end as its clock goes on."""
        orders = {fate.reference for fate in self._fates}
        return [event for event in events if event["data"].get("reference") in orders]

    async def _misplaced(self) -> list[str]:
        """Notifications that are not where they belong, once all of them were read."""
        kept = await ledgers.notices(self._walker, self._before)
        for _ in range(READS_MAX):
            if all(one.state != "unread" for one in kept):
                break
            await asyncio.sleep(LOOK_S)
            kept = await ledgers.notices(self._walker, self._before)
        truth = await ledgers.at_the_twin(self._walker)
        ours = ledgers.names_of(one for every in truth.values() for one in every)
        return [*ledgers.misplaced(kept, ours)]

    async def _all(
        self,
        journey: Callable[[Plan], Coroutine[Any, Any, None]],
        fates: Iterable[Plan],
        leaps: Sequence[float],
    ) -> None:
        """Walk journeys while time goes by."""
        walking = {fate: asyncio.create_task(journey(fate)) for fate in fates}
        for seconds in leaps:
            if all(task.done() for task in walking.values()):
                break
            await self._days.go_by(seconds)
            await asyncio.wait(walking.values(), timeout=LOOK_S)
            await self._told.fetch()
            if self._others:
                self._held = await self._held_orders()
        late = [fate.reference for fate, task in walking.items() if not task.done()]
        for task in walking.values():
            task.cancel()
        await asyncio.gather(*walking.values(), return_exceptions=bool(late))
        assert late == [], "still under way when all the time had gone by"

    async def _begin(self, fate: Plan) -> None:
        for number, deed in enumerate(fate.deeds):
            action = await self._asked(fate, f"{fate.reference}-{number}")
            if self._others:
                chance = random.Random(f"{fate.reference}-{number}")
                await neighbour(self._walker, fate.reference, chance)
            await (self._withdrawn if deed == "withdraw" else self._decided)(fate, action, deed)

    async def _asked(self, fate: Plan, key: str) -> dict[str, Any]:
        """Ask for a payment: insist, or leave it to Kasir, and come back for the answer."""
        order, walker = fate.reference, self._walker
        if not fate.insists:
            async with self._few:
                await walker.pay(order, key=key, **self._more)
            # Late money of an earlier try may be taken for this one's before it was even answered.
            while (await walker.newest(order))["status"] in {"created", "unknown"}:
                await self._days.moved()
        reply = await self._insist(lambda: walker.pay(order, key=key, **self._more), key)
        assert reply.status == 200, f"{key}: /payments answered {reply.status} {reply.json}"
        action: dict[str, Any] = reply.json["action"]
        return action

    async def _decided(self, fate: Plan, action: dict[str, Any], deed: str) -> None:
        """Let the shopper do what they do at the wallet, and bring back what comes of it."""
        if deed == "leave":
            return
        wanted = {"url": action["url"], "do": deed}
        done = await self._walker.twin("POST", "/twin/wallet", wanted)
        if not done["location"]:
            return
        result = redirect_result(done["location"])
        async with self._few:
            replies = await asyncio.gather(
                *(self._walker.details(result) for _ in range(fate.returns))
            )
        assert {200} == {reply.status for reply in replies}, f"{fate.reference}: {replies}"

    async def _withdrawn(self, fate: Plan, action: dict[str, Any], _: str) -> None:
        """Cancel an order while the shopper approves it: the twin decides who came first."""
        order, walker = fate.reference, self._walker
        body = {"paymentReference": order}
        cancel = self._insist(
            lambda: walker.call("POST", "/v72/cancels", body, key=f"{order}-c"), order
        )
        await asyncio.gather(cancel, self._perhaps(self._decided(fate, action, "approve")))

    async def _perhaps(self, deed: Coroutine[Any, Any, None]) -> None:
        with suppress(JourneyError):  # The wallet says that it has decided already.
            await deed

    async def _change(self, fate: Plan) -> None:
        order = fate.reference
        while not (paid := self._told.paid(order)):
            await self._days.moved()
            if order in self._held:
                return  # Nobody knows that it is paid, until somebody has looked.

        path = f"/v72/payments/{paid['pspReference']}"

        async def ask(number: int, change: Change) -> Reply:
            word, value = change
            body = {"amount": {"currency": "IDR", "value": value}} if value else {}
            return await self._insist(
                lambda: self._walker.call("POST", f"{path}/{word}", body, key=f"{order}-c{number}"),
                order,
            )

        replies = await asyncio.gather(*(ask(*which) for which in enumerate(fate.changes)))
        assert {201, 422} >= {reply.status for reply in replies}, f"{order}: {replies}"

    async def _held_orders(self) -> set[str]:
        """Orders of which something was told by the twin that Kasir holds."""
        held = held_in(await ledgers.notices(self._walker, self._before))
        truth = await ledgers.at_the_twin(self._walker)
        return {order for order, every in truth.items() if held & ledgers.names_of(every)}

    async def _insist(self, ask: shop.Ask, what: str) -> Reply:
        async with self._few:
            return await shop.insist(ask, what)

    async def _wrong(self, fates: Iterable[Plan]) -> dict[Plan, list[str]]:
        """What is not as it should be."""
        await self._told.fetch()
        truth = await ledgers.at_the_twin(self._walker)
        kasirs = await ledgers.at_kasir(self._walker, [fate.reference for fate in fates])
        held = held_in(await ledgers.notices(self._walker, self._before))
        wrong = {}
        for fate in fates:
            order = fate.reference
            found = [*ledgers.differences(truth.get(order, []), kasirs[order], held)]
            if held & ledgers.names_of(truth.get(order, [])):
                events = [event for one in kasirs[order] for event in self._told.of(one)]
                if not any(event["type"] == "payment.needs_attention" for event in events):
                    found.append("something of it is held, and nobody was told")
            for payment in () if found else kasirs[order]:
                found += ledgers.untold(payment, self._told.of(payment), self._days.at_least)
            if found:
                wrong[fate] = found
        return wrong


def held_in(kept: Iterable[ledgers.Notice]) -> set[str]:
    """The names in what is held."""
    return {name for one in kept if one.state == "held" for name in one.names}


@pytest.mark.parametrize("seeds", _groups(SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_on_an_account_that_others_use_money_is_ours_held_or_theirs(
    running: Programs, seeds: list[int]
) -> None:
    walker = running.walker
    await walker.twin("POST", "/twin/reset")
    await walker.knobs()
    await walker.faults(*faults())
    fates = [plan(seed, number, name="shared") for seed in seeds for number in range(ORDERS)]
    chaos = Chaos(walker, fates, others=True)

    wrong = await chaos.run()

    await walker.twin("DELETE", "/twin/knobs")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("seeds", _groups(SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_every_payment_ends_in_the_twins_own_truth_and_the_shop_is_told(
    running: Programs, seeds: list[int]
) -> None:
    walker = running.walker
    await walker.twin("POST", "/twin/reset")
    await walker.faults(*faults())
    chaos = Chaos(walker, [plan(seed, number) for seed in seeds for number in range(ORDERS)])

    wrong = await chaos.run()

    assert wrong == [], "\n".join(wrong)
    if len(seeds) == AT_ONCE:
        assert set() == await _idle_faults(walker), "a fault that never struck proves nothing"


@pytest.mark.parametrize(
    "seeds", _groups(CAPTURE_SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}"
)
async def test_so_does_a_payment_whose_money_the_shop_takes_by_a_call_of_its_own(
    running: Programs, seeds: list[int]
) -> None:
    walker = running.walker
    await walker.twin("POST", "/twin/reset")
    await walker.twin("PUT", "/twin/knobs", {"capture": "manual"})
    await walker.faults(*faults())
    fates = [plan(seed, number, CAPTURES, "captured") for seed in seeds for number in range(ORDERS)]
    chaos = Chaos(walker, fates, additionalData={"manualCapture": "true"})

    wrong = await chaos.run()

    await walker.twin("DELETE", "/twin/knobs")
    assert wrong == [], "\n".join(wrong)


async def _idle_faults(walker: JourneyClient) -> set[str]:
    """The kinds of fault that never struck."""
    planned = (await walker.twin("GET", "/twin/faults"))["faults"]
    return {plan["fault"] for plan in planned} - {
        plan["fault"] for plan in planned if plan["struck"]
    }
