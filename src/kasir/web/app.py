"""The ASGI app, to be served alone or mounted in another app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Response
from litestar.datastructures import State
from litestar.di import Provide

from kasir.account_parts import open_accounts
from kasir.accounts import Accounts
from kasir.config import Settings
from kasir.desk.error_pages import error_page as desk_error_page
from kasir.desk.error_pages import is_desk_path
from kasir.desk.routes import ROUTERS as DESK_ROUTERS
from kasir.http_types import AnyRequest, chosen_parts, parts_of_link
from kasir.jobs.account_worker import work_for_all
from kasir.limits import Limits
from kasir.payment_form.error_pages import error_page, is_form_path
from kasir.payment_form.form_requests import FORM_PATH
from kasir.payment_form.live_updates import ChangePollers
from kasir.payment_form.rate_limits import VisitorLimits
from kasir.payment_form.routes import ROUTES as FORM_ROUTES
from kasir.python_api.client import kasir_of
from kasir.shutdown import Shutdown, track_requests
from kasir.web import (
    checkout_api,
    deliveries_api,
    disputes_api,
    doctor_api,
    events_api,
    health,
    links_api,
    notices_api,
    openapi,
    payments_api,
    reconciliation_api,
    recurring_api,
    subscriptions_api,
    today_api,
    tokens_api,
    webhooks,
)
from kasir.web.account_figures import AccountFigures
from kasir.web.observing import observing
from kasir.web.problems import error_response
from kasir.web.request_bodies import draining
from kasir.wiring import Parts, open_parts

if TYPE_CHECKING:
    from litestar.types import Scope


async def parts_of(scope: Scope) -> Parts:
    """Return the parts of the account that a request is for.

    A route that requires a key has chosen them before (`web.keys`).

    Raises:
        AccountUnavailable: The account's settings or tables cannot be used.
    """
    link_id = scope["path_params"].get("link_id")
    if link_id and scope["path_template"].startswith(FORM_PATH):
        return await parts_of_link(scope, link_id)
    return chosen_parts(scope)


def respond_to_error(request: AnyRequest, error: Exception) -> Response[Any]:
    """Answer an error with a page on paths of the form and the desk, and with JSON on others."""
    response = error_response(request, error)
    if is_desk_path(request):
        return desk_error_page(request, error, response)
    return error_page(request, response) if is_form_path(request) else response


def create_app(settings: Settings | None = None, *, with_worker: bool = False) -> Litestar:
    """Build Kasir as an ASGI app; the app's lifespan opens and closes its Kasir.

    Args:
        settings: The settings; None reads them from the environment when the lifespan begins.
        with_worker: Whether the app runs a worker too, for as long as its lifespan.
    """

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_parts(settings) as parts, open_accounts(parts) as accounts:
            app.state.parts, app.state.kasir = parts, kasir_of(parts)
            app.state.accounts = accounts
            try:
                async with _working(parts, accounts) if with_worker else nullcontext():
                    yield
            finally:
                app.state.kasir = None

    limits = settings.limits if settings else Limits()
    app = Litestar(
        route_handlers=[
            checkout_api.ROUTES,
            payments_api.ROUTES,
            events_api.ROUTES,
            notices_api.ROUTES,
            deliveries_api.ROUTES,
            disputes_api.ROUTES,
            doctor_api.ROUTES,
            links_api.ROUTES,
            tokens_api.ROUTES,
            recurring_api.ROUTES,
            reconciliation_api.ROUTES,
            subscriptions_api.ROUTES,
            today_api.ROUTES,
            health.live,
            health.ready,
            health.metrics,
            webhooks.standard,
            webhooks.tokens,
            *FORM_ROUTES,
            *DESK_ROUTERS,
        ],
        dependencies={"parts": Provide(parts_of)},
        exception_handlers={Exception: respond_to_error},
        lifespan=[lifespan],
        state=State(
            {
                "shutdown": Shutdown(),
                "visitor_limits": VisitorLimits.of(limits),
                "changes": ChangePollers(limits.follow_poll_s),
                "account_figures": AccountFigures(limits),
            }
        ),
        openapi_config=openapi.CONFIG,
        request_max_body_size=limits.request_bytes_max,
        logging_config=None,
        middleware=[track_requests],
    )
    # No middlewares, because Litestar answers unknown paths before it runs middleware.
    drained = draining(app.asgi_handler, limits.drained_bytes_max, limits.drained_s)
    app.asgi_handler = observing(drained)
    return app


@asynccontextmanager
async def _working(parts: Parts, accounts: Accounts[Parts]) -> AsyncIterator[None]:
    """Run a worker for as long as the context lasts; its end waits `stop_s` seconds for jobs."""
    stop, cut = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work_for_all(parts, accounts, stop, cut))
        try:
            yield
        finally:
            stop.set()
            asyncio.get_running_loop().call_later(parts.settings.limits.stop_s, cut.set)
