"""Who may call: every route of a shop wants a key in `X-API-Key`."""

from __future__ import annotations

from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers.base import BaseRouteHandler

from kasir.wiring import Kasir

#: How the OpenAPI document says so.
KEYED: Final = [{"apiKey": list[str]()}]


async def needs_key(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let only callers with a key of ours pass.

    Raises:
        NotAuthorizedException: The key is missing or unknown; the words are Adyen's.
    """
    kasir: Kasir = connection.app.state.kasir
    if not await kasir.api_keys.admits(connection.headers.get("x-api-key", "")):
        raise NotAuthorizedException("HTTP Status Response - Unauthorized")
