"""The connections of `kasir serve`: limited in number, in size and in time (docs/adr/0016).

Uvicorn reads headers of any length and waits for a client without a limit. Here a client has a time
limit to send a request and to read a response, and the head of a request has a size limit. Where
all connections are in use, a new one closes the one that has waited longest for its client.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Final
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from kasir.adyen import replies
from kasir.adyen.replies import Answer
from kasir.client_addresses import canonical_address, customer_network
from kasir.limits import Limits

if TYPE_CHECKING:
    from uvicorn._types import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGISendCallable,
        HTTPResponseStartEvent,
        Scope,
    )
    from uvicorn.config import Config
    from uvicorn.server import ServerState

_SWEEP_S: Final = 0.5
#: Chunk framing counts as head; each byte of a body allows this many bytes of framing.
_FRAME_BYTES: Final = 8
#: Paths that are served even when all connections are in use: health checks and webhooks.
_ALWAYS_SERVED: Final = (b"/health/", b"/webhooks/")

_TOO_LONG: Final = replies.error(
    431, "000", "The request's line and headers are too long; send fewer and shorter ones."
)
_TOO_SLOW: Final = replies.error(
    408, "000", "The request did not arrive in time; send it again, without waiting in between."
)
_MALFORMED: Final = replies.error(400, "000", "This is not a valid HTTP request.")
_BUSY: Final = replies.error(
    503,
    "703",
    "Every connection is in use. Nothing was done; ask again with the same key.",
    "internal",
    transient=True,
)


class Connections:
    """All connections of one server, and which of them wait for their client."""

    def __init__(self) -> None:
        self.open: set[BoundedHttp] = set()
        #: Connections that wait for their client, longest first: those without any request so far,
        #: and those that are kept alive after a response.
        self._new: dict[BoundedHttp, None] = {}
        self._kept: dict[BoundedHttp, None] = {}
        self._of_address: Counter[str] = Counter()
        self._sweeping: asyncio.TimerHandle | None = None

    def admit(self, new: BoundedHttp) -> None:
        """Add a connection; where there are too many, close one that waits for its client."""
        limits, address = new.limits, new.address
        self.open.add(new)
        self._of_address[address] += 1
        over = len(self.open) - limits.connections_max
        if (own_over := self._own_over(new)) > 0:
            # Its own address has too many: only one of that address is closed for it.
            own = (one for one in self._waiting() if one.address == address)
            self._close_one(new, own, max(over, own_over))
        elif over > 0:
            self._close_one(new, self._waiting(), over)
        if new in self.open:
            self._new[new] = None
            self._sweep_later(new.loop)

    def is_crowded(self, one: BoundedHttp) -> bool:
        """Whether it is one of the spare connections: over the limit of all, or of its address."""
        return len(self.open) > one.limits.connections_max or self._own_over(one) > 0

    def waits(self, connection: BoundedHttp) -> None:
        """Note that a response was sent: the next request is the client's to send."""
        if connection in self.open:
            self._new.pop(connection, None)
            self._kept[connection] = None

    def serves(self, connection: BoundedHttp) -> None:
        """Note that a request has arrived: the response is ours to send."""
        self._new.pop(connection, None)
        self._kept.pop(connection, None)

    def forget(self, connection: BoundedHttp) -> None:
        """Remove a connection."""
        self.serves(connection)
        if connection in self.open:
            self.open.remove(connection)
            self._of_address[connection.address] -= 1
            if not self._of_address[connection.address]:
                del self._of_address[connection.address]

    def _waiting(self) -> Iterator[BoundedHttp]:
        """Connections that wait for their client, in the order in which they are closed."""
        return chain(self._new, self._kept)

    def _own_over(self, one: BoundedHttp) -> int:
        """How far its address is over its limit; 0 where the address is unknown."""
        if not one.address:
            return 0
        return self._of_address[one.address] - one.limits.connections_per_address_max

    def _close_one(self, new: BoundedHttp, waiting: Iterator[BoundedHttp], over: int) -> None:
        """Close the first of those that wait; where none does, the new one if none is spare."""
        longest = next(waiting, None)
        if longest is not None:
            self._end(longest)
        elif over > new.limits.connections_spare:
            self._end(new)

    def _end(self, connection: BoundedHttp) -> None:
        self.forget(connection)
        connection.transport.abort()

    def _sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._sweeping is None:
            self._sweeping = loop.call_later(_SWEEP_S, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Expire connections past their deadline. One timer for all adds nothing to a request."""
        self._sweeping, now = None, loop.time()
        for connection in [one for one in self.open if one.deadline <= now]:
            connection.expire()
        if self.open:
            self._sweep_later(loop)


#: By the server of this process.
_CONNECTIONS: Final[WeakKeyDictionary[ServerState, Connections]] = WeakKeyDictionary()


class BoundedHttp(HttpToolsProtocol):
    """One connection, with a limit on everything that its client may do."""

    limits: ClassVar[Limits] = Limits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.all = _CONNECTIONS.setdefault(server_state, Connections())
        self._usual_app: ASGI3Application = self.app
        #: The address that it counts for; empty where that address is a proxy's.
        self.address = ""
        #: When it expires, in the loop's time.
        self.deadline = inf
        self._head_left = self.limits.request_head_bytes_max
        self._unread_left = self.limits.drained_bytes_max
        self._is_large = False
        self._is_reading = False
        self._is_asked = False
        self._is_ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, and set the deadline of its first request."""
        super().connection_made(transport)
        if self.client:
            self.client = canonical_address(self.client[0]), self.client[1]
        host = self.client[0] if self.client else ""
        # All clients of a proxy have the proxy's address.
        is_proxy = host in getattr(self._usual_app, "trusted_hosts", ())
        self.address = "" if is_proxy else customer_network(host)
        self._ends_in(self.limits.request_head_s)
        self.all.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection."""
        self.all.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse more of the request, within the size limit of its head."""
        if self._is_ending:
            self._pass_over(len(data))
            return
        self._head_left -= len(data)
        self._is_large = len(data) > self.limits.request_head_bytes_max
        super().data_received(data)
        if self._head_left < 0 and not self._is_ending:
            self._refuse(_TOO_LONG)

    def on_message_begin(self) -> None:
        """Set the limits of time and size for the head of a request, at its first byte."""
        super().on_message_begin()
        self._is_reading = True
        self._head_left = self.limits.request_head_bytes_max
        self._unread_left = self.limits.drained_bytes_max
        self._ends_in(self.limits.request_head_s)

    def on_headers_complete(self) -> None:
        """Choose the app that answers, and set the deadline of the body."""
        self.app = self._answering()
        super().on_headers_complete()
        self._is_asked = True
        self._ends_in(self.limits.request_body_s)

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body; after the response it is dropped."""
        left = self._head_left + _FRAME_BYTES * len(body)
        self._head_left = min(left, self.limits.request_head_bytes_max)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete: there is no deadline while we answer it."""
        super().on_message_complete()
        self._is_reading = False
        if self.cycle.response_complete:
            self._keeps()
        else:
            self.deadline = inf
            self.all.serves(self)

    def on_response_complete(self) -> None:
        """The response is sent: keep the connection for a next request."""
        super().on_response_complete()
        if self.cycle.response_complete and not self._is_reading:
            self._keeps()

    def pause_writing(self) -> None:
        """The client does not read its response: set a deadline."""
        super().pause_writing()
        self._ends_in(self.limits.response_read_s)

    def resume_writing(self) -> None:
        """The client reads again: lift the deadline."""
        super().resume_writing()
        if self._is_asked and not self.cycle.response_complete:
            self.deadline = inf

    def send_400_response(self, msg: str) -> None:
        """Answer malformed HTTP with an error in the form of all others."""
        del msg
        self._refuse(_MALFORMED)

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: a request to upgrade is answered in plain HTTP."""

    def expire(self) -> None:
        """Close a connection past its deadline; in the middle of a request, with a response."""
        if self._is_ending:
            self.transport.abort()
        elif self.flow.read_paused and not self.flow.write_paused:
            self._ends_in(self.limits.request_body_s)  # We are the slow side: we stopped reading.
        elif self._is_reading:
            self._refuse(_TOO_SLOW)
        else:
            self._end()
            self.transport.close()

    def _answering(self) -> ASGI3Application:
        if self._is_large and self._head_size() > self.limits.request_head_bytes_max:
            return _answers(_TOO_LONG)
        if self.all.is_crowded(self) and not self.url.startswith(_ALWAYS_SERVED):
            return _answers(_BUSY)
        return self._usual_app

    def _head_size(self) -> int:
        """The size of a head that came in one piece; other heads are counted piece by piece."""
        return len(self.url) + sum(len(name) + len(text) for name, text in self.headers)

    def _keeps(self) -> None:
        """Keep the connection for a next request."""
        self._ends_in(self.timeout_keep_alive)
        self.all.waits(self)

    def _ends_in(self, seconds: float) -> None:
        self.deadline = self.loop.time() + seconds

    def _end(self) -> None:
        self._is_ending = True
        self._ends_in(self.limits.linger_s)

    def _pass_over(self, size: int) -> None:
        """Drop bytes of a client that is still sending; closing at once would only reset it."""
        self._unread_left -= size
        if self._unread_left < 0:
            self.transport.abort()

    def _refuse(self, answer: Answer) -> None:
        """Answer instead of the app, which gets no more of this request; then close."""
        self._end()
        is_asked = self._is_asked and not self.cycle.response_complete
        if is_asked:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.is_closing() or (is_asked and self.cycle.response_started):
            self.transport.abort()
            return
        self.flow.resume_reading()
        self.transport.write(_written(answer, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _answers(answer: Answer) -> ASGI3Application:
    """An app that gives this answer to any request, and closes the connection."""

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        del scope, receive
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": answer.status,
            "headers": _headers(answer),
        }
        await send(start)
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})

    return app


def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    transient = [(b"transient-error", b"true")] if answer.transient else []
    return [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer.body)).encode()),
        (b"connection", b"close"),
        *transient,
    ]


def _written(answer: Answer, more: list[tuple[bytes, bytes]]) -> bytes:
    """An answer as bytes on the wire."""
    headers = [*more, *_headers(answer)]
    lines = b"".join(name + b": " + text + b"\r\n" for name, text in headers)
    return STATUS_LINE[answer.status] + lines + b"\r\n" + answer.body
