"""Kasir with its worker and a twin, in the test's own event loop, which call each other over HTTP.

Kasir's clock is the twin's, so that a test moves both.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import uvicorn

from adyen_twin.core.settings import Knobs
from adyen_twin.core.settings import Settings as TwinSettings
from adyen_twin.core.twin import Twin
from fakes import KEY, OTHER_KEY
from kasir.jobs.worker import work
from kasir.web.app import create_app
from kasir.wiring import Parts, open_parts
from opened_kasir import settings_on
from twin_fixtures import QuietServer, RunningTwin, payment_body, result_of, serving

DAY_S: Final = 24 * 3600
#: From the close of a batch until its reports have come, with some time to spare.
REPORTED_S: Final = 3 * 3600
#: The twin's report user.
USER: Final = {
    "KASIR_REPORT_USER": "report@Company.Twin",
    "KASIR_REPORT_PASSWORD": "report-password",
}
_API_KEY: Final = "the-key-of-the-shop"
#: The states in which nothing more happens with a report.
_DONE: Final = {"reconciled", "unreadable", "refused", "other", "duplicate"}
_PATIENCE_S: Final = 100


@dataclass(frozen=True, slots=True)
class TwinClock:
    """The twin's clock, for Kasir."""

    twin: Twin

    def now(self) -> datetime:
        """Return the current time by the twin's clock."""
        return datetime.fromtimestamp(self.twin.now(), UTC)


@dataclass(frozen=True, slots=True)
class TwinAndKasir:
    """A shop that uses Kasir, and controls the twin."""

    twin: RunningTwin
    kasir: Parts
    http: aiohttp.ClientSession
    url: str

    # The shop ----------------------------------------------------------------------------------

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call Kasir as a shop does; returns the answer's JSON."""
        headers = {"X-API-Key": _API_KEY}
        async with self.http.request(method, self.url + path, json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def pay(self, reference: str, value: int = 25_000, **changes: Any) -> str:
        """Start a payment; returns the URL of its action."""
        amount = {"currency": "IDR", "value": value}
        body = payment_body(reference=reference, amount=amount, **changes)
        answer = await self.call("POST", "/v72/payments", body)
        return str(answer["action"]["url"])

    async def act(self, url: str, do: str = "approve") -> None:
        """Have the shopper act at the wallet, and return to the shop."""
        location = (await self.twin.shopper(url, do))["location"]
        if location:
            body = {"details": {"redirectResult": result_of(location)}}
            await self.call("POST", "/v72/payments/details", body)

    async def paid(self, reference: str, value: int = 25_000, **changes: Any) -> dict[str, Any]:
        """Make a payment that is paid, and wait until Kasir knows it; returns the payment."""
        await self.act(await self.pay(reference, value, **changes))
        return await self.until(reference, status="authorised")

    async def change(self, reference: str, what: str, value: int | None = None) -> str:
        """Capture, refund or cancel a payment; returns the pspReference of the change."""
        payment = await self.payment(reference)
        amount = {"amount": {"currency": "IDR", "value": value}} if value else {}
        path = f"/v72/payments/{payment['pspReference']}/{what}"
        body = {"merchantAccount": "TwinMerchant", "reference": f"{what} {reference}"} | amount
        return str((await self.call("POST", path, body))["pspReference"])

    async def payment(self, reference: str) -> dict[str, Any]:
        """The newest payment of a reference."""
        answer = await self.call("GET", f"/api/payments?reference={reference}")
        payments: list[dict[str, Any]] = answer["payments"]
        return payments[0]

    async def until(self, reference: str, **wanted: Any) -> dict[str, Any]:
        """Deliver notifications until a payment has these values; returns the payment."""
        found: dict[str, Any] = {}

        async def is_so() -> bool:
            found.update(await self.payment(reference))
            return all(found.get(name) == value for name, value in wanted.items())

        await self.waiting(is_so, f"{reference} {wanted}")
        return found

    async def waiting(self, is_so: Callable[[], Awaitable[bool]], what: str) -> None:
        """Deliver the twin's notifications until a condition is true."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while not await is_so():
                    await self.twin.settle()
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}") from None

    # Reports -----------------------------------------------------------------------------------

    async def settings(self, **changes: Any) -> None:
        """Change settings of the twin's reports."""
        await self.twin.control("PUT", "reports", changes)

    async def close(self, *mistakes: dict[str, Any]) -> None:
        """Close the batch with these mistakes, and wait until Kasir has reconciled its reports."""
        await self.settings(mistakes=list(mistakes))
        await self.twin.control("POST", "reports/close")
        await self.twin.settle(REPORTED_S)
        await self.reconciled()

    async def reconciled(self) -> None:
        """Wait until Kasir has fetched and reconciled each report that the twin has announced."""

        async def is_so() -> bool:
            if (await self.twin.control("GET", "deliveries"))["waiting"]:
                return False
            # A job is removed at its end, which is after the report is marked as reconciled.
            works = (
                "SELECT EXISTS (SELECT FROM notice WHERE state = 'unread')"
                " OR EXISTS (SELECT FROM pgqueuer WHERE entrypoint = 'report')"
            )
            if await self.kasir.pool.fetchval(works):
                return False
            return all(report["state"] in _DONE for report in await self.reports())

        await self.waiting(is_so, "the reports")

    async def reports(self) -> list[dict[str, Any]]:
        """Kasir's reports, oldest first."""
        return [
            dict(row) for row in await self.kasir.pool.fetch("SELECT * FROM report ORDER BY id")
        ]

    async def cases(self, state: str = "open") -> list[tuple[str, str]]:
        """The kind and the pspReference of each case of a state, sorted."""
        cases = (await self.call("GET", f"/api/cases?state={state}"))["cases"]
        return sorted((case["kind"], case.get("pspReference", "")) for case in cases)

    async def payouts(self) -> list[dict[str, Any]]:
        """What was paid out, the latest batch first."""
        payouts: list[dict[str, Any]] = (await self.call("GET", "/api/payouts"))["payouts"]
        return payouts


@asynccontextmanager
async def twin_and_kasir(
    database: str, *, knobs: Knobs | None = None, **environ: str
) -> AsyncIterator[TwinAndKasir]:
    """Run a twin, and Kasir with its worker on a database."""
    async with serving(Twin(TwinSettings(), knobs or Knobs())) as twin:
        given = {
            "ADYEN_TWIN_URL": twin.url,
            "ADYEN_TOKEN_HMAC_KEY": OTHER_KEY,
            "KASIR_API_KEY": _API_KEY,
            "KASIR_FOLLOW_TWIN_CLOCK": "1",
        }
        settings = settings_on(database, **given, **USER | environ)
        settings = replace(settings, limits=replace(settings.limits, poll_every_s=0.05))
        clock = TwinClock(twin.twin)
        async with open_parts(settings, clock=clock) as kasir, working(kasir), served(kasir) as url:
            hooks = f"{url}/webhooks/adyen"
            await twin.control("PUT", "webhooks/standard", {"url": hooks, "hmacKey": KEY})
            tokens = {"url": f"{hooks}/tokens", "hmacKey": OTHER_KEY}
            await twin.control("PUT", "webhooks/tokens", tokens)
            async with aiohttp.ClientSession() as http:
                yield TwinAndKasir(twin, kasir, http, url)


@asynccontextmanager
async def working(kasir: Parts) -> AsyncIterator[None]:
    """Run a worker."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(kasir, stop))
    try:
        yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def served(kasir: Parts) -> AsyncIterator[str]:
    """Serve an open Kasir on a free port; yields its URL."""
    app = create_app(kasir.settings)
    app.state.parts = kasir
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    # The app's lifespan would open another Kasir.
    server = QuietServer(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not task.done(), "Kasir did not start"
        await asyncio.sleep(0)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stopping.set()
        await task
