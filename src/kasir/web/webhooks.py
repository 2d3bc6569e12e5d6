"""Receives Adyen's notifications.

The handlers are raw ASGI, without Litestar's overhead, because Adyen's queue waits for each answer.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from litestar import asgi
from litestar.response.base import ASGIResponse

from kasir.accounts import Accounts
from kasir.config import Settings
from kasir.errors import AccountUnavailable, DatabaseUnavailable, NotAuthentic, Unreadable
from kasir.http_types import accounts_of, default_parts
from kasir.webhooks import receiving
from kasir.webhooks.receiving import Inbox
from kasir.webhooks.recipients import (
    Recipient,
    receive_for_accounts,
    receive_token_for_accounts,
)
from kasir.wiring import Parts

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

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
    if recipients := _recipients(scope):
        await receive_for_accounts(
            body,
            is_form=_header(scope, b"content-type").startswith(_FORM),
            recipients=recipients,
            received_at=parts.clock.now(),
        )
        return
    await receiving.receive(
        body,
        is_form=_header(scope, b"content-type").startswith(_FORM),
        # Where a password is set, `_receive` has checked it.
        is_admitted=parts.settings.webhook_password is not None,
        keys=parts.webhook_keys.all,
        inbox=parts.inbox,
        received_at=parts.clock.now(),
    )


async def _store_token(parts: Parts, scope: Scope, body: bytes) -> None:
    signature = _header(scope, b"hmacsignature").decode("latin-1")
    if recipients := _recipients(scope):
        await receive_token_for_accounts(
            body, signature=signature, recipients=recipients, received_at=parts.clock.now()
        )
        return
    await receiving.receive_token(
        body,
        signature=signature,
        keys=parts.settings.token_hmac_keys,
        inbox=parts.inbox,
        received_at=parts.clock.now(),
    )


async def _respond(scope: Scope, receive: Receive, send: Send, store: Store) -> None:
    parts = default_parts(scope)
    status, body = await _receive(parts, scope, receive, store)
    headers = _REQUIRED_HEADERS.get(status, {})
    response = ASGIResponse(body=body, status_code=status, media_type="text/plain", headers=headers)
    await response(scope, receive, send)


async def _receive(parts: Parts, scope: Scope, receive: Receive, store: Store) -> tuple[int, bytes]:
    """Authenticate, verify and store a request; return the response's status and body."""
    settings, recipients = parts.settings, _recipients(scope)
    if scope.get("method") != "POST":
        return 405, b"notifications are posted"
    all_settings = recipients.accounts.settings() if recipients else [settings]
    if not any(_is_authenticated(scope, each) for each in all_settings):
        return 401, b"basic authentication failed"
    try:
        body = await _body(receive, settings.limits.webhook_bytes_max)
        await _store(parts, scope, body, store)
    except TooLarge:
        return 413, f"at most {settings.limits.webhook_bytes_max} bytes".encode()
    except Unreadable as error:
        return 400, str(error).encode()
    except NotAuthentic as error:
        _log.warning("not authentic", error=str(error))
        return 401, b"no valid HMAC signature"
    except (DatabaseUnavailable, AccountUnavailable) as error:
        _log.error("not kept", error=str(error))
        return 503, b"not kept; send again"
    return 202, ACCEPTED


async def _store(parts: Parts, scope: Scope, body: bytes, store: Store) -> None:
    """Store a body; once more if none of the keys verifies it and there are new ones.

    Raises:
        NotAuthentic: An item has no valid signature of any key. The others were stored.
    """
    accounts = accounts_of(scope)
    known = parts.webhook_keys.all, accounts.version if accounts else ""
    try:
        await store(parts, scope, body)
    except NotAuthentic:
        await parts.webhook_keys.refresh()
        if accounts:
            await accounts.refresh_after_refusal()
        if known == (parts.webhook_keys.all, accounts.version if accounts else ""):
            raise
        await store(parts, scope, body)


@dataclass(frozen=True, slots=True)
class _AccountRecipients:
    """The accounts, as a request may write to them: see `webhooks.recipients`."""

    accounts: Accounts[Parts]
    scope: Scope

    async def named(self, name: str) -> Recipient | None:
        """Return the account with this code."""
        settings = await self.accounts.settings_of(name)
        return self._recipient(settings) if settings else None

    def all(self) -> Iterator[Recipient]:
        """Return every account, the environment's first."""
        return map(self._recipient, self.accounts.settings())

    def _recipient(self, settings: Settings) -> Recipient:
        is_authenticated = _is_authenticated(self.scope, settings)

        async def inbox() -> Inbox:
            return (await self.accounts.parts_of(settings.merchant_account)).inbox

        return Recipient(
            name=settings.merchant_account,
            keys=self._keys(settings) if is_authenticated else (),
            token_keys=settings.token_hmac_keys if is_authenticated else (),
            is_admitted=is_authenticated and settings.webhook_password is not None,
            inbox=inbox,
        )

    def _keys(self, settings: Settings) -> tuple[bytes, ...]:
        """The keys of an account; those of the environment's are also in its tables."""
        default = self.accounts.default
        return default.webhook_keys.all if settings is default.settings else settings.hmac_keys


def _recipients(scope: Scope) -> _AccountRecipients | None:
    """The accounts; None if there is only the environment's."""
    accounts = accounts_of(scope)
    return _AccountRecipients(accounts, scope) if accounts and accounts.others else None


def _is_authenticated(scope: Scope, settings: Settings) -> bool:
    user, password = settings.webhook_user, settings.webhook_password
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
