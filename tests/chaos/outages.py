"""Outages of Kasir, or of a part of it, while shoppers pay. They are drawn from seeds.

The twin, the endpoint for its notifications and Kasir's worker run in the test's own process. The
test moves the clock, so three days take seconds.
"""

from __future__ import annotations

import asyncio
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
from twin_fixtures import RunningTwin, serving

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

PAYMENTS: Final = 10
#: The part that is unavailable. "all": all of Kasir; "answers": Adyen's answers.
UNAVAILABLE: Final = ("all", "all", "endpoint", "worker", "answers")
DECISIONS: Final = (
    *("approve_without_return",) * 5,
    "approve",
    "refuse",
    "cancel",
    "leave",
    "leave",
)
#: How long the test continues after an outage: longer than Adyen may delay a notification.
AFTER_S: Final = 4 * DAY
#: The times of later payments, in seconds after the outage. Their notifications show Kasir that
#: Adyen's queue has delivered the earlier ones.
LATER_PAYMENTS_S: Final = (1.2 * DAY, 2.2 * DAY)
#: The events which report that a payment ended unpaid.
ENDS: Final = frozenset(
    {"payment.expired", "payment.cancelled", "payment.refused", "payment.failed"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentPlan:
    """The plan of one payment. All times are in seconds after the start.

    Attributes:
        reference: The shop's reference; two payments may share one.
        made_s: When the payment is requested.
        decision: The shopper's action at the wallet.
        decision_s: When the shopper does this action.
        validity_s: How long after `made_s` the wallet accepts the payment; None: its default.
    """

    reference: str
    made_s: float
    decision: str
    decision_s: float
    validity_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """The unavailable part, the time of the outage in seconds after the start, and the payments."""

    seed: int
    unavailable: str
    from_s: float
    until_s: float
    knobs: Knobs
    plans: tuple[PaymentPlan, ...]


def outage(seed: int) -> Outage:
    """The outage of a seed: it lasts from one minute to three days."""
    chance = random.Random(f"outage/{seed}")
    # The logarithm of the length is uniform, so that minutes are as likely as days.
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


class Simulation:
    """The twin, the notification endpoint and Kasir, with one clock."""

    def __init__(self, planned: Outage, twin: RunningTwin, http: aiohttp.ClientSession) -> None:
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
        self._plans_made: dict[PaymentId, PaymentPlan] = {}

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
        """Store a notification, if the endpoint is available; sometimes the worker reads it now."""
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
        """Connect to an open Kasir, so that `work` runs its jobs."""
        self.kasir = kasir
        self._handlers = await handlers_of(kasir, stack, asyncio.Event())
        self._due = replace(kasir.due, enqueue=self._enqueue)

    async def _enqueue(self, _: Connection, name: str, payloads: Sequence[bytes]) -> None:
        self._jobs += [(name, payload) for payload in payloads]

    async def work(self) -> None:
        """Do the worker's due jobs, if the worker is available."""
        if self._is_unavailable("all", "worker"):
            return
        await self.kasir.reader.read_all()
        await self._due.look()
        while self._jobs:
            name, payload = self._jobs.pop(0)
            await self._handlers[name](payload)

    async def run(self) -> list[str]:
        """Run the plan; return the errors that were found."""
        for at_s, plan in self._steps():
            await self._advance_to(at_s)
            if plan and at_s == plan.made_s:
                await self._request(plan)
            elif plan and plan in self._urls:
                await self._act(plan)
            await self.work()
        return [error async for error in self._errors()]

    def _steps(self) -> list[tuple[float, PaymentPlan | None]]:
        """The time of each step in seconds after the start, with the payment that is due or None.

        Steps are more frequent near the start and the end of the outage.
        """
        planned = self.planned
        steps: list[tuple[float, PaymentPlan | None]] = [
            step
            for plan in planned.plans
            for step in ((plan.made_s, plan), (plan.decision_s, plan))
        ]
        for centre in (planned.from_s, planned.until_s):
            steps += [(centre + n * 5 * MINUTE + 1, None) for n in range(-6, 36)]
        end_s = planned.until_s + AFTER_S
        steps += [(n * 1.5 * HOUR, None) for n in range(int(end_s / HOUR))]
        in_range = [step for step in steps if 0 <= step[0] <= end_s]
        return sorted(in_range, key=lambda step: (step[0], step[1] is None))

    async def _advance_to(self, at_s: float) -> None:
        """Move the clock to this time; if the outage starts or ends before, stop there first."""
        for stop_s in (self.planned.from_s, self.planned.until_s, at_s):
            if self._at_s < stop_s <= at_s:
                await self._control("POST", "clock", {"advance_s": stop_s - self._at_s})
        faults = [{"fault": "lose_reply_before"}] if self._is_unavailable("answers") else []
        if faults != self._faults:
            await self._control("PUT", "faults", faults)
            self._faults = faults

    async def _control(self, method: str, path: str, body: Any) -> Any:
        """Make a control call to the twin."""
        async with self._http.request(method, f"{self.twin.url}/twin/{path}", json=body) as answer:
            return await answer.json()

    async def _request(self, plan: PaymentPlan) -> None:
        """Request the payment, if Kasir is available."""
        if self._is_unavailable("all"):
            return
        body = payment_body(reference=plan.reference)
        if plan.validity_s:
            expires_at = datetime.fromtimestamp(self.twin.twin.now() + plan.validity_s, UTC)
            body["sessionValidity"] = expires_at.isoformat(timespec="seconds")
        answer, payment_id = await self.kasir.checkout.payments(msgspec.json.encode(body), 72)
        self._plans_made[payment_id] = plan
        if "action" in answer.json():
            self._urls[plan] = answer.json()["action"]["url"]

    async def _act(self, plan: PaymentPlan) -> None:
        """Do the shopper's action at the wallet, and return the result to Kasir if possible."""
        if plan.decision == "leave":
            return
        # The wallet may answer that the payment has ended: Kasir closed it, or it expired.
        done = await self._control("POST", "wallet", {"url": self._urls[plan], "do": plan.decision})
        location = done.get("location")
        if location and not self._is_unavailable("all"):
            result = location.split("redirectResult=")[1]
            with suppress(KasirError):
                body = {"details": {"redirectResult": result}}
                await self.kasir.checkout.details(msgspec.json.encode(body), 72)
        # After this call the twin has done everything that is due.
        await self._control("POST", "clock", {"advance_s": 0})

    async def _errors(self) -> AsyncIterator[str]:
        """Payments whose status differs from the twin's, and events that are wrong."""
        truth: dict[str, str] = {}
        for payment in (await self._control("GET", "payments", None))["payments"]:
            truth[payment["metadata"]["kasirPaymentId"]] = payment["status"]
        for payment_id, plan in self._plans_made.items():
            at_kasir = await self.kasir.payments.payment(payment_id)
            assert at_kasir is not None
            events = await self._events(payment_id)
            case = f"seed {self.planned.seed} ({self.planned.unavailable}), {plan.decision}"
            for before, after in pairwise(events):
                if before in ENDS and after != before:
                    yield f"{case}: {before} was sent, then {after}"
            # A request that never reached the twin expires.
            expected = truth.get(payment_id, "expired")
            if at_kasir.status.value not in (expected, "failed"):
                yield f"{case}: the payment is {at_kasir.status}, and {expected} at the twin"
            if events[-1:] != [f"payment.{at_kasir.status}"]:
                yield f"{case}: the payment is {at_kasir.status}, and the events are {events}"

    async def _events(self, payment_id: PaymentId) -> list[str]:
        """The types of the events of a payment, in their order."""
        rows = await self.kasir.pool.fetch(
            "SELECT type FROM event WHERE subject = $1 AND type LIKE 'payment.%' ORDER BY id",
            payment_id,
        )
        return [row["type"] for row in rows]


@asynccontextmanager
async def simulation(server: str, planned: Outage) -> AsyncIterator[Simulation]:
    """Start the simulation of an outage, with its clock at 0."""
    async with AsyncExitStack() as stack:
        running_twin = await stack.enter_async_context(serving(Twin(Settings(), planned.knobs)))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        simulated = Simulation(planned, running_twin, http)
        dsn = await stack.enter_async_context(a_database(server))
        kasir = await stack.enter_async_context(
            kasir_on(dsn, clock=simulated, ADYEN_TWIN_URL=running_twin.url)
        )
        await simulated.open(kasir, stack)
        url = await stack.enter_async_context(_endpoint(simulated))
        await running_twin.control("PUT", "webhooks/standard", {"url": url, "hmacKey": KEY})
        yield simulated


@asynccontextmanager
async def _endpoint(simulated: Simulation) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/webhooks/adyen", simulated.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/adyen"
    finally:
        await runner.cleanup()
