"""Where Adyen's notifications arrive: raw ASGI, because every shop's queue waits behind it."""

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

    from kasir.wiring import Kasir

_log = structlog.get_logger("kasir.webhooks")

ACCEPTED: Final = b"[accepted]"
#: Headers that a status is not sent without.
_MORE: Final[Mapping[int, dict[str, str]]] = {
    HTTPStatus.UNAUTHORIZED: {"www-authenticate": 'Basic realm="kasir"'},
    HTTPStatus.METHOD_NOT_ALLOWED: {"allow": "POST"},
}
_FORM: Final = b"application/x-www-form-urlencoded"


Keep = Callable[["Kasir", "Scope", bytes], Awaitable[None]]


class TooLarge(Exception):
    """The body is over the limit; the rest of it was not read."""


@asgi("/webhooks/adyen", is_mount=False, copy_scope=False)
async def standard(scope: Scope, receive: Receive, send: Send) -> None:
    """Take a standard notification in: 202 once it is committed, never before."""
    await _answer(scope, receive, send, _keep_standard)


@asgi("/webhooks/adyen/tokens", is_mount=False, copy_scope=False)
async def tokens(scope: Scope, receive: Receive, send: Send) -> None:
    """Take a token notification in: 202 once it is committed, never before."""
    await _answer(scope, receive, send, _keep_token)


async def _keep_standard(kasir: Kasir, scope: Scope, body: bytes) -> None:
    await receiving.receive(
        body,
        is_form=_header(scope, b"content-type").startswith(_FORM),
        # Whoever is here gave the password, if there is one: see `_taken`.
        is_admitted=kasir.settings.webhook_password is not None,
        keys=kasir.settings.hmac_keys,
        inbox=kasir.inbox,
        received_at=kasir.clock.now(),
    )


async def _keep_token(kasir: Kasir, scope: Scope, body: bytes) -> None:
    await receiving.receive_token(
        body,
        signature=_header(scope, b"hmacsignature").decode("latin-1"),
        keys=kasir.settings.token_hmac_keys,
        inbox=kasir.inbox,
        received_at=kasir.clock.now(),
    )


async def _answer(scope: Scope, receive: Receive, send: Send, keep: Keep) -> None:
    kasir: Kasir = scope["litestar_app"].state.kasir
    status, body = await _taken(kasir, scope, receive, keep)
    headers = _MORE.get(status, {})
    answer = ASGIResponse(body=body, status_code=status, media_type="text/plain", headers=headers)
    await answer(scope, receive, send)


async def _taken(kasir: Kasir, scope: Scope, receive: Receive, keep: Keep) -> tuple[int, bytes]:
    settings = kasir.settings
    if scope.get("method") != "POST":
        return 405, b"notifications are posted"
    if not _is_admitted(scope, settings.webhook_user, settings.webhook_password):
        return 401, b"basic authentication failed"
    try:
        await keep(kasir, scope, await _body(receive, settings.limits.webhook_bytes_max))
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


def _is_admitted(scope: Scope, user: str | None, password: str | None) -> bool:
    if user is None or password is None:
        return True
    wanted = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
    return hmac.compare_digest(wanted, _header(scope, b"authorization"))


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((text for name, text in scope["headers"] if name == wanted), b"")


async def _body(receive: Receive, most: int) -> bytes:
    """The request's body, read no further than the limit.

    Raises:
        TooLarge: It is longer than `most` bytes.
    """
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Unreadable("the sender hung up")
        parts.append(message["body"])
        size += len(message["body"])
        if size > most:
            raise TooLarge
        more = message["more_body"]
    return b"".join(parts)
