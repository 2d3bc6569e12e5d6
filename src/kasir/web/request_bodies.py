"""Reads the rest of a request's body before an early response ends.

Many clients send the whole request before they read the response. If the connection is closed
while they are sending, they see a broken connection and no response. So the rest of the body is
read and discarded, within a limit of bytes and of time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

#: The connection of a longer body is closed, because its rest may exceed the limit.
_SHORT_BYTES: Final = 64 * 1024
_LAST_PART: Final[Message] = {"type": "http.response.body", "body": b"", "more_body": False}


def draining(app: ASGIApp, bytes_max: int, seconds_max: float) -> ASGIApp:
    """Wrap an app so that each request's body is read to its end before the response ends.

    Args:
        app: The app that responds.
        bytes_max: How many bytes are read and discarded after the response.
        seconds_max: For how many seconds the body is read after the response.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        body, is_http_1 = _Body(receive, scope), _has_connection_header(scope)

        async def send_after_body(message: Message) -> None:
            if message["type"] == "http.response.start" and is_http_1 and body.may_be_long:
                headers = [*message["headers"], (b"connection", b"close")]
                message = {**message, "headers": headers}
            if body.is_unread and message["type"] == "http.response.body" and _is_last(message):
                # Send everything but the end now, for clients that read while they send.
                await send({**message, "more_body": True})
                await body.discard(bytes_max, seconds_max)
                message = _LAST_PART
            await send(message)

        await app(scope, body.receive, send_after_body)

    return wrapped


class _Body:
    """The body of a request, which may not have been received completely.

    Attributes:
        is_unread: Whether a part of the body was not received yet.
    """

    def __init__(self, receive: Receive, scope: Scope) -> None:
        headers = dict(scope["headers"])
        self._receive = receive
        self._length = headers.get(b"content-length", b"0")
        self._is_chunked = b"transfer-encoding" in headers
        # A client that sent `Expect: 100-continue` and gets a response sends no body.
        self._expects_continue = b"expect" in headers
        self.is_unread = self._is_chunked or self._length != b"0"

    @property
    def may_be_long(self) -> bool:
        """Whether the unread part may be long or may never arrive."""
        is_long = self._is_chunked or self._expects_continue or int(self._length) > _SHORT_BYTES
        return self.is_unread and is_long

    async def receive(self) -> ReceiveMessage:
        """Receive the next part."""
        self._expects_continue = False
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            self.is_unread = False
        return message

    async def discard(self, bytes_max: int, seconds_max: float) -> None:
        """Read and discard the rest, up to these limits."""
        bytes_left = bytes_max
        try:
            async with asyncio.timeout(seconds_max):
                while self.is_unread and not self._expects_continue and bytes_left > 0:
                    message = await self.receive()
                    if message["type"] == "http.request":
                        bytes_left -= len(message["body"])
        except TimeoutError:
            return  # The client sends too slowly; its connection is closed.


def _has_connection_header(scope: Scope) -> bool:
    """Whether the protocol has a `Connection` header: HTTP/1 does, HTTP/2 forbids it."""
    return scope.get("http_version", "1.1").startswith("1")


def _is_last(message: Message) -> bool:
    return message["type"] == "http.response.body" and not message.get("more_body")
