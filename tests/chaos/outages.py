"""A Kasir that is away for a while, in one way or another, while shoppers pay: drawn from seeds.

The twin, the door for its notifications and Kasir's work stand in the test's own process, and time
moves only as the test moves it, so that three days are a matter of seconds.
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
#: Who is away: everybody, the door for notifications, the worker, or Adyen's own answers.
UNAVAILABLE: Final = ("everybody", "everybody", "door", "worker", "answers")
DEEDS: Final = ("approve_without_return",) * 5 + ("approve", "refuse", "cancel", "leave", "leave")
#: After its end an outage is felt for as long as Adyen's queue may be behind, and then some.
AFTER_S: Final = 4 * DAY
#: Others who pay on the days after it: their notifications show how far Adyen has come.
PASSERS_BY_S: Final = (1.2 * DAY, 2.2 * DAY)
ENDS: Final = frozenset(
    {"payment.expired", "payment.cancelled", "payment.refused", "payment.failed"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """What becomes of one payment: when it is made, and what its shopper does when.

    Attributes:
        reference: Its name; two may share one.
        made_s: When it is made, in seconds after the beginning.
        deed: What the shopper does,
        deed_s: and when.
        validity_s: How long after its making the wallet may take it; None: as the wallet likes.
    """

    reference: str
    made_s: float
    deed: str
    deed_s: float
    validity_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """Who is away from when to when, and the payments that live through it."""

    seed: int
    away: str
    from_s: float
    until_s: float
    knobs: Knobs
    fates: tuple[Fate, ...]


def outage(seed: int) -> Outage:
    """The outage of a seed: of a minute to three days, at any moment of payments' lives."""
    chance = random.Random(f"outage/{seed}")
    lasts_s = MINUTE * (3 * DAY / MINUTE) ** chance.random()
    from_s = 3.0 * HOUR
    wallet_s = chance.choice((30 * MINUTE, 30 * MINUTE, 10 * HOUR))
    return Outage(
        seed=seed,
        away=chance.choice(UNAVAILABLE),
        from_s=from_s,
        until_s=from_s + lasts_s,
        knobs=Knobs(
            payment_expiry_s=wallet_s,
            extra_events=["OFFER_CLOSED"] if chance.random() < 0.4 else [],
        ),
        fates=tuple(_fates(seed, chance, from_s, from_s + lasts_s, wallet_s)),
    )


def _fates(
    seed: int, chance: random.Random, from_s: float, until_s: float, wallet_s: float
) -> Iterator[Fate]:
    reference = ""
    for number in range(PAYMENTS):
        if not reference or chance.random() < 0.8:
            reference = f"outage-{seed}-{number}"
        around = chance.choice((from_s, from_s, from_s, until_s))
        made_s = max(0.0, around + chance.uniform(-1.5 * HOUR, 10 * MINUTE))
        validity_s = chance.choice((None, 20.0 * MINUTE, 2.0 * HOUR))
        open_s = min(wallet_s, validity_s or wallet_s)
        deed_s = made_s + chance.uniform(5, 0.95 * open_s)
        yield Fate(
            reference=reference,
            made_s=made_s,
            deed=chance.choice(DEEDS),
            deed_s=deed_s,
            validity_s=validity_s,
        )
    for later_s in PASSERS_BY_S:
        yield Fate(
            reference=f"outage-{seed}-{later_s:.0f}",
            made_s=until_s + later_s,
            deed="approve_without_return",
            deed_s=until_s + later_s + MINUTE,
            validity_s=None,
        )


class World:
    """The twin, the door and Kasir, and the one clock they go by."""

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
        self._urls: dict[Fate, str] = {}
        self._made: dict[PaymentId, Fate] = {}

    def now(self) -> datetime:
        """What time it is."""
        return datetime.fromtimestamp(self.twin.twin.now(), UTC)

    @property
    def _at_s(self) -> float:
        return self.twin.twin.now() - self._began_at

    def _is_away(self, *who: str) -> bool:
        planned = self.planned
        return planned.from_s <= self._at_s < planned.until_s and planned.away in who

    async def hear(self, request: web.Request) -> web.Response:
        """Take a notification in, if the door is open; a worker may be quick to read it."""
        if self._is_away("everybody", "door"):
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
        """Have Kasir's work done by hand from now on."""
        self.kasir = kasir
        self._handlers = await handlers_of(kasir, stack)
        self._due = replace(kasir.due, enqueue=self._enqueue)

    async def _enqueue(self, _: Connection, name: str, payloads: Sequence[bytes]) -> None:
        self._jobs += [(name, payload) for payload in payloads]

    async def work(self) -> None:
        """Let the worker do what is due, if it is there."""
        if self._is_away("everybody", "worker"):
            return
        await self.kasir.reader.read_all()
        await self._due.look()
        while self._jobs:
            name, payload = self._jobs.pop(0)
            await self._handlers[name](payload)

    async def run(self) -> list[str]:
        """Let it all happen; then say what is not as it should be."""
        for at_s, fate in self._moments():
            await self._go_on(at_s)
            if fate and at_s == fate.made_s:
                await self._make(fate)
            elif fate and fate in self._urls:
                await self._act(fate)
            await self.work()
        return [words async for words in self._wrong()]

    def _moments(self) -> list[tuple[float, Fate | None]]:
        """When something is done: closely around the outage's ends, more rarely far from them."""
        planned = self.planned
        moments: list[tuple[float, Fate | None]] = [
            moment
            for fate in planned.fates
            for moment in ((fate.made_s, fate), (fate.deed_s, fate))
        ]
        for centre in (planned.from_s, planned.until_s):
            moments += [(centre + n * 5 * MINUTE + 1, None) for n in range(-6, 36)]
        fake_server = int((planned.until_s + AFTER_S) / HOUR)
        moments += [(n * 1.5 * HOUR, None) for n in range(fake_server)]
        last = planned.until_s + AFTER_S
        within = [moment for moment in moments if 0 <= moment[0] <= last]
        return sorted(within, key=lambda moment: (moment[0], moment[1] is None))

    async def _go_on(self, at_s: float) -> None:
        """Let time pass until then; the outage begins and ends at its own moments."""
        for edge in (self.planned.from_s, self.planned.until_s, at_s):
            if self._at_s < edge <= at_s:
                await self._steer("POST", "clock", {"advance_s": edge - self._at_s})
        faults = [{"fault": "lose_reply_before"}] if self._is_away("answers") else []
        if faults != self._faults:
            await self._steer("PUT", "faults", faults)
            self._faults = faults

    async def _steer(self, method: str, path: str, body: Any) -> Any:
        """Make a control call to the twin."""
        async with self._http.request(method, f"{self.twin.url}/twin/{path}", json=body) as answer:
            return await answer.json()

    async def _make(self, fate: Fate) -> None:
        if self._is_away("everybody"):
            return
        body = payment_body(reference=fate.reference)
        if fate.validity_s:
            over_at = datetime.fromtimestamp(self.twin.twin.now() + fate.validity_s, UTC)
            body["sessionValidity"] = over_at.isoformat(timespec="seconds")
        answer, payment_id = await self.kasir.checkout.payments(msgspec.json.encode(body), 72)
        self._made[payment_id] = fate
        if "action" in answer.json():
            self._urls[fate] = answer.json()["action"]["url"]

    async def _act(self, fate: Fate) -> None:
        if fate.deed == "leave":
            return
        # The wallet may say that it is over: Kasir closed it, or its time ran out.
        done = await self._steer("POST", "wallet", {"url": self._urls[fate], "do": fate.deed})
        location = done.get("location")
        if location and not self._is_away("everybody"):
            result = location.split("redirectResult=")[1]
            with suppress(KasirError):
                body = {"details": {"redirectResult": result}}
                await self.kasir.checkout.details(msgspec.json.encode(body), 72)
        await self._steer("POST", "clock", {"advance_s": 0})

    async def _wrong(self) -> AsyncIterator[str]:
        truth: dict[str, str] = {}
        for payment in (await self._steer("GET", "payments", None))["payments"]:
            truth[payment["metadata"]["kasirPaymentId"]] = payment["status"]
        for payment_id, fate in self._made.items():
            found = await self.kasir.payments.payment(payment_id)
            assert found is not None
            told = await self._told(payment_id)
            what = f"seed {self.planned.seed} ({self.planned.away}), {fate.deed}"
            for before, after in pairwise(told):
                if before in ENDS and after != before:
                    yield f"{what}: told {before}, then {after}"
            wanted = truth.get(payment_id, "expired")
            if found.status.value not in (wanted, "failed"):
                yield f"{what}: it is {found.status}, and {wanted} at the twin"
            if told[-1:] != [f"payment.{found.status}"]:
                yield f"{what}: it is {found.status}, and the shop was told {told}"

    async def _told(self, payment_id: PaymentId) -> list[str]:
        rows = await self.kasir.pool.fetch(
            "SELECT type FROM event WHERE subject = $1 AND type LIKE 'payment.%' ORDER BY id",
            payment_id,
        )
        return [row["type"] for row in rows]


@asynccontextmanager
async def world(server: str, planned: Outage) -> AsyncIterator[World]:
    """The world of an outage, at its beginning."""
    async with AsyncExitStack() as stack:
        at_work = await stack.enter_async_context(serving(Twin(Settings(), planned.knobs)))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        made = World(planned, at_work, http)
        dsn = await stack.enter_async_context(a_database(server))
        kasir = await stack.enter_async_context(
            kasir_on(dsn, clock=made, ADYEN_TWIN_URL=at_work.url)
        )
        await made.open(kasir, stack)
        url = await stack.enter_async_context(_door(made))
        await at_work.control("PUT", "webhooks/standard", {"url": url, "hmacKey": KEY})
        yield made


@asynccontextmanager
async def _door(made: World) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/webhooks/adyen", made.hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/adyen"
    finally:
        await runner.cleanup()
