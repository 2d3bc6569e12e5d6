"""Shops that make payments during failures, and comparisons of the results afterwards.

Each shop makes one payment after another. It retries with the same key if it gets no answer, and
records the answers. It also checks and records the events that Kasir pushes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import asyncpg
from aiohttp import web
from standardwebhooks import Webhook

from chaos import ledgers, shop
from chaos.other_system import act_as_other_system
from chaos.programs import PATIENCE_S, POLL_S, Programs, programs
from chaos.twin_clock import TwinClock
from kasir.demo.client import JourneyClient, Reply, redirect_result

SHOPS: Final = 8
AMOUNT: Final = 25_000
#: A secret in the format of Standard Webhooks; the text is Base64.
SECRET: Final = "whsec_" + "c2VjcmV0" * 4
#: The shopper's actions at the wallet, from which a seed chooses.
DECISIONS: Final = (*("approve",) * 6, "approve_without_return", "refuse", "cancel")
#: The amounts of an order's refunds in rupiah, from which a seed chooses.
REFUNDS: Final = ((), (AMOUNT,), (10_000, 10_000))
#: The step of the clock in seconds, until Kasir has sent the events that it holds back and has made
#: its retries.
STEP_S: Final = 300
#: More calls than all unfinished orders need.
LAST_CALLS_MAX: Final = 10 * SHOPS


@dataclass(slots=True)
class Order:
    """An order of a shop. `refunds` has the pspReference of each accepted refund, by its key."""

    reference: str
    refunds: dict[str, str] = field(default_factory=dict)


class Pushed:
    """The names of the events pushed to the shops, in the order of their first arrival."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}
        self.forged: list[str] = []

    async def receive(self, request: web.Request) -> web.Response:
        """Check an event's signature, and record its name."""
        name, sent_at = request.headers["webhook-id"], int(request.headers["webhook-timestamp"])
        body = (await request.read()).decode()
        # The library's `verify` uses the machine's clock, but Kasir follows the twin's clock.
        signature = Webhook(SECRET).sign(name, datetime.fromtimestamp(sent_at, UTC), body)
        if signature not in request.headers["webhook-signature"].split():
            self.forged.append(name)
        names = self._names.setdefault(json.loads(body)["data"]["id"], [])
        if name not in names:
            names.append(name)
        return web.Response(status=204)

    def of(self, payment: ledgers.Payment) -> list[str]:
        """The names of a payment's events."""
        return self._names.get(payment["id"], [])


@asynccontextmanager
async def listening(pushed: Pushed) -> AsyncIterator[str]:
    """Receive pushed events while the context lasts; yields the URL."""
    app = web.Application()
    app.router.add_post("/events", pushed.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    finally:
        await runner.cleanup()


class Trade:
    """The shops that use one system."""

    def __init__(self, system: Programs, pushed: Pushed, seed: int) -> None:
        self._system = system
        self._client: JourneyClient = system.journey_client
        self._pushed = pushed
        self._seed = seed
        self._clock = TwinClock(system.journey_client)
        self._orders: list[Order] = []
        #: One unit for each call that the shops may still make.
        self._allowed_calls = asyncio.Semaphore(0)
        #: The number of calls that the shops have begun.
        self._begun_calls = 0
        #: Set when the next call begins.
        self._call_begun = asyncio.Event()
        self._is_closing = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run the shops while the context lasts; at its end they finish their open orders."""
        async with asyncio.TaskGroup() as shops:
            for number in range(SHOPS):
                shops.create_task(self._sell(number))
            try:
                yield
            finally:
                self._is_closing = True
                self._allow(LAST_CALLS_MAX)

    async def go_on(self, calls: int, until: int) -> None:
        """Allow the shops `calls` more calls, and return when `until` of these have begun.

        They make no more calls than allowed, so that the twin can send every notification.
        """
        expected = self._begun_calls + until
        self._allow(calls)
        async with asyncio.timeout(PATIENCE_S):
            while self._begun_calls < expected:
                await self._call_begun.wait()

    def _allow(self, calls: int) -> None:
        for _ in range(calls):
            self._allowed_calls.release()

    async def time_passes(self, seconds: float) -> None:
        """Move the clock forward."""
        await self._clock.advance(seconds)

    async def settle(self) -> None:
        """Move the clock until there are no errors; fail with the errors after `PATIENCE_S`."""
        deadline = time.monotonic() + PATIENCE_S
        while wrong := await self._wrong():
            assert time.monotonic() < deadline, "\n".join([f"seed {self._seed}", *wrong])
            await self._clock.advance(STEP_S)
            await asyncio.sleep(POLL_S)

    async def _sell(self, number: int) -> None:
        """Make one order after another."""
        chance = random.Random(f"{self._seed}/{number}")
        for count in itertools.count():
            if self._is_closing:
                break
            order = Order(f"shop-{number}-{count}")
            self._orders.append(order)
            await self._serve(order, chance)

    async def _serve(self, order: Order, chance: random.Random) -> None:
        """Make a payment, act at the wallet, and request the refunds that the seed chooses."""
        name, journey_client = order.reference, self._client
        decision, refunds = chance.choice(DECISIONS), chance.choice(REFUNDS)
        reply = await self._call_until_answered(
            lambda: journey_client.pay(name, key=name), f"{name}: /payments"
        )
        assert reply.status == 200, f"{name}: /payments answered {reply.status} {reply.json}"
        action = reply.json["action"]
        await act_as_other_system(journey_client, name, chance)
        done = await journey_client.twin(
            "POST", "/twin/wallet", {"url": action["url"], "do": decision}
        )
        if not done["location"]:
            return
        result = redirect_result(done["location"])
        reply = await self._call_until_answered(
            lambda: journey_client.details(result), f"{name}: /payments/details"
        )
        assert reply.status == 200, f"{name}: details answered {reply.status} {reply.json}"
        if reply.json["resultCode"] == "Authorised":
            for part, value in enumerate(refunds):
                await self._refund(order, reply.json["pspReference"], value, f"{name}-r{part}")

    async def _refund(self, order: Order, psp_reference: str, value: int, key: str) -> None:
        path = f"/v72/payments/{psp_reference}/refunds"
        body = {"amount": {"currency": "IDR", "value": value}}
        reply = await self._call_until_answered(
            lambda: self._client.call("POST", path, body, key=key), f"{order.reference}: {key}"
        )
        assert reply.status == 201, f"{key}: the refund was answered {reply.status} {reply.json}"
        order.refunds[key] = reply.json["pspReference"]

    async def _call_until_answered(self, ask: shop.Ask, what: str) -> Reply:
        await self._allowed_calls.acquire()
        self._begun_calls += 1
        self._call_begun.set()
        self._call_begun = asyncio.Event()
        return await shop.call_until_answered(ask, what)

    async def _wrong(self) -> list[str]:
        """The errors in the ledger, in the inbox and in the events."""
        events = ledgers.ShopEvents(self._client)
        await events.fetch()
        truth = await ledgers.twin_payments(self._client)
        kasirs = await ledgers.kasir_payments(
            self._client, [order.reference for order in self._orders]
        )
        wrong = [f"an event without a valid signature: {name}" for name in self._pushed.forged]
        for order in self._orders:
            name = order.reference
            errors = [*ledgers.differences(truth.get(name, []), kasirs[name])]
            if not errors:
                (payment,) = kasirs[name]
                errors += ledgers.wrong_events(payment, events.of(payment), self._clock.at_least)
                errors += _wrong_refunds(order, truth[name][0], payment)
                expected = [event["id"] for event in events.of(payment)]
                if (pushed := self._pushed.of(payment)) != expected:
                    errors.append(f"pushed {pushed}, expected {expected}")
            wrong += [f"{name}: {error}" for error in errors]
        return wrong + [error async for error in self._wrong_notices()]

    async def _wrong_notices(self) -> AsyncIterator[str]:
        """Errors: notifications that Kasir answered with 202 and did not store, or did not read."""
        connection = await asyncpg.connect(self._system.system.environment["KASIR_DATABASE_URL"])
        try:
            rows = await connection.fetch("SELECT key, state, event_code, error, names FROM notice")
        finally:
            await connection.close()
        stored = {row["key"] for row in rows}
        at_twin = await self._client.twin("GET", "/twin/deliveries")
        for delivery in at_twin["deliveries"]:
            if delivery["status"] == 202 and _key(delivery["body"]) not in stored:
                yield f"answered 202 and not stored: {delivery['body']}"
        truth = await ledgers.twin_payments(self._client)
        ours = ledgers.psp_references(
            payment for of_order in truth.values() for payment in of_order
        )
        for row in rows:
            if row["state"] != ("read" if ours & {*row["names"]} else "foreign"):
                yield f"{row['event_code']} is {row['state']}: {row['error']}"
        if at_twin["waiting"]:
            yield f"{len(at_twin['waiting'])} notifications wait at the twin"


def _key(body: str) -> bytes:
    """The key by which Kasir identifies a notification: the hash of the item's bytes."""
    item = body.split('"NotificationRequestItem":', 1)[1].removesuffix("}]}")
    return sha256(item.encode()).digest()


def _wrong_refunds(order: Order, truth: ledgers.Payment, kasirs: ledgers.Payment) -> Iterator[str]:
    """Errors: differences between the accepted refunds and the refunds at the twin or at Kasir."""
    accepted = sorted(order.refunds.values())
    twins = sorted(
        change["pspReference"] for change in truth["modifications"] if change["kind"] == "refund"
    )
    if twins != accepted:
        yield f"refunds at the twin {twins}, accepted {order.refunds}"
    stored = sorted(refund["reference"] for refund in kasirs.get("refunds", ()))
    if stored != accepted:
        yield f"refunds at Kasir {stored}, accepted {order.refunds}"


@asynccontextmanager
async def trade(database: str, logs: Path, seed: int) -> AsyncIterator[tuple[Programs, Trade]]:
    """A system with two workers, and shops that receive its events."""
    pushed = Pushed()
    async with (
        listening(pushed) as url,
        programs(database, logs, KASIR_EVENTS_URL=url, KASIR_EVENTS_SECRET=SECRET) as system,
    ):
        await system.journey_client.knobs()
        yield system, Trade(system, pushed, seed)
