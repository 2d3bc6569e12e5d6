"""API keys: every route that a shop calls requires one.

The key is in the header `X-API-Key`, or it is the password of HTTP Basic with any user name. Adyen
accepts both, too, so a shop that calls Adyen with HTTP Basic need not change its calls.
"""

from __future__ import annotations

import base64
import hmac
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
_MISSING: Final = (
    "give a key of this Kasir in the header X-API-Key, or as the password of HTTP Basic"
)
_UNKNOWN: Final = "the key in {header} is not a key of this Kasir; keys of Adyen are not accepted"
_X_API_KEY: Final = "X-API-Key"
_BASIC: Final = "Authorization: Basic"

#: The security requirement of these routes in the OpenAPI document: either of the two.
_SECURITY: Final = [{"apiKey": list[str]()}, {"basic": list[str]()}]

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
    key, header = request.headers.get("x-api-key", "").strip(WHITESPACE), _X_API_KEY
    if not key:
        key, header = _basic_password(request.headers.get("authorization", "")), _BASIC
    if await parts_of_key(request.scope, key) is None:
        why = _UNKNOWN.format(header=header) if key else _MISSING
        raise NotAuthorizedException(f"{_UNAUTHORIZED}: {why}.")


def _basic_password(authorization: str) -> str:
    """Return the password of HTTP Basic credentials; empty if there are none (RFC 7617)."""
    scheme, _, credentials = authorization.strip(WHITESPACE).partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        text = base64.b64decode(credentials.strip(WHITESPACE), validate=True).decode()
    except ValueError:  # Also of binascii and of the decoding.
        return ""
    return text.partition(":")[2]


def require_metrics_key(authorization: str, key: str | None) -> None:
    """Refuse a request for metrics that does not have their key, if they have one.

    Args:
        authorization: The request's header `Authorization`.
        key: The key of `KASIR_METRICS_KEY`; None if metrics have none.

    Raises:
        NotAuthorizedException: The key is missing or wrong.
    """
    if key is None:
        return
    scheme, _, given = authorization.strip(WHITESPACE).partition(" ")
    is_same = hmac.compare_digest(given.strip(WHITESPACE).encode(), key.encode())
    if scheme.lower() != "bearer" or not is_same:
        raise NotAuthorizedException(
            "Give the key of KASIR_METRICS_KEY: `Authorization: Bearer KEY`.",
            headers={"WWW-Authenticate": 'Bearer realm="kasir"'},
        )


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
