"""The overview of a day: `/api/today`."""

from __future__ import annotations

from typing import Final

from litestar import get

from kasir.http_types import AnyRequest, OurParts
from kasir.operations.today import Today, today
from kasir.web.keys import keyed_router
from kasir.web.query_parameters import NO_PARAMETERS, check_parameters_and_no_body


@get("/api/today")
async def get_today(request: AnyRequest, parts: OurParts) -> Today:
    """Return what today brought, what waits, and what needs a person."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    return await today(parts.pool, parts.clock.now(), parts.settings.limits)


ROUTES: Final = keyed_router("Kasir", [get_today])
