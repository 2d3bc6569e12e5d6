"""The twin as an ASGI application: puts the parts together, decides nothing."""

import contextlib
import logging
from collections.abc import AsyncIterator

import aiohttp
from litestar import Litestar, Response
from litestar.di import Provide
from litestar.enums import MediaType
from litestar.exceptions import HTTPException

from adyen_twin import checkout, controls, errors, gopay, storage
from adyen_twin.controls import ControlError, answer
from adyen_twin.engine import Engine
from adyen_twin.exchange import HttpRequest, HttpResponse
from adyen_twin.twin import Twin

BODY_BYTES_MAX = 1024 * 1024

log = logging.getLogger(__name__)


def build(twin: Twin) -> Litestar:
    """Return the application around a twin."""

    @contextlib.asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(headers={"User-Agent": "adyen-twin"}) as session:
            engine = Engine(twin, session)
            app.state.engine = engine
            async with engine.running(), storage.saving(twin):
                yield

    async def provide_twin() -> Twin:
        return twin

    async def provide_engine(request: HttpRequest) -> Engine:
        engine: Engine = request.app.state.engine
        return engine

    return Litestar(
        route_handlers=[
            *checkout.routers(),
            controls.router(),
            gopay.get_redirect,
            gopay.post_redirect,
            gopay.get_page,
            gopay.get_phone,
            gopay.get_status,
            gopay.post_deed,
            gopay.get_static,
            gopay.get_sized_logo,
        ],
        dependencies={"twin": Provide(provide_twin), "engine": Provide(provide_engine)},
        lifespan=[running],
        exception_handlers={
            ControlError: _control_error,
            HTTPException: _http_error,
            Exception: _broken,
        },
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
    )


def _control_error(_: HttpRequest, error: ControlError) -> HttpResponse:
    return answer(error.body, error.status)


def _http_error(request: HttpRequest, error: HTTPException) -> HttpResponse:
    """Answer what no handler took, in the shape of whoever was asked."""
    if request.url.path.startswith("/twin/"):
        return answer({"error": error.detail}, error.status_code)
    if error.status_code == errors.not_found().status:
        return answer(errors.not_found().body(), error.status_code)
    said = errors.AdyenError(error.status_code, "000", error.detail)
    return answer(said.body(), error.status_code)


def _broken(request: HttpRequest, error: Exception) -> Response[bytes]:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    body = errors.broken().body()
    return Response(answer(body).content, status_code=500, media_type=MediaType.JSON)
