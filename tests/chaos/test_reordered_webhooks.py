"""In any order of notifications, a payment ends with the twin's status, and the shop is notified.

The twin repeats, reorders and delays notifications, does not answer calls, and changes results that
it has reported. Each seed has 20 orders (see `plans.py`), some with two attempts.
`make torture SEEDS=17,18` runs only those two seeds.

In one test, of 100 seeds, notifications do not contain our id, answers to `/payments/details` do
not contain the reference, and a second system makes payments under the same references. Kasir then
holds each notification that may be of another system, and notifies the shop. In the other tests, of
fewer seeds, Kasir is alone on the account.
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
from chaos.other_system import act_as_other_system
from chaos.plans import CAPTURES, ORDERS, Change, Plan, faults, plan
from chaos.programs import Programs, programs
from chaos.seeds import seeds as chosen
from chaos.twin_clock import TwinClock
from kasir.demo.client import JourneyClient, JourneyError, Reply, redirect_result
from opened_kasir import a_database

pytestmark = pytest.mark.long

SEEDS: Final = range(1, 101)
ALONE_SEEDS: Final = range(1, 51)
CAPTURE_SEEDS: Final = range(1, 21)
#: The number of seeds that run at the same time.
AT_ONCE: Final = 50
#: The largest number of calls to Kasir at the same time.
CALLERS: Final = 32
#: The step of the clock while shops make payments, and the largest number of such steps.
TICK_S: Final = 10
TICKS_MAX: Final = 200
#: The steps of the clock while shops wait for the events of paid payments and request changes.
STEPS_S: Final = (60, 300, 700, 2_000, 2_500, 1_000, 2_000, 1_000, 4_000, 1_000, 700, 700)
#: The last steps: after them the last refund has failed and the last held event is sent.
LAST_S: Final = (2_500, 4_500, 4_500, 700)
POLL_S: Final = 0.5
#: The number of polls until the last notification is read.
READS_MAX: Final = 20


def _groups(default: Iterable[int]) -> list[list[int]]:
    """The seeds to run, in groups that run at the same time."""
    every = chosen(default)
    return [every[first : first + AT_ONCE] for first in range(0, len(every), AT_ONCE)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(
    postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Programs]:
    """A separate system, because these tests move the clock."""
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
        self,
        journey_client: JourneyClient,
        plans: Sequence[Plan],
        *,
        others: bool = False,
        **more: Any,
    ) -> None:
        self._client = journey_client
        self._plans = plans
        self._others = others
        self._more = more
        self._clock = TwinClock(journey_client)
        self._events = ledgers.ShopEvents(journey_client)
        self._slots = asyncio.Semaphore(CALLERS)
        #: The number of notifications that were stored before this test.
        self._before = 0
        #: Orders with a held notification.
        self._held: set[str] = set()

    async def run(self) -> list[str]:
        """Run the plans; return the errors that were found, each with the order's reference."""
        self._before = len(await ledgers.notices(self._client))
        await self._run_all(self._begin, self._plans, [TICK_S] * TICKS_MAX)
        with_changes = [order_plan for order_plan in self._plans if order_plan.changes]
        await self._run_all(self._change, with_changes, STEPS_S * 2)
        return await self._end()

    async def _end(self) -> list[str]:
        """Move the clock until there are no errors; return those that remain after all steps."""
        for seconds in LAST_S:
            await self._clock.advance(seconds)
            await asyncio.sleep(POLL_S)
        wrong = await self._wrong(self._plans)
        for seconds in STEPS_S:
            if not wrong:
                break
            await self._clock.advance(seconds)
            await asyncio.sleep(POLL_S)
            wrong = await self._wrong(list(wrong))
        assert self._of_this_test(await self._events.fetch_all_again()) == self._of_this_test(
            self._events.events
        ), "the shop missed an event, or an event changed"
        return await self._wrong_states() + [
            f"{order_plan.reference}: {error}"
            for order_plan, errors in wrong.items()
            for error in errors
        ]

    def _of_this_test(self, events: Iterable[ledgers.Event]) -> list[ledgers.Event]:
        """The events of this test's orders: orders of another test may still send events."""
        orders = {order_plan.reference for order_plan in self._plans}
        return [event for event in events if event["data"].get("reference") in orders]

    async def _wrong_states(self) -> list[str]:
        """Wait until no notification is unread; returns the errors in their states."""
        stored = await ledgers.notices(self._client, self._before)
        for _ in range(READS_MAX):
            if all(notice.state != "unread" for notice in stored):
                break
            await asyncio.sleep(POLL_S)
            stored = await ledgers.notices(self._client, self._before)
        truth = await ledgers.twin_payments(self._client)
        ours = ledgers.psp_references(
            payment for of_order in truth.values() for payment in of_order
        )
        return [*ledgers.wrong_states(stored, ours)]

    async def _run_all(
        self,
        journey: Callable[[Plan], Coroutine[Any, Any, None]],
        plans: Iterable[Plan],
        steps: Sequence[float],
    ) -> None:
        """Run the journey of each plan, and move the clock by `steps` (seconds) meanwhile."""
        running_tasks = {
            order_plan: asyncio.create_task(journey(order_plan)) for order_plan in plans
        }
        for seconds in steps:
            if all(task.done() for task in running_tasks.values()):
                break
            await self._clock.advance(seconds)
            await asyncio.wait(running_tasks.values(), timeout=POLL_S)
            await self._events.fetch()
            if self._others:
                self._held = await self._held_orders()
        unfinished = [
            order_plan.reference for order_plan, task in running_tasks.items() if not task.done()
        ]
        for task in running_tasks.values():
            task.cancel()
        await asyncio.gather(*running_tasks.values(), return_exceptions=bool(unfinished))
        assert unfinished == [], await self._state_of(unfinished)

    async def _state_of(self, orders: list[str]) -> str:
        """What the twin, Kasir and the shop know of unfinished orders, for the error message."""
        truth = await ledgers.twin_payments(self._client)
        kasirs = await ledgers.kasir_payments(self._client, orders)
        lines = ["unfinished after all steps of the clock:"]
        for order in orders:
            lines.append(f"{order} at the twin: {truth.get(order)}")
            for payment in kasirs[order]:
                types = [event["type"] for event in self._events.of(payment)]
                lines.append(f"{order} at Kasir: {payment}; the shop received {types}")
        return "\n".join(lines)

    async def _begin(self, order_plan: Plan) -> None:
        """Make the attempts of an order, one after another."""
        for number, decision in enumerate(order_plan.decisions):
            action = await self._request(order_plan, f"{order_plan.reference}-{number}")
            if self._others:
                chance = random.Random(f"{order_plan.reference}-{number}")
                await act_as_other_system(self._client, order_plan.reference, chance)
            if decision == "withdraw":
                await self._withdraw(order_plan, action)
            else:
                await self._decide(order_plan, action, decision)

    async def _request(self, order_plan: Plan, key: str) -> dict[str, Any]:
        """Request a payment; returns its action.

        If the shop does not retry, Kasir does, and the shop fetches the answer later.
        """
        order, journey_client = order_plan.reference, self._client
        if not order_plan.retries:
            async with self._slots:
                await journey_client.pay(order, key=key, **self._more)
            # A late authorisation may be assigned to this attempt before its answer comes.
            while (await journey_client.newest(order))["status"] in {"created", "unknown"}:
                await self._clock.moved()
        reply = await self._call_until_answered(
            lambda: journey_client.pay(order, key=key, **self._more), key
        )
        assert reply.status == 200, f"{key}: /payments answered {reply.status} {reply.json}"
        action: dict[str, Any] = reply.json["action"]
        return action

    async def _decide(self, order_plan: Plan, action: dict[str, Any], decision: str) -> None:
        """Do the shopper's action at the wallet, and return the result to Kasir."""
        if decision == "leave":
            return
        body = {"url": action["url"], "do": decision}
        done = await self._client.twin("POST", "/twin/wallet", body)
        if not done["location"]:
            return
        result = redirect_result(done["location"])
        async with self._slots:
            replies = await asyncio.gather(
                *(self._client.details(result) for _ in range(order_plan.returns))
            )
        assert {200} == {reply.status for reply in replies}, f"{order_plan.reference}: {replies}"

    async def _withdraw(self, order_plan: Plan, action: dict[str, Any]) -> None:
        """Cancel an order while the shopper approves it; either may reach the twin first."""
        order, journey_client = order_plan.reference, self._client
        body = {"paymentReference": order}
        cancel = self._call_until_answered(
            lambda: journey_client.call("POST", "/v72/cancels", body, key=f"{order}-c"), order
        )
        approval = self._decide(order_plan, action, "approve")
        await asyncio.gather(cancel, self._try(approval))

    async def _try(self, decision: Coroutine[Any, Any, None]) -> None:
        """Do the shopper's action, if the payment is still open."""
        with suppress(JourneyError):  # The wallet answers that the payment is already decided.
            await decision

    async def _change(self, order_plan: Plan) -> None:
        """Request the changes of an order, once it is reported as paid.

        An attempt may be paid and then cancelled by Kasir: its notifications are much later than
        those of other orders, and the shopper's return does not prove which attempt was paid.
        """
        order = order_plan.reference
        while not (paid := self._events.paid(order)):
            await self._clock.moved()
            if order in self._held:
                return  # Kasir reports the payment only after a person has checked it.
            if self._events.is_cancelled(order, len(order_plan.decisions)):
                return

        path = f"/v72/payments/{paid['pspReference']}"

        async def ask(number: int, change: Change) -> Reply:
            call, value = change
            body = {"amount": {"currency": "IDR", "value": value}} if value else {}
            return await self._call_until_answered(
                lambda: self._client.call("POST", f"{path}/{call}", body, key=f"{order}-c{number}"),
                order,
            )

        numbered = enumerate(order_plan.changes)
        replies = await asyncio.gather(*(ask(number, change) for number, change in numbered))
        assert {201, 422} >= {reply.status for reply in replies}, f"{order}: {replies}"

    async def _held_orders(self) -> set[str]:
        """Orders with a notification that Kasir holds."""
        held = held_in(await ledgers.notices(self._client, self._before))
        truth = await ledgers.twin_payments(self._client)
        return {
            order for order, payments in truth.items() if held & ledgers.psp_references(payments)
        }

    async def _call_until_answered(self, ask: shop.Ask, what: str) -> Reply:
        async with self._slots:
            return await shop.call_until_answered(ask, what)

    async def _wrong(self, plans: Iterable[Plan]) -> dict[Plan, list[str]]:
        """The errors of each plan."""
        await self._events.fetch()
        truth = await ledgers.twin_payments(self._client)
        kasirs = await ledgers.kasir_payments(
            self._client, [order_plan.reference for order_plan in plans]
        )
        held = held_in(await ledgers.notices(self._client, self._before))
        wrong = {}
        for order_plan in plans:
            order = order_plan.reference
            errors = [*ledgers.differences(truth.get(order, []), kasirs[order], held)]
            if held & ledgers.psp_references(truth.get(order, [])):
                events = [event for payment in kasirs[order] for event in self._events.of(payment)]
                if not any(event["type"] == "payment.needs_attention" for event in events):
                    errors.append("a notification is held, and the shop was not notified")
            for payment in () if errors else kasirs[order]:
                errors += ledgers.wrong_events(
                    payment, self._events.of(payment), self._clock.at_least
                )
            if errors:
                wrong[order_plan] = errors
        return wrong


def held_in(stored: Iterable[ledgers.Notice]) -> set[str]:
    """The pspReferences in the held notifications."""
    return {
        reference
        for notice in stored
        if notice.state == "held"
        for reference in notice.psp_references
    }


@pytest.mark.parametrize("seeds", _groups(SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_on_a_shared_account_every_payment_is_ours_or_held_or_of_the_other_system(
    running: Programs, seeds: list[int]
) -> None:
    journey_client = running.journey_client
    await journey_client.twin("POST", "/twin/reset")
    await journey_client.knobs()
    await journey_client.faults(*faults())
    plans = [plan(seed, number, name="shared") for seed in seeds for number in range(ORDERS)]
    chaos = Chaos(journey_client, plans, others=True)

    wrong = await chaos.run()

    await journey_client.twin("DELETE", "/twin/knobs")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("seeds", _groups(ALONE_SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_every_payment_ends_with_the_twins_status_and_the_shop_is_notified(
    running: Programs, seeds: list[int]
) -> None:
    journey_client = running.journey_client
    await journey_client.twin("POST", "/twin/reset")
    await journey_client.faults(*faults())
    chaos = Chaos(
        journey_client, [plan(seed, number) for seed in seeds for number in range(ORDERS)]
    )

    wrong = await chaos.run()

    assert wrong == [], "\n".join(wrong)
    if len(seeds) == AT_ONCE:  # In a smaller group some faults may not occur.
        assert set() == await _unused_faults(journey_client), "these faults never occurred"


@pytest.mark.parametrize(
    "seeds", _groups(CAPTURE_SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}"
)
async def test_every_payment_with_a_separate_capture_ends_with_the_twins_status(
    running: Programs, seeds: list[int]
) -> None:
    journey_client = running.journey_client
    await journey_client.twin("POST", "/twin/reset")
    await journey_client.twin("PUT", "/twin/knobs", {"capture": "manual"})
    await journey_client.faults(*faults())
    plans = [plan(seed, number, CAPTURES, "captured") for seed in seeds for number in range(ORDERS)]
    chaos = Chaos(journey_client, plans, additionalData={"manualCapture": "true"})

    wrong = await chaos.run()

    await journey_client.twin("DELETE", "/twin/knobs")
    assert wrong == [], "\n".join(wrong)


async def _unused_faults(journey_client: JourneyClient) -> set[str]:
    """The kinds of fault that never occurred."""
    planned = (await journey_client.twin("GET", "/twin/faults"))["faults"]
    return {plan["fault"] for plan in planned} - {
        plan["fault"] for plan in planned if plan["struck"]
    }
