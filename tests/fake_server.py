"""A real HTTP server in place of Adyen; the test's handler gives its answers, including faults."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeServer:
    """A server in place of Adyen, with answers from the test's handler."""

    url: str = ""
    handler: Handler | None = None
    #: Every request as (method and path, headers, body).
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    #: The client address (host and port) of each connection that sent a request.
    peers: set[object] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Record the request, and answer it with the test's handler."""
        body = await request.read()
        headers = {name.lower(): text for name, text in request.headers.items()}
        self.asked.append((f"{request.method} {request.path_qs}", headers, body))
        if request.transport is not None:
            self.peers.add(request.transport.get_extra_info("peername"))
        assert self.handler is not None
        return await self.handler(request)


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeServer]:
    """Run a server that answers with its `handler` while the context lasts."""
    fake_server = FakeServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake_server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    fake_server.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake_server
    finally:
        await runner.cleanup()


def plain(status: int, body: bytes, **headers: str) -> Handler:
    """Give every request this answer; `_` in the name of a header becomes `-`."""

    async def answer(_: web.Request) -> web.StreamResponse:
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        return web.Response(status=status, body=body, headers=sent)

    return answer
