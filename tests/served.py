"""Kasir as a server in the test's own event loop, with limits that a test sets, and its clients."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import uvicorn

from adyen_twin.core.settings import Knobs
from adyen_twin.core.settings import Settings as TwinSettings
from adyen_twin.core.twin import Twin
from certificates import Files
from fakes import KEY
from kasir.cli.connections import BoundedHttp
from kasir.cli.serve import THIS_MACHINE
from kasir.config import settings_from
from kasir.limits import Limits
from kasir.web.app import create_app
from twin_fixtures import QuietServer, RunningTwin, payment_body, serving

_HOST: Final = "127.0.0.1"
#: The client address in tests of remote clients; the server trusts no proxy with this address.
OUTSIDE_ADDRESS: Final = "127.0.0.2"
_PATIENCE_S: Final = 150.0
_API_KEY: Final = "a-shop-of-the-test"


@dataclass(frozen=True, slots=True)
class Served:
    """A Kasir that serves requests and calls the twin."""

    port: int
    twin: RunningTwin
    http: aiohttp.ClientSession
    database: str
    server: uvicorn.Server

    @property
    def url(self) -> str:
        """Kasir's base URL."""
        return f"http://{_HOST}:{self.port}"

    async def post(self, path: str, body: object, key: str | None = None) -> Any:
        """Call Kasir as a shop does; returns the answer's JSON."""
        headers = {"X-API-Key": _API_KEY} | ({"Idempotency-Key": key} if key else {})
        async with self.http.post(self.url + path, json=body, headers=headers) as response:
            return await response.json()

    async def other_shopper_pays(self, reference: str) -> str:
        """Start a payment of another shopper; returns the result code."""
        body = payment_body(reference=reference, returnUrl="https://shop.example/")
        async with asyncio.timeout(_PATIENCE_S):
            answer = await self.post("/v72/payments", body, reference)
        return str(answer.get("resultCode", answer))

    async def link(self, **changes: Any) -> dict[str, Any]:
        """Make a payment link."""
        body = {
            "reference": "A-LINK",
            "amount": {"currency": "IDR", "value": 25000},
            "returnUrl": "https://shop.example/",
        } | changes
        link: dict[str, Any] = await self.post("/v72/paymentLinks", body)
        # The URL in Kasir's answer has another port, because Kasir's settings do not have ours.
        return link | {"url": f"{self.url}/pay/{link['id']}"}

    async def payments(self, reference: str = "A-LINK") -> list[dict[str, Any]]:
        """The payments of a reference, newest first."""
        url = f"{self.url}/api/payments?reference={reference}"
        async with self.http.get(url, headers={"X-API-Key": _API_KEY}) as response:
            payments: list[dict[str, Any]] = (await response.json())["payments"]
            return payments

    async def visit(
        self,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str, str]:
        """Request a page, or post a form; returns its status, its text and its redirect URL."""
        method = "GET" if form is None else "POST"
        async with self.http.request(
            method, url, data=form, headers=headers, allow_redirects=False
        ) as response:
            return response.status, await response.text(), response.headers.get("Location", "")

    async def start(self, link: dict[str, Any]) -> str:
        """Start a payment at a link, without scripts; returns the wallet's URL."""
        _, page, _ = await self.visit(link["url"])
        field = re.search(r'name="attempt" value="([^"]+)"', page)
        assert field, page
        status, text, wallet_url = await self.visit(link["url"], {"attempt": field[1]})
        assert status == 303, text
        return wallet_url

    async def fetch_value(self, query: str, *values: object) -> Any:
        """Run a query on the database; returns the first column of the first row."""
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    def on_this_server(self, location: str) -> str:
        """The URL `location` from an answer of Kasir, with its base URL replaced by `url`."""
        return self.url + urlsplit(location)._replace(scheme="", netloc="").geturl()

    @property
    def outside_connections(self) -> int:
        """The number of the server's open connections from `OUTSIDE_ADDRESS`."""
        connections = self.server.server_state.connections
        peers = [connection.transport.get_extra_info("peername") for connection in connections]
        return sum(peer is not None and peer[0] == OUTSIDE_ADDRESS for peer in peers)

    async def connect(self, address: str = OUTSIDE_ADDRESS) -> OutsideConnection:
        """Open a connection from this address, on which a test can send any bytes."""
        host = address if ":" in address else _HOST
        reader, writer = await asyncio.open_connection(host, self.port, local_addr=(address, 0))
        return OutsideConnection(reader, writer)


@dataclass(frozen=True, slots=True)
class OutsideConnection:
    """A TCP connection on which a test can send any bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        """Send some bytes, if the connection is still open."""
        if not self.writer.is_closing():
            self.writer.write(data)

    async def receive_all(self) -> bytes:
        """Receive until the server ends the connection; returns all bytes."""
        received = b""
        async with asyncio.timeout(_PATIENCE_S):
            try:
                while part := await self.reader.read(65536):
                    received += part
            except ConnectionError:
                pass  # The server reset the connection.
        await self.leave()
        return received

    async def leave(self) -> None:
        """Abort the connection."""
        self.writer.transport.abort()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def served(
    database: str,
    host: str = _HOST,
    environ: Mapping[str, str] = MappingProxyType({}),
    tls: Files | None = None,
    /,
    **limits: Any,
) -> AsyncIterator[Served]:
    """Serve Kasir on a database, as `kasir serve` does.

    `environ` is added to the settings; `limits` are fields of `Limits`.

    With the host `::` it listens as `kasir serve --host :: --workers 2` does. With a certificate it
    serves HTTPS, and the URLs of `Served` cannot be used.
    """
    test_limits = replace(Limits(), **limits)
    async with serving(Twin(TwinSettings(), Knobs())) as twin:
        settings = settings_from(
            {
                "ADYEN_ENVIRONMENT": "twin",
                "ADYEN_TWIN_URL": twin.url,
                "ADYEN_HMAC_KEY": KEY,
                "KASIR_DATABASE_URL": database,
                "KASIR_API_KEY": _API_KEY,
                **environ,
            }
        )
        app = create_app(replace(settings, limits=test_limits))
        http = type("Bounded", (BoundedHttp,), {"limits": test_limits})
        config = uvicorn.Config(
            app,
            log_config=None,
            lifespan="on",
            ws="none",
            http=http,
            timeout_keep_alive=75,
            forwarded_allow_ips=THIS_MACHINE,
            ssl_certfile=tls.chain if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Without an explicit protocol asyncio leaves Nagle's algorithm on, which delays answers.
        listener = socket.socket(family, proto=socket.IPPROTO_TCP)
        if family == socket.AF_INET6:  # Accept IPv4 connections too.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, 0))
        server = QuietServer(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            assert not task.done(), "Kasir did not start"
            await asyncio.sleep(0)
        async with aiohttp.ClientSession() as client:
            yield Served(listener.getsockname()[1], twin, client, database, server)
        # The open requests must end before the database is dropped.
        if open_requests := server.server_state.tasks:
            await asyncio.wait(open_requests, timeout=_PATIENCE_S)
        server.stopping.set()
        await task
