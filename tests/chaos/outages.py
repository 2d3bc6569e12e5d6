"""Outages of all or a part of Kasir while shoppers pay, drawn from seeds.

The twin, the endpoint for its notifications and Kasir's worker run in the test's own process, and
the test moves the clock, so that three days take seconds.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin
from fakes import KEY, payment_body
from kasir.errors import KasirError
from kasir.ids import PaymentId
from kasir.jobs.due import Due
from kasir.jobs.engine import Handler
from kasir.jobs.worker import handlers_of
from kasir.store.database import Connection
from kasir.webhooks.receiving import receive
from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on
from twin_fixtures import TwinAtWork, serving

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

PAYMENTS: Final = 10
#: What is unavailable: all of Kasir, the notification endpoint, the worker, or Adyen's answers.
UNAVAILABLE: Final = ("all", "all", "endpoint", "worker", "answers")
DECISIONS: Final = (
    *("approve_without_return",) * 5,
    "approve",
    "refuse",
    "cancel",
    "leave",
    "leave",
)
#: The test continues after an outage for longer than Adyen's queue may be behind.
AFTER_S: Final = 4 * DAY
#: Later payments, in seconds after the outage: their notifications show Adyen's queue position.
LATER_PAYMENTS_S: Final = (1.2 * DAY, 2.2 * DAY)
ENDS: Final = frozenset(
    {"payment.expired", "payment.cancelled", "payment.refused", "payment.failed"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentPlan:
    """The plan of one payment: when it is made, what its shopper does, and when.

    Attributes:
        reference: Its name; two may share one.
        made_s: When it is made, in seconds after the start.
        decision: What the shopper does.
        decision_s: When the shopper does it.
        validity_s: How long after `made_s` the wallet may accept it; None: the wallet's default.
    """

    reference: str
    made_s: float
    decision: str
    decision_s: float
    validity_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """What is unavailable, from when to when, and the payments during that time."""

    seed: int
    unavailable: str
    from_s: float
    until_s: float
    knobs: Knobs
    plans: tuple[PaymentPlan, ...]


def outage(seed: int) -> Outage:
    """The outage of a seed: of a minute to three days, at any stage of the payments."""
    chance = random.Random(f"outage/{seed}")
    lasts_s = MINUTE * (3 * DAY / MINUTE) ** chance.random()
    from_s = 3.0 * HOUR
    wallet_s = chance.choice((30 * MINUTE, 30 * MINUTE, 10 * HOUR))
    return Outage(
        seed=seed,
        unavailable=chance.choice(UNAVAILABLE),
        from_s=from_s,
        until_s=from_s + lasts_s,
        knobs=Knobs(
            payment_expiry_s=wallet_s,
            extra_events=["OFFER_CLOSED"] if chance.random() < 0.4 else [],
        ),
        plans=tuple(_plans(seed, chance, from_s, from_s + lasts_s, wallet_s)),
    )


def _plans(
    seed: int, chance: random.Random, from_s: float, until_s: float, wallet_s: float
) -> Iterator[PaymentPlan]:
    reference = ""
    for number in range(PAYMENTS):
        if not reference or chance.random() < 0.8:
            reference = f"outage-{seed}-{number}"
        around = chance.choice((from_s, from_s, from_s, until_s))
        made_s = max(0.0, around + chance.uniform(-1.5 * HOUR, 10 * MINUTE))
        validity_s = chance.choice((None, 20.0 * MINUTE, 2.0 * HOUR))
        open_s = min(wallet_s, validity_s or wallet_s)
        decision_s = made_s + chance.uniform(5, 0.95 * open_s)
        yield PaymentPlan(
            reference=reference,
            made_s=made_s,
            decision=chance.choice(DECISIONS),
            decision_s=decision_s,
            validity_s=validity_s,
        )
    for later_s in LATER_PAYMENTS_S:
        yield PaymentPlan(
            reference=f"outage-{seed}-{later_s:.0f}",
            made_s=until_s + later_s,
            decision="approve_without_return",
            decision_s=until_s + later_s + MINUTE,
            validity_s=None,
        )


class World:
    """The twin, the endpoint and Kasir, and the one clock they use."""

    def __init__(self, planned: Outage, twin: TwinAtWork, http: aiohttp.ClientSession) -> None:
        self.planned = planned
        self.twin = twin
        self._http = http
        self.kasir: Parts
        self._due: Due
        self._handlers: Mapping[str, Handler] = {}
        self._jobs: list[tuple[str, bytes]] = []
        self._began_at = twin.twin.now()
        self._chance = random.Random(f"world/{planned.seed}")
        self._faults: list[dict[str, str]] = []
        self._urls: dict[PaymentPlan, str] = {}
        self._made: dict[PaymentId, PaymentPlan] = {}

    def now(self) -> datetime:
        """The current time."""
        return datetime.fromtimestamp(self.twin.twin.now(), UTC)

    @property
    def _at_s(self) -> float:
        return self.twin.twin.now() - self._began_at

    def _is_unavailable(self, *parts: str) -> bool:
        planned = self.planned
        return planned.from_s <= self._at_s < planned.until_s and planned.unavailable in parts

    async def receive(self, request: web.Request) -> web.Response:
        """Receive a notification, if the endpoint is available; the worker may read it at once."""
        if self._is_unavailable("all", "endpoint"):
            return web.Response(status=503)
        await receive(
            await request.read(),
            is_form=False,
            keys=self.kasir.settings.hmac_keys,
            inbox=self.kasir.inbox,
            received_at=self.now(),
        )
        if self._chance.random() < 0.3:
            await self.work()
        return web.Response(status=202, text="[accepted]")

    async def open(self, kasir: Parts, stack: AsyncExitStack) -> None:
        """Run Kasir's jobs through `work` from now on."""
        self.kasir = kasir
        self._handlers = await handlers_of(kasir, stack)
        self._due = replace(kasir.due, enqueue=self._enqueue)

    async def _enqueue(self, _: Connection, name: str, payloads: Sequence[bytes]) -> None:
        self._jobs += [(name, payload) for payload in payloads]

    async def work(self) -> None:
        """Do the worker's due jobs, if it is available."""
        if self._is_unavailable("all", "worker"):
            return
        await self.kasir.reader.read_all()
        await self._due.look()
        while self._jobs:
            name, payload = self._jobs.pop(0)
            await self._handlers[name](payload)

    async def run(self) -> list[str]:
        """Run the plan; return the faults."""
        for at_s, plan in self._moments():
            await self._go_on(at_s)
            if plan and at_s == plan.made_s:
                await self._make(plan)
            elif plan and plan in self._urls:
                await self._act(plan)
            await self.work()
        return [fault async for fault in self._wrong()]

    def _moments(self) -> list[tuple[float, PaymentPlan | None]]:
        """The times of all steps: frequent near the ends of the outage, rarer elsewhere."""
        planned = self.planned
        moments: list[tuple[float, PaymentPlan | None]] = [
            moment
            for plan in planned.plans
            for moment in ((plan.made_s, plan), (plan.decision_s, plan))
        ]
        for centre in (planned.from_s, planned.until_s):
            moments += [(centre + n * 5 * MINUTE + 1, None) for n in range(-6, 36)]
        intervals = int((planned.until_s + AFTER_S) / HOUR)
        moments += [(n * 1.5 * HOUR, None) for n in range(intervals)]
        last = planned.until_s + AFTER_S
        in_range = [moment for moment in moments if 0 <= moment[0] <= last]
        return sorted(in_range, key=lambda moment: (moment[0], moment[1] is None))

    async def _go_on(self, at_s: float) -> None:
        """Move the clock to that time, and start and end the outage at its own times."""
        for edge in (self.planned.from_s, self.planned.until_s, at_s):
            if self._at_s < edge <= at_s:
                await self._steer("POST", "clock", {"advance_s": edge - self._at_s})
        faults = [{"fault": "lose_reply_before"}] if self._is_unavailable("answers") else []
        if faults != self._faults:
            await self._steer("PUT", "faults", faults)
            self._faults = faults

    async def _steer(self, method: str, path: str, body: Any) -> Any:
        """Make a control call to the twin."""
        async with self._http.request(method, f"{self.twin.url}/twin/{path}", json=body) as answer:
            return await answer.json()

    async def _make(self, plan: PaymentPlan) -> None:
        if self._is_unavailable("all"):
            return
        body = payment_body(reference=plan.reference)
        if plan.validity_s:
            expires_at = datetime.fromtimestamp(self.twin.twin.now() + plan.validity_s, UTC)
            body["sessionValidity"] = expires_at.isoformat(timespec="seconds")
        answer, payment_id = await self.kasir.checkout.payments(msgspec.json.encode(body), 72)
        self._made[payment_id] = plan
        if "action" in answer.json():
            self._urls[plan] = answer.json()["action"]["url"]

    async def _act(self, plan: PaymentPlan) -> None:
        if plan.decision == "leave":
            return
        # The wallet may answer that the payment has ended: Kasir closed it, or it expired.
        done = await self._steer("POST", "wallet", {"url": self._urls[plan], "do": plan.decision})
        location = done.get("location")
        if location and not self._is_unavailable("all"):
            result = location.split("redirectResult=")[1]
            with suppress(KasirError):
                body = {"details": {"redirectResult": result}}
                await self.kasir.checkout.details(msgspec.json.encode(body), 72)
        await self._steer("POST", "clock", {"advance_s": 0})

    async def _wrong(self) -> AsyncIterator[str]:
        truth: dict[str, str] = {}
        for payment in (await self._steer("GET", "payments", None))["payments"]:
            truth[payment["metadata"]["kasirPaymentId"]] = payment["status"]
        for payment_id, plan in self._made.items():
            found = await self.kasir.payments.payment(payment_id)
            assert found is not None
            events = await self._events(payment_id)
            what = f"seed {self.planned.seed} ({self.planned.unavailable}), {plan.decision}"
            for before, after in pairwise(events):
                if before in ENDS and after != before:
                    yield f"{what}: {before} was sent, then {after}"
            expected = truth.get(payment_id, "expired")
            if found.status.value not in (expected, "failed"):
                yield f"{what}: it is {found.status}, and {expected} at the twin"
            if events[-1:] != [f"payment.{found.status}"]:
                yield f"{what}: it is {found.status}, and the events are {events}"

    async def _events(self, payment_id: PaymentId) -> list[str]:
        rows = await self.kasir.pool.fetch(
            "SELECT type FROM event WHERE subject = $1 AND type LIKE 'payment.%' ORDER BY id",
            payment_id,
        )
        return [row["type"] for row in rows]


@asynccontextmanager
async def world(server: str, planned: Outage) -> AsyncIterator[World]:
    """The world of an outage, at its start."""
    async with AsyncExitStack() as stack:
        at_work = await stack.enter_async_context(serving(Twin(Settings(), planned.knobs)))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        made = World(planned, at_work, http)
        dsn = await stack.enter_async_context(a_database(server))
        kasir = await stack.enter_async_context(
            kasir_on(dsn, clock=made, ADYEN_TWIN_URL=at_work.url)
        )
        await made.open(kasir, stack)
        url = await stack.enter_async_context(_endpoint(made))
        await at_work.control("PUT", "webhooks/standard", {"url": url, "hmacKey": KEY})
        yield made


@asynccontextmanager
async def _endpoint(made: World) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/webhooks/adyen", made.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/adyen"
    finally:
        await runner.cleanup()
