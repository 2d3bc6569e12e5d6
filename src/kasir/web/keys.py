"""Who may call: every route of a shop wants a key in `X-API-Key`."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request
from litestar.exceptions import NotAuthorizedException

from kasir.wiring import Kasir

#: What HTTP lets stand around a header's value, and which is no part of it (RFC 9110, 5.5).
BLANKS: Final = " \t"
#: Adyen's words; its clients know the error by the status.
_UNAUTHORIZED: Final = "HTTP Status Response - Unauthorized"
_MISSING: Final = "give a key of this Kasir in the header X-API-Key"
_UNKNOWN: Final = "the key in X-API-Key is none of this Kasir's; Adyen's own are not taken"

#: How the OpenAPI document says so.
KEYED: Final = [{"apiKey": list[str]()}]


async def needs_key(request: Request[Any, Any, Any]) -> None:
    """Let only callers with a key of ours pass.

    A hook before the request and not one of Litestar's guards: for those it copies the route's
    whole handler, each time.

    Raises:
        NotAuthorizedException: The key is missing or unknown; the words begin as Adyen's.
    """
    kasir: Kasir = request.app.state.kasir
    key = request.headers.get("x-api-key", "").strip(BLANKS)
    if not await kasir.api_keys.admits(key):
        raise NotAuthorizedException(f"{_UNAUTHORIZED}: {_UNKNOWN if key else _MISSING}.")


def idempotency_key(request: Request[Any, Any, Any]) -> str | None:
    """The shop's own key, if it gave one: the same whatever blanks stand around it."""
    key = request.headers.get("idempotency-key")
    return None if key is None else key.strip(BLANKS)
