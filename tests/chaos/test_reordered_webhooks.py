"""In any order of notifications, a payment ends with the twin's status, and the shop is notified.

The twin duplicates, reorders and delays notifications, cuts calls off, and changes results that it
has reported: seeds 1 to 200, 20 orders each (see `plans.py`), some with two attempts.
`make torture SEEDS=17,18` runs only those two seeds.

In one test notifications do not contain our id, answers to a return do not name their payment, and
a second system makes payments under the same references. A notification that nothing proves to be
ours is held then, and the shop is notified of it; nothing else may differ.
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
#: The steps of the clock while shops call,
TICK_S: Final = 10
TICKS_MAX: Final = 200
#: while they receive the events of paid payments, so that they can refund them,
STEPS_S: Final = (60, 300, 700, 2_000, 2_500, 1_000, 2_000, 1_000, 4_000, 1_000, 700, 700)
#: and until the last refund has bounced and the last held event is sent.
LAST_S: Final = (2_500, 4_500, 4_500, 700)
POLL_S: Final = 0.5
#: The number of polls until the last notification is read.
READS_MAX: Final = 20


def _groups(usual: Iterable[int]) -> list[list[int]]:
    every = chosen(usual)
    return [every[first : first + AT_ONCE] for first in range(0, len(every), AT_ONCE)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(
    postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Programs]:
    """A separate system, because these tests move its clock."""
    async with (
        a_database(postgres_dsn) as dsn,
        programs(dsn, tmp_path_factory.mktemp("logs"), workers=1) as system,
    ):
        yield system


class Chaos:
    """A group of orders that are paid, with faults, at the same time.

    `more` is added to every payment request. If `others` is set, a second system on the account
    makes payments under every reference.
    """

    def __init__(
        self, walker: JourneyClient, plans: Sequence[Plan], *, others: bool = False, **more: Any
    ) -> None:
        self._walker = walker
        self._plans = plans
        self._others = others
        self._more = more
        self._days = Days(walker)
        self._events = ledgers.ShopEvents(walker)
        self._few = asyncio.Semaphore(CALLERS)
        #: The number of notifications that another test had left before.
        self._before = 0
        #: Orders that wait for a person.
        self._held: set[str] = set()

    async def run(self) -> list[str]:
        """Run the plans; return the faults, each with its seed."""
        self._before = len(await ledgers.notices(self._walker))
        await self._all(self._begin, self._plans, [TICK_S] * TICKS_MAX)
        changed = [order_plan for order_plan in self._plans if order_plan.changes]
        await self._all(self._change, changed, STEPS_S * 2)
        return await self._end()

    async def _end(self) -> list[str]:
        """Move the clock until there are no faults; return those that stay, each with its seed."""
        for seconds in LAST_S:
            await self._days.go_by(seconds)
            await asyncio.sleep(POLL_S)
        wrong = await self._wrong(self._plans)
        for seconds in STEPS_S:
            if not wrong:
                break
            await self._days.go_by(seconds)
            await asyncio.sleep(POLL_S)
            wrong = await self._wrong(list(wrong))
        assert self._own(await self._events.again()) == self._own(self._events.events), (
            "an event came late, or changed"
        )
        return await self._misplaced() + [
            f"{order_plan.reference}: {fault}"
            for order_plan, found in wrong.items()
            for fault in found
        ]

    def _own(self, events: Iterable[ledgers.Event]) -> list[ledgers.Event]:
        """The events of our orders: orders of another test may still send some."""
        orders = {order_plan.reference for order_plan in self._plans}
        return [event for event in events if event["data"].get("reference") in orders]

    async def _misplaced(self) -> list[str]:
        """Notifications whose state is not the expected one, once all of them are read."""
        stored = await ledgers.notices(self._walker, self._before)
        for _ in range(READS_MAX):
            if all(one.state != "unread" for one in stored):
                break
            await asyncio.sleep(POLL_S)
            stored = await ledgers.notices(self._walker, self._before)
        truth = await ledgers.at_the_twin(self._walker)
        ours = ledgers.names_of(one for every in truth.values() for one in every)
        return [*ledgers.misplaced(stored, ours)]

    async def _all(
        self,
        journey: Callable[[Plan], Coroutine[Any, Any, None]],
        plans: Iterable[Plan],
        steps: Sequence[float],
    ) -> None:
        """Run the journeys while the clock moves."""
        running_tasks = {
            order_plan: asyncio.create_task(journey(order_plan)) for order_plan in plans
        }
        for seconds in steps:
            if all(task.done() for task in running_tasks.values()):
                break
            await self._days.go_by(seconds)
            await asyncio.wait(running_tasks.values(), timeout=POLL_S)
            await self._events.fetch()
            if self._others:
                self._held = await self._held_orders()
        late = [
            order_plan.reference for order_plan, task in running_tasks.items() if not task.done()
        ]
        for task in running_tasks.values():
            task.cancel()
        await asyncio.gather(*running_tasks.values(), return_exceptions=bool(late))
        assert late == [], "unfinished after all steps of the clock"

    async def _begin(self, order_plan: Plan) -> None:
        for number, decision in enumerate(order_plan.decisions):
            action = await self._asked(order_plan, f"{order_plan.reference}-{number}")
            if self._others:
                chance = random.Random(f"{order_plan.reference}-{number}")
                await neighbour(self._walker, order_plan.reference, chance)
            await (self._withdrawn if decision == "withdraw" else self._decided)(
                order_plan, action, decision
            )

    async def _asked(self, order_plan: Plan, key: str) -> dict[str, Any]:
        """Request a payment: retry at once, or leave it to Kasir and fetch the answer later."""
        order, walker = order_plan.reference, self._walker
        if not order_plan.insists:
            async with self._few:
                await walker.pay(order, key=key, **self._more)
            # Late money of an earlier attempt may be assigned to this one before its answer.
            while (await walker.newest(order))["status"] in {"created", "unknown"}:
                await self._days.moved()
        reply = await self._insist(lambda: walker.pay(order, key=key, **self._more), key)
        assert reply.status == 200, f"{key}: /payments answered {reply.status} {reply.json}"
        action: dict[str, Any] = reply.json["action"]
        return action

    async def _decided(self, order_plan: Plan, action: dict[str, Any], decision: str) -> None:
        """Do the shopper's action at the wallet, and return its result to Kasir."""
        if decision == "leave":
            return
        body = {"url": action["url"], "do": decision}
        done = await self._walker.twin("POST", "/twin/wallet", body)
        if not done["location"]:
            return
        result = redirect_result(done["location"])
        async with self._few:
            replies = await asyncio.gather(
                *(self._walker.details(result) for _ in range(order_plan.returns))
            )
        assert {200} == {reply.status for reply in replies}, f"{order_plan.reference}: {replies}"

    async def _withdrawn(self, order_plan: Plan, action: dict[str, Any], _: str) -> None:
        """Cancel an order while the shopper approves it: the twin decides which is first."""
        order, walker = order_plan.reference, self._walker
        body = {"paymentReference": order}
        cancel = self._insist(
            lambda: walker.call("POST", "/v72/cancels", body, key=f"{order}-c"), order
        )
        await asyncio.gather(cancel, self._perhaps(self._decided(order_plan, action, "approve")))

    async def _perhaps(self, decision: Coroutine[Any, Any, None]) -> None:
        with suppress(JourneyError):  # The wallet answers that the payment is already decided.
            await decision

    async def _change(self, order_plan: Plan) -> None:
        order = order_plan.reference
        while not (paid := self._events.paid(order)):
            await self._days.moved()
            if order in self._held:
                return  # Kasir cannot report it paid until a person has looked.

        path = f"/v72/payments/{paid['pspReference']}"

        async def ask(number: int, change: Change) -> Reply:
            call, value = change
            body = {"amount": {"currency": "IDR", "value": value}} if value else {}
            return await self._insist(
                lambda: self._walker.call("POST", f"{path}/{call}", body, key=f"{order}-c{number}"),
                order,
            )

        replies = await asyncio.gather(*(ask(*which) for which in enumerate(order_plan.changes)))
        assert {201, 422} >= {reply.status for reply in replies}, f"{order}: {replies}"

    async def _held_orders(self) -> set[str]:
        """Orders with a notification that Kasir holds."""
        held = held_in(await ledgers.notices(self._walker, self._before))
        truth = await ledgers.at_the_twin(self._walker)
        return {order for order, every in truth.items() if held & ledgers.names_of(every)}

    async def _insist(self, ask: shop.Ask, what: str) -> Reply:
        async with self._few:
            return await shop.insist(ask, what)

    async def _wrong(self, plans: Iterable[Plan]) -> dict[Plan, list[str]]:
        """The faults of each plan."""
        await self._events.fetch()
        truth = await ledgers.at_the_twin(self._walker)
        kasirs = await ledgers.at_kasir(
            self._walker, [order_plan.reference for order_plan in plans]
        )
        held = held_in(await ledgers.notices(self._walker, self._before))
        wrong = {}
        for order_plan in plans:
            order = order_plan.reference
            found = [*ledgers.differences(truth.get(order, []), kasirs[order], held)]
            if held & ledgers.names_of(truth.get(order, [])):
                events = [event for one in kasirs[order] for event in self._events.of(one)]
                if not any(event["type"] == "payment.needs_attention" for event in events):
                    found.append("a notification of it is held, and the shop was not notified")
            for payment in () if found else kasirs[order]:
                found += ledgers.misreported(payment, self._events.of(payment), self._days.at_least)
            if found:
                wrong[order_plan] = found
        return wrong


def held_in(stored: Iterable[ledgers.Notice]) -> set[str]:
    """The names in the held notifications."""
    return {name for one in stored if one.state == "held" for name in one.names}


@pytest.mark.parametrize("seeds", _groups(SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_on_a_shared_account_money_is_ours_held_or_of_another_system(
    running: Programs, seeds: list[int]
) -> None:
    walker = running.walker
    await walker.twin("POST", "/twin/reset")
    await walker.knobs()
    await walker.faults(*faults())
    plans = [plan(seed, number, name="shared") for seed in seeds for number in range(ORDERS)]
    chaos = Chaos(walker, plans, others=True)

    wrong = await chaos.run()

    await walker.twin("DELETE", "/twin/knobs")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("seeds", _groups(SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_every_payment_ends_with_the_twins_status_and_the_shop_is_notified(
    running: Programs, seeds: list[int]
) -> None:
    walker = running.walker
    await walker.twin("POST", "/twin/reset")
    await walker.faults(*faults())
    chaos = Chaos(walker, [plan(seed, number) for seed in seeds for number in range(ORDERS)])

    wrong = await chaos.run()

    assert wrong == [], "\n".join(wrong)
    if len(seeds) == AT_ONCE:
        assert set() == await _idle_faults(walker), "a fault that never occurred proves nothing"


@pytest.mark.parametrize(
    "seeds", _groups(CAPTURE_SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}"
)
async def test_so_does_a_payment_that_the_shop_captures_by_its_own_call(
    running: Programs, seeds: list[int]
) -> None:
    walker = running.walker
    await walker.twin("POST", "/twin/reset")
    await walker.twin("PUT", "/twin/knobs", {"capture": "manual"})
    await walker.faults(*faults())
    plans = [plan(seed, number, CAPTURES, "captured") for seed in seeds for number in range(ORDERS)]
    chaos = Chaos(walker, plans, additionalData={"manualCapture": "true"})

    wrong = await chaos.run()

    await walker.twin("DELETE", "/twin/knobs")
    assert wrong == [], "\n".join(wrong)


async def _idle_faults(walker: JourneyClient) -> set[str]:
    """The kinds of fault that never occurred."""
    planned = (await walker.twin("GET", "/twin/faults"))["faults"]
    return {plan["fault"] for plan in planned} - {
        plan["fault"] for plan in planned if plan["struck"]
    }
