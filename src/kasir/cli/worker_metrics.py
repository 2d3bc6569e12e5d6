"""Serves the metrics of a worker, which has no other HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from litestar.exceptions import NotAuthorizedException
from prometheus_client import CONTENT_TYPE_LATEST

from kasir.accounts import Accounts
from kasir.errors import SettingError
from kasir.telemetry import metrics
from kasir.web.keys import require_metrics_key
from kasir.wiring import Parts


@asynccontextmanager
async def serving_metrics(
    parts: Parts, accounts: Accounts[Parts], host: str, port: int | None
) -> AsyncIterator[None]:
    """Serve `/metrics` while the context lasts; without a port serve nothing.

    Raises:
        SettingError: The address cannot be listened on.
    """
    if port is None:
        yield
        return

    async def answer(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        try:
            require_metrics_key(given, parts.settings.metrics_key)
        except NotAuthorizedException as error:
            return web.Response(status=401, text=error.detail, headers=error.headers)
        several = bool(accounts.others)
        body = metrics.text(parts.settings.merchant_account, are_several=several)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            cure = f"cannot listen there ({error.strerror or error}); give another"
            raise SettingError(f"--metrics-host {host} --metrics-port {port}", cure) from error
        yield
    finally:
        await runner.cleanup()
