"""A twin and a shop's webhook endpoint, running in the test's own event loop on free ports.

Import the fixtures by name into a test file: `from twin_fixtures import shop, twin`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import uvicorn
from aiohttp import web
from litestar import Litestar

from adyen_twin.app import build
from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin

#: HMAC keys as hexadecimal text: of the standard webhooks, and of the token webhooks.
KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
OTHER_KEY = "74F490DD33F7327BAECC88B2947C011FC02D014A473AAA33A8EC93E4DC069174"

BROWSER = {
    "userAgent": "Mozilla/5.0",
    "acceptHeader": "*/*",
    "language": "id-ID",
    "colorDepth": 24,
    "screenHeight": 723,
    "screenWidth": 1536,
    "timeZoneOffset": -420,
    "javaEnabled": False,
}


def payment_body(**changes: Any) -> dict[str, Any]:
    """Return a complete request for a one-off GoPay payment; a field that is None is left out."""
    body = {
        "merchantAccount": "TwinMerchant",
        "reference": "ORDER-1001",
        "amount": {"currency": "IDR", "value": 25000},
        "paymentMethod": {"type": "gopay_wallet"},
        "channel": "Web",
        "countryCode": "ID",
        "browserInfo": BROWSER,
        "returnUrl": "https://shop.example/return?order=1001",
    } | changes
    return {name: value for name, value in body.items() if value is not None}


@dataclass
class Answer:
    """An answer of the twin."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        """Return the answer's JSON."""
        return json.loads(self.text)


class RunningTwin:
    """A running twin, and the calls that a test makes to it."""

    def __init__(self, twin: Twin, url: str, session: aiohttp.ClientSession) -> None:
        self.twin = twin
        self.url = url
        self._session = session

    def world(self, name: str) -> RunningTwin:
        """Return another world of the same process, by its path."""
        return RunningTwin(self.twin, f"{self.url}/worlds/{name}", self._session)

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Call the twin. Bytes are sent unchanged, any other body as JSON.

        The header `Content-Type` is always that of JSON, unless `headers` has another one.
        """
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        data = None if raw is None else io.BytesIO(raw)
        url = path if path.startswith("http") else self.url + path
        async with self._session.request(
            method,
            url,
            data=data,
            headers={"Content-Type": "application/json"} | dict(headers or {}),
            allow_redirects=False,
        ) as response:
            return Answer(response.status, response.headers, await response.text())

    async def api(
        self, path: str, body: Any, *, key: str | None = None, method: str = "POST"
    ) -> Answer:
        """Call an Adyen API of the twin with its API key, and an idempotency key if given."""
        headers = {"X-API-Key": "twin-api-key"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self.call(method, path, body, headers)

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """Make a control call that must succeed; return its answer."""
        answer = await self.call(method, f"/twin/{path}", body)
        assert answer.status == 200, answer.text
        return answer.body

    async def pay(self, *, key: str | None = None, **changes: Any) -> str:
        """Start a payment; return the URL of its action."""
        answer = await self.api("/v72/payments", payment_body(**changes), key=key)
        assert answer.status == 200, answer.text
        url: str = answer.body["action"]["url"]
        return url

    async def shopper(self, url: str, do: str = "approve", **more: Any) -> Any:
        """Do a shopper's action (`do`) at the wallet; `url` is the URL of the payment's action."""
        return await self.control("POST", "wallet", {"url": url, "do": do, **more})

    async def paid(self, **changes: Any) -> str:
        """Make a payment that is approved; return its pspReference."""
        reply = await self.shopper(await self.pay(**changes))
        psp_reference: str = reply["pspReference"]
        return psp_reference

    async def saved(self, model: str = "Subscription", **changes: Any) -> str:
        """Make a payment that saves a token with this recurring processing model; return its id."""
        request: dict[str, Any] = {
            "storePaymentMethod": True,
            "shopperReference": "shopper-1",
            "recurringProcessingModel": model,
        }
        psp_reference = await self.paid(**request | changes)
        reply = await self.control("GET", f"payments/{psp_reference}")
        token: str = reply["storedPaymentMethodId"]
        return token

    async def details(self, location: str, *, key: str | None = None) -> Answer:
        """Get the result of a payment, as the shop does when the shopper returns."""
        body = {"details": {"redirectResult": result_of(location)}}
        return await self.api("/v72/payments/details", body, key=key)

    async def settle(self, seconds: float = 0) -> None:
        """Advance the clock; everything that becomes due is done when this returns."""
        await self.control("POST", "clock", {"advance_s": seconds})


def charge_body(token: str, model: str = "Subscription", **changes: Any) -> dict[str, Any]:
    """Return a request for a payment with a token, with only the fields on Adyen's GoPay page."""
    charge_fields = {
        "reference": "SUB-7",
        "paymentMethod": {"storedPaymentMethodId": token},
        "shopperReference": "shopper-1",
        "shopperInteraction": "ContAuth",
        "recurringProcessingModel": model,
        "browserInfo": None,
        "channel": None,
    }
    return payment_body(**charge_fields | changes)


def result_of(location: str) -> str:
    """Return the redirectResult of a return URL, decoded once."""
    return parse_qs(urlsplit(location).query)["redirectResult"][0]


@dataclass
class Received:
    """One webhook, as the shop's endpoint received it."""

    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """Return the webhook's JSON."""
        return json.loads(self.raw)

    @property
    def item(self) -> Any:
        """Return the only item of a standard notification."""
        (wrapper,) = self.body["notificationItems"]
        return wrapper["NotificationRequestItem"]


@dataclass
class Shop:
    """A shop's webhook endpoint: it stores what it receives, and answers as the test sets."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    #: The statuses of the next answers, in order. When the list is empty, the status is 202.
    answers: list[int] = field(default_factory=list)
    answer_body: str = "[accepted]"
    #: While this event is not set, the endpoint does not answer.
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def receive(self, request: web.Request) -> web.Response:
        """Store a webhook and answer it."""
        self.received.append(Received(request.headers, await request.read()))
        await self.may_answer.wait()
        status = self.answers.pop(0) if self.answers else 202
        return web.Response(status=status, text=self.answer_body)

    @property
    def events(self) -> list[tuple[str, str]]:
        """Return (eventCode, success) of every standard notification, in order of arrival."""
        items = [webhook.item for webhook in self.received]
        return [(item["eventCode"], item["success"]) for item in items]


class QuietServer(uvicorn.Server):
    """A server that does not handle the test run's signals, and stops at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        """Serve until the test stops it."""
        await self.on_tick(0)  # Sets the default headers of answers.
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop at once."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the test run."""
        yield


@functools.cache
def _application() -> Litestar:
    # Building the app takes longer than most tests, so it is built once; `serving` sets the twin.
    return build(Twin())


@contextlib.asynccontextmanager
async def serving(twin: Twin) -> AsyncIterator[RunningTwin]:
    """Serve a twin on a free port."""
    app = _application()
    app.state.twin = twin
    config = uvicorn.Config(
        app, log_config=None, lifespan="on", ws="none", timeout_graceful_shutdown=1
    )
    # Without an explicit protocol asyncio leaves Nagle's algorithm on: 40 ms more per answer.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = QuietServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not task.done(), "the twin did not start"
        await asyncio.sleep(0)
    try:
        async with aiohttp.ClientSession() as session:
            yield RunningTwin(twin, f"http://127.0.0.1:{listener.getsockname()[1]}", session)
    finally:
        server.stopping.set()
        await task


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Shop]:
    """Run a shop's webhook endpoint on a free port."""
    shop = Shop()
    app = web.Application()
    app.router.add_post("/{path:.*}", shop.receive)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    shop.url = f"http://127.0.0.1:{port}/webhooks"
    yield shop
    await runner.cleanup()


@pytest.fixture
async def twin() -> AsyncIterator[RunningTwin]:
    """A new twin with its default settings, which sends no webhooks."""
    async with serving(Twin(Settings(), Knobs())) as running_twin:
        yield running_twin


@pytest.fixture
async def token_shop(twin: RunningTwin) -> AsyncIterator[Shop]:
    """A shop that receives the twin's token webhooks, which are signed with a separate key."""
    async with listening() as endpoint:
        await twin.control("PUT", "webhooks/tokens", {"url": endpoint.url, "hmacKey": OTHER_KEY})
        yield endpoint


@pytest.fixture
async def shop(twin: RunningTwin) -> AsyncIterator[Shop]:
    """A shop that receives the twin's standard webhooks."""
    async with listening() as endpoint:
        await twin.control("PUT", "webhooks/standard", {"url": endpoint.url, "hmacKey": KEY})
        yield endpoint
