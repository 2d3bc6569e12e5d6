"""Receives Adyen's notifications.

The handlers are raw ASGI, without Litestar's overhead, because Adyen's queue waits for each answer.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from litestar import asgi
from litestar.response.base import ASGIResponse

from kasir.errors import DatabaseUnavailable, NotAuthentic, Unreadable
from kasir.webhooks import receiving

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

    from kasir.wiring import Parts

_log = structlog.get_logger("kasir.webhooks")

#: The body that Adyen's older pages require.
ACCEPTED: Final = b"[accepted]"
#: Headers that HTTP requires, by status.
_REQUIRED_HEADERS: Final[Mapping[int, dict[str, str]]] = {
    HTTPStatus.UNAUTHORIZED: {"www-authenticate": 'Basic realm="kasir"'},
    HTTPStatus.METHOD_NOT_ALLOWED: {"allow": "POST"},
}
_FORM: Final = b"application/x-www-form-urlencoded"

#: Verifies and stores a request's body.
Store = Callable[["Parts", "Scope", bytes], Awaitable[None]]


class TooLarge(Exception):
    """The body is longer than the limit; the rest of it was not read."""


@asgi("/webhooks/adyen", is_mount=False, copy_scope=False)
async def standard(scope: Scope, receive: Receive, send: Send) -> None:
    """Receive standard notifications; the response is 202 once they are committed, never before."""
    await _respond(scope, receive, send, _store_standard)


@asgi("/webhooks/adyen/tokens", is_mount=False, copy_scope=False)
async def tokens(scope: Scope, receive: Receive, send: Send) -> None:
    """Receive a token notification; the response is 202 once it is committed, never before."""
    await _respond(scope, receive, send, _store_token)


async def _store_standard(parts: Parts, scope: Scope, body: bytes) -> None:
    await receiving.receive(
        body,
        is_form=_header(scope, b"content-type").startswith(_FORM),
        # Where a password is set, `_receive` has checked it.
        is_admitted=parts.settings.webhook_password is not None,
        keys=parts.settings.hmac_keys,
        inbox=parts.inbox,
        received_at=parts.clock.now(),
    )


async def _store_token(parts: Parts, scope: Scope, body: bytes) -> None:
    await receiving.receive_token(
        body,
        signature=_header(scope, b"hmacsignature").decode("latin-1"),
        keys=parts.settings.token_hmac_keys,
        inbox=parts.inbox,
        received_at=parts.clock.now(),
    )


async def _respond(scope: Scope, receive: Receive, send: Send, store: Store) -> None:
    parts: Parts = scope["litestar_app"].state.parts
    status, body = await _receive(parts, scope, receive, store)
    headers = _REQUIRED_HEADERS.get(status, {})
    response = ASGIResponse(body=body, status_code=status, media_type="text/plain", headers=headers)
    await response(scope, receive, send)


async def _receive(parts: Parts, scope: Scope, receive: Receive, store: Store) -> tuple[int, bytes]:
    """Authenticate, verify and store a request; return the response's status and body."""
    settings = parts.settings
    if scope.get("method") != "POST":
        return 405, b"notifications are posted"
    if not _is_authenticated(scope, settings.webhook_user, settings.webhook_password):
        return 401, b"basic authentication failed"
    try:
        await store(parts, scope, await _body(receive, settings.limits.webhook_bytes_max))
    except TooLarge:
        return 413, f"at most {settings.limits.webhook_bytes_max} bytes".encode()
    except Unreadable as error:
        return 400, str(error).encode()
    except NotAuthentic as error:
        _log.warning("not authentic", error=str(error))
        return 401, b"no valid HMAC signature"
    except DatabaseUnavailable as error:
        _log.error("not kept", error=str(error))
        return 503, b"not kept; send again"
    return 202, ACCEPTED


def _is_authenticated(scope: Scope, user: str | None, password: str | None) -> bool:
    if user is None or password is None:
        return True
    expected = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
    return hmac.compare_digest(expected, _header(scope, b"authorization"))


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


async def _body(receive: Receive, bytes_max: int) -> bytes:
    """Read the request's body, and no more than the limit.

    Raises:
        TooLarge: The body is longer than `bytes_max`.
        Unreadable: The sender closed the connection before the end of the body.
    """
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Unreadable("the sender closed the connection")
        chunks.append(message["body"])
        size += len(message["body"])
        if size > bytes_max:
            raise TooLarge
        more = message["more_body"]
    return b"".join(chunks)
