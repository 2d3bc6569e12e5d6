"""The ASGI app: to serve, or to mount in an app of your own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from kasir.config import Settings
from kasir.limits import Limits
from kasir.payment_form import form, pages, returns, saved
from kasir.payment_form.following import Following
from kasir.payment_form.visitors import Visitors
from kasir.stopping import Stopping, in_hand
from kasir.store.links import marks
from kasir.web import (
    checkout_api,
    events_api,
    health,
    notices_api,
    payments_api,
    recurring_api,
    subscriptions_api,
    webhooks,
)
from kasir.web.problems import HANDLERS
from kasir.web.whole_requests import heard
from kasir.wiring import Kasir

_DOCUMENT: Final = OpenAPIConfig(
    title="Kasir",
    version="0.1.0",
    # Litestar answers whatever else lies below this path with a page of its own.
    path="/api/openapi.json",
    render_plugins=[JsonRenderPlugin(path="/")],
    components=Components(
        security_schemes={
            "apiKey": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header")
        }
    ),
)


def kasir_of(state: State) -> Kasir:
    """The open Kasir of this app."""
    found: Kasir = state.kasir
    return found


def create_app(settings: Settings | None = None) -> Litestar:
    """Kasir as an ASGI app; its Kasir is opened and closed with the app's lifespan."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with Kasir.open(settings) as kasir:
            app.state.kasir = kasir
            app.state.following = Following(partial(marks, kasir.pool), limits.follow_look_s)
            yield

    limits = settings.limits if settings else Limits()
    app = Litestar(
        route_handlers=[
            checkout_api.ROUTES,
            payments_api.ROUTES,
            events_api.ROUTES,
            notices_api.ROUTES,
            recurring_api.ROUTES,
            subscriptions_api.ROUTES,
            health.live,
            health.ready,
            health.metrics,
            webhooks.standard,
            webhooks.tokens,
            form.get_form,
            form.post_form,
            form.post_payment,
            returns.come_back,
            returns.get_payment,
            returns.get_events,
            saved.get_saved,
            saved.post_saved,
            pages.static,
        ],
        dependencies={"kasir": Provide(kasir_of, sync_to_thread=False)},
        exception_handlers=pages.handlers(HANDLERS),
        lifespan=[lifespan],
        state=State({"stopping": Stopping(), "visitors": Visitors.within(limits)}),
        openapi_config=_DOCUMENT,
        request_max_body_size=limits.request_bytes_max,
        logging_config=None,
        middleware=[in_hand],
    )
    # Around all of it, for Litestar answers a wrong address before any middleware of its own.
    app.asgi_handler = heard(app.asgi_handler, limits.drained_bytes_max, limits.drained_s)
    return app
