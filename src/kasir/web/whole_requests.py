"""An answer before the whole request has come is heard all the same.

Many clients send all of a request before they read a word of the answer. If the connection is
closed meanwhile, what they see is a broken connection and no answer. So what is left of the body
is read and thrown away first, up to a bound of bytes and of time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

#: What is left of a longer one may be past the bound: its connection is not used again.
_SHORT: Final = 64 * 1024
_NOTHING: Final[Message] = {"type": "http.response.body", "body": b"", "more_body": False}


def heard(app: ASGIApp, bytes_max: int, seconds_max: float) -> ASGIApp:
    """An app whose answers are heard by those who are still sending.

    Args:
        app: What answers.
        bytes_max: How much of a body is read after its answer.
        seconds_max: How long that may take.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        body, says_close = _Body(receive, scope), _may_say_close(scope)

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start" and says_close and body.is_long:
                headers = [*message["headers"], (b"connection", b"close")]
                message = {**message, "headers": headers}
            if body.is_owed and message["type"] == "http.response.body" and _is_last(message):
                # All of the answer but its end goes first: who reads while sending has it now.
                await send({**message, "more_body": True})
                await body.discard(bytes_max, seconds_max)
                message = _NOTHING
            await send(message)

        await app(scope, body.receive, say)

    return answer


class _Body:
    """The body of a request, and whether some of it has not come yet."""

    def __init__(self, receive: Receive, scope: Scope) -> None:
        headers = dict(scope["headers"])
        self._receive = receive
        self._length = headers.get(b"content-length", b"0")
        self._is_chunked = b"transfer-encoding" in headers
        # Who waits to be let send has the answer now, and sends nothing.
        self._waits = b"expect" in headers
        self.is_owed = self._is_chunked or self._length != b"0"

    @property
    def is_long(self) -> bool:
        """Whether what has not come yet may be much, or may never come."""
        return self.is_owed and (self._is_chunked or self._waits or int(self._length) > _SHORT)

    async def receive(self) -> ReceiveMessage:
        """The next part of it."""
        self._waits = False
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            self.is_owed = False
        return message

    async def discard(self, bytes_max: int, seconds_max: float) -> None:
        """Read what is left and throw it away, but no more and for no longer than this."""
        left = bytes_max
        try:
            async with asyncio.timeout(seconds_max):
                while self.is_owed and not self._waits and left > 0:
                    message = await self.receive()
                    left -= len(message["body"]) if message["type"] == "http.request" else 0
        except TimeoutError:
            return  # The connection is closed on whoever sends so slowly.


def _may_say_close(scope: Scope) -> bool:
    """Whether an answer may end its connection: not where many requests share one, as in HTTP/2."""
    return scope.get("http_version", "1.1").startswith("1")


def _is_last(message: Message) -> bool:
    return message["type"] == "http.response.body" and not message.get("more_body")
