"""What journeys call: the shop's calls to Kasir, the shopper at the twin, and bounded waits."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp

from kasir.demo.processes import RunningDemo

T = TypeVar("T")

_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.05
#: Kasir's clock follows the twin's within this time, because Kasir reads it ten times a second.
_FOLLOWED_S: Final = 0.3

#: Knobs of the twin for the least information that Adyen must give: no notification returns our own
#: id. By the twin's default, no reply to `/payments/details` names its payment either.
_LEAST_INFORMATION: Final = {"authorisationMetadata": False}
#: Notifications that another system causes under our references: event code and success.
_OTHER_SYSTEM: Final = (
    ("AUTHORISATION", True),
    ("AUTHORISATION", False),
    ("REFUND", True),
    ("CHARGEBACK", True),
    ("CAPTURE_FAILED", True),
    ("CANCELLATION", True),
)

BROWSER_INFO: Final = {
    "userAgent": "Mozilla/5.0 (Linux; Android 14) kasir-demo",
    "acceptHeader": "*/*",
    "language": "id-ID",
    "colorDepth": 24,
    "screenHeight": 844,
    "screenWidth": 390,
    "timeZoneOffset": -420,
    "javaEnabled": False,
}


class JourneyError(Exception):
    """A journey failed; the message says how."""


class NotRun(Exception):
    """A journey was not run, because a program is not installed; the message names it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response, read to its end."""

    status: int
    json: Any
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class JourneyClient:
    """Runs a journey over real HTTP, as the shop, the shopper and the twin's operator."""

    made: RunningDemo
    http: aiohttp.ClientSession
    #: The references whose status the journey has waited for, newest last.
    orders: list[str] = field(default_factory=list)

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None
    ) -> Reply:
        """Call Kasir as a shop does."""
        headers = {"X-API-Key": self.made.api_key}
        if key:
            headers["Idempotency-Key"] = key
        return await self._ask(method, self.made.kasir_url + path, body, headers)

    async def twin(self, method: str, path: str, body: Any = None) -> Any:
        """Call one of the twin's controls; return its JSON."""
        reply = await self._ask(method, self.made.twin_url + path, body, {})
        expect(reply.status, 200, f"{method} {path} at the twin")
        return reply.json

    async def _ask(self, method: str, url: str, body: Any, headers: Mapping[str, str]) -> Reply:
        async with self.http.request(method, url, json=body, headers=headers) as response:
            text = await response.text()
            content = await response.json() if text and "json" in response.content_type else text
            return Reply(response.status, content, response.headers)

    async def kasir(self, *arguments: str) -> str:
        """Run an operator's command; return what it printed.

        Raises:
            JourneyError: It failed.
        """
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("kasir")),
            *arguments,
            env=dict(self.made.environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        if process.returncode != 0:
            said = errors.decode(errors="replace").strip()[-300:]
            raise JourneyError(f"kasir {arguments[0]} {arguments[1]} failed: {said}")
        return output.decode()

    async def visit(self, method: str, path: str, form: Mapping[str, str] | None = None) -> str:
        """Request a page as a browser does; return its Location header, or else its body."""
        url = self.made.kasir_url + path
        async with self.http.request(method, url, data=form, allow_redirects=False) as response:
            text = await response.text()
            return response.headers.get("Location", text)

    async def pay(self, reference: str, *, key: str | None = None, **more: Any) -> Reply:
        """Request a payment of 25,000 rupiah."""
        return await self.call("POST", "/v72/payments", self.payment(reference, **more), key=key)

    def payment(self, reference: str, **more: Any) -> dict[str, Any]:
        """The body of a payment request."""
        return {
            "merchantAccount": self.made.environment["ADYEN_MERCHANT_ACCOUNT"],
            "reference": reference,
            "amount": {"currency": "IDR", "value": 25_000},
            "paymentMethod": {"type": "gopay_wallet"},
            "channel": "Web",
            "countryCode": "ID",
            "browserInfo": BROWSER_INFO,
            "returnUrl": f"https://shop.example/return?order={reference}",
            **more,
        }

    async def link(self, order: str, **more: Any) -> dict[str, Any]:
        """Create a payment link of 25,000 rupiah; return Kasir's reply."""
        payment = self.payment(order)
        body = {name: payment[name] for name in ("reference", "amount", "returnUrl")} | more
        reply = await self.call("POST", "/v72/paymentLinks", body)
        expect(reply.status, 201, "creating a link")  # As at Adyen.
        link: dict[str, Any] = reply.json
        return link

    async def wallet_of(self, link: Mapping[str, Any]) -> str:
        """Press the button of a link's form; return the URL of the wallet's page."""
        path = f"/pay/{link['id']}"

        async def read() -> str:
            form = await self.visit("GET", path)
            return form.partition('name="attempt" value="')[2].partition('"')[0]

        attempt = await until(read, bool, "a form with a button")
        location = await self.visit("POST", path, {"attempt": attempt})
        if "redirectData" not in location:
            raise JourneyError(f"the form leads to {location[:200]!r}, not to the wallet")
        return location

    async def shopper(self, action: Mapping[str, Any], do: str) -> str:
        """Have the shopper act at the wallet.

        Returns:
            The redirectResult of the shopper's return; empty if the shopper does not return.
        """
        done = await self.twin("POST", "/twin/wallet", {"url": action["url"], "do": do})
        return redirect_result(done["location"]) if done["location"] else ""

    async def details(self, result: str) -> Reply:
        """Finish a payment, as the shop does when the shopper has returned."""
        body = {"details": {"redirectResult": result}}
        return await self.call("POST", "/v72/payments/details", body)

    async def faults(self, *planned: Mapping[str, Any]) -> None:
        """Replace the twin's planned faults by these."""
        await self.twin("PUT", "/twin/faults", planned)

    async def knobs(self, **changed: Any) -> None:
        """Set these knobs of the twin; reset all others to those of a journey."""
        await self.twin("DELETE", "/twin/knobs")
        await self.twin("PUT", "/twin/knobs", _LEAST_INFORMATION | changed)

    async def foreign(self, order: str, **more: Any) -> str:
        """Have another system on the account pay under our reference; return its pspReference."""
        body = {"reference": order, "amount": {"currency": "IDR", "value": 25_000}} | more
        psp: str = (await self.twin("POST", "/twin/foreign", body))["pspReference"]
        return psp

    async def notice(self, psp: str, states: Sequence[str]) -> dict[str, Any]:
        """Wait until the notice with a pspReference has one of these states; return the notice."""

        async def read() -> dict[str, Any]:
            rows = (await self.call("GET", "/api/notices?limit=100")).json["notices"]
            return next((row for row in rows if row.get("pspReference") == psp), {})

        return await until(read, lambda row: row.get("state") in states, f"a notice {states}")

    async def other_system(self) -> None:
        """Have another system use the newest reference; expect that our payments do not change.

        Raises:
            JourneyError: One of our payments changed.
        """
        if not self.orders:
            return
        order = self.orders[-1]
        self.orders.clear()
        before = await self._summaries(order)
        psp_references = [
            await self.foreign(order, event=event, success=success)
            for event, success in _OTHER_SYSTEM
        ]
        for psp_reference in psp_references:
            await self.notice(psp_reference, ["foreign"])
        expect(await self._summaries(order), before, "our payments, after another system's")

    async def _summaries(self, order: str) -> list[object]:
        reply = await self.call("GET", f"/api/payments?reference={order}")
        fields = ("id", "status", "captured", "refunded", "chargedBack", "pspReference")
        return [[payment.get(field) for field in fields] for payment in reply.json["payments"]]

    async def advance(self, seconds: float) -> None:
        """Advance the twin's clock, and wait until Kasir's clock has followed."""
        await self.twin("POST", "/twin/clock", {"advance_s": seconds})
        await asyncio.sleep(_FOLLOWED_S)

    async def events(self, reference: str) -> list[dict[str, Any]]:
        """All events of a reference, in order."""
        events = await self.every_event()
        return [event for event in events if event["data"].get("reference") == reference]

    async def every_event(self) -> list[dict[str, Any]]:
        """All events, in order."""
        events: list[dict[str, Any]] = []
        after = ""
        while True:
            page = (await self.call("GET", f"/api/events?after={after}")).json
            if not page["events"]:
                return events
            events += page["events"]
            after = page["next"]

    async def newest(self, reference: str) -> dict[str, Any]:
        """The newest payment of a reference; empty if there is none."""
        reply = await self.call("GET", f"/api/payments?reference={reference}")
        payment: dict[str, Any] = next(iter(reply.json["payments"]), {})
        return payment

    async def status(self, reference: str, wanted: str) -> dict[str, Any]:
        """Wait until the newest payment of a reference has this status; return the payment."""
        self.orders.append(reference)
        return await until(
            lambda: self.newest(reference),
            lambda payment: payment.get("status") == wanted,
            f"status {wanted}",
        )

    async def wait_for_sum(self, order: str, name: str, value: int) -> None:
        """Wait until a sum of the newest payment of a reference has this value."""
        await until(
            lambda: self.newest(order),
            lambda payment: bool(payment.get(name, 0) == value),
            f"{name} {value}",
        )


def redirect_result(location: str) -> str:
    """The redirectResult in the URL to which the shopper returns, decoded once."""
    from urllib.parse import parse_qs, urlsplit

    return parse_qs(urlsplit(location).query)["redirectResult"][0]


def reference(name: str) -> str:
    """A new reference for a journey."""
    return f"{name}-{secrets.token_hex(4)}"


def expect(actual: object, expected: object, what: str) -> None:
    """Compare the actual value with the expected one.

    Raises:
        JourneyError: They differ.
    """
    if actual != expected:
        raise JourneyError(f"{what}: expected {expected!r}, got {actual!r}")


async def until(read: Callable[[], Awaitable[T]], is_good: Callable[[T], bool], what: str) -> T:
    """Read a value until it is good, for 20 seconds at most, and return it.

    Raises:
        JourneyError: The value was not good in time.
    """
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        value = await read()
        if is_good(value):
            return value
        if time.monotonic() > deadline:
            raise JourneyError(f"timed out waiting for {what}; last value: {value!r}")
        await asyncio.sleep(_POLL_S)
