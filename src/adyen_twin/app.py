"""The twin as an ASGI application: routes, error handlers and background work."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Final, cast

import aiohttp
from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import Receive, Scope, Send
from litestar.types.asgi_types import LifeSpanReceive, LifeSpanScope, LifeSpanSend

from adyen_twin.api import checkout, management, recurring, report_files
from adyen_twin.api.management_calls import ManagementError
from adyen_twin.controls import routes
from adyen_twin.controls.requests import ControlError
from adyen_twin.core import storage
from adyen_twin.core.twin import Twin
from adyen_twin.gopay import pages
from adyen_twin.http_types import CONTROLS, IN_PATH, HttpRequest, HttpResponse, as_json
from adyen_twin.protocol import errors
from adyen_twin.simulation.worlds import PATH, NoWorldError, Worlds

BODY_BYTES_MAX: Final = 1024 * 1024

#: The type of request that litestar passes to exception handlers.
AnyRequest = Request[Any, Any, Any]

log = logging.getLogger(__name__)


class TwinApplication(Litestar):
    """The application, which takes the name of a world from the path before it routes."""

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        """Handle a request, or the start and the end of the server."""
        if scope["type"] == ScopeType.HTTP:
            scope = _without_world(cast("Scope", scope))
        await super().__call__(scope, receive, send)


def _without_world(scope: Scope) -> Scope:
    """Return the scope of `/worlds/NAME/…` as that of `/…`, with the name in it."""
    name, _, rest = scope["path"].removeprefix(PATH).partition("/")
    if not scope["path"].startswith(PATH) or not name:
        return scope
    raw_rest = scope["raw_path"].removeprefix(PATH.encode()).partition(b"/")[2]
    inner = {**scope, "path": f"/{rest}", "raw_path": b"/" + raw_rest, IN_PATH: name}
    return cast("Scope", inner)


def build(twin: Twin) -> Litestar:
    """Return the application for a first world; it makes the other worlds itself."""
    return TwinApplication(
        route_handlers=[
            *checkout.routers(),
            recurring.classic_router(),
            management.router(),
            report_files.get_report,
            routes.router(),
            *pages.HANDLERS,
        ],
        request_class=HttpRequest,
        lifespan=[_running],
        state=State({"twin": twin}),
        exception_handlers={
            ControlError: _error_with_body,
            ManagementError: _error_with_body,
            NoWorldError: _no_world,
            HTTPException: _http_error,
            Exception: _internal_error,
        },
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
    )


@contextlib.asynccontextmanager
async def _running(app: Litestar) -> AsyncIterator[None]:
    """Run tasks, deliver webhooks and save the state for as long as the application serves."""
    twin: Twin = app.state.twin
    async with aiohttp.ClientSession() as session:
        worlds = app.state.worlds = Worlds(twin, session)
        async with worlds.running(), storage.saving(twin):
            yield


def _error_with_body(_: AnyRequest, error: ControlError | ManagementError) -> HttpResponse:
    return as_json(error.body, error.status)


def _no_world(_: AnyRequest, error: NoWorldError) -> HttpResponse:
    return as_json({"error": str(error)}, 404)


def _http_error(request: AnyRequest, error: HTTPException) -> HttpResponse:
    """Answer an error of litestar in the format of the API that was called."""
    if request.url.path.startswith(CONTROLS):
        message = f"{request.method} {request.url.path}: {error.detail}"
        return as_json({"error": f"{message}; docs/twin.md lists the controls"}, error.status_code)
    if error.status_code == errors.not_found().status:
        return as_json(errors.not_found().body(), error.status_code)
    adyen_error = errors.AdyenError(error.status_code, "000", error.detail)
    return as_json(adyen_error.body(), error.status_code)


def _internal_error(request: AnyRequest, error: Exception) -> HttpResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return as_json(errors.internal_error().body(), 500)
