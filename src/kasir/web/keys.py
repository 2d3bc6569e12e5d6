"""API keys: every route that a shop calls requires one in the `X-API-Key` header."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from litestar import Router
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import HTTPRouteHandler

from kasir.http_types import AnyRequest, parts_of_key

#: Optional whitespace around a header's value; it does not belong to the value (RFC 9110, 5.5).
WHITESPACE: Final = " \t"
#: Adyen's own message. Its client libraries read only the HTTP status, so more text may follow.
_UNAUTHORIZED: Final = "HTTP Status Response - Unauthorized"
_MISSING: Final = "give a key of this Kasir in the header X-API-Key"
_UNKNOWN: Final = "the key in X-API-Key is not a key of this Kasir; keys of Adyen are not accepted"

#: The security requirement of these routes in the OpenAPI document.
_SECURITY: Final = [{"apiKey": list[str]()}]

#: Runs before each request of a route, and raises an error to refuse it.
Check = Callable[[AnyRequest], Awaitable[None]]


async def require_api_key(request: AnyRequest) -> None:
    """Refuse a request without a valid API key, and choose the account whose key it is.

    This is a `before_request` hook and not a Litestar guard, because Litestar copies the route's
    handler for each guarded request.

    Raises:
        NotAuthorizedException: The key is missing or unknown; the message begins as Adyen's does.
        AccountUnavailable: The settings or the tables of the key's account cannot be used.
    """
    key = request.headers.get("x-api-key", "").strip(WHITESPACE)
    if await parts_of_key(request.scope, key) is None:
        raise NotAuthorizedException(f"{_UNAUTHORIZED}: {_UNKNOWN if key else _MISSING}.")


def idempotency_key(request: AnyRequest) -> str | None:
    """Return the shop's idempotency key without surrounding whitespace; None if there is none."""
    key = request.headers.get("idempotency-key")
    return None if key is None else key.strip(WHITESPACE)


def keyed_router(
    tag: str, routes: list[HTTPRouteHandler], check: Check = require_api_key
) -> Router:
    """Group routes that require an API key.

    Args:
        tag: The heading of the routes in the OpenAPI document.
        routes: The routes.
        check: Called before each request; it must call `require_api_key`.
    """
    return Router(
        path="/", before_request=check, security=_SECURITY, tags=[tag], route_handlers=routes
    )
