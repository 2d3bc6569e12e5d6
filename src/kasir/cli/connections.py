"""The connections of `kasir serve`: limited in number, in size and in time (docs/adr/0016).

Uvicorn reads headers of any length and waits for a client without a time limit. Here a client has
a time limit to send a request and to read a response, and the head of a request has a size limit.
If all connections are in use, a new one replaces the one that has waited longest for its client.
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
from kasir.telemetry import metrics

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

#: How often the deadlines of all connections are checked.
_SWEEP_S: Final = 0.5
#: The framing of chunks is counted as a part of the head. So each byte of the body allows this many
#: bytes more.
_FRAMING_PER_BODY_BYTE: Final = 8
#: Paths that are served even when all connections are in use: health checks and webhooks.
_ALWAYS_SERVED: Final = (b"/health/", b"/webhooks/")

#: The answers by reason, as the metric names it.
_ANSWERS: Final[dict[metrics.Refused, Answer]] = {
    "too_long": replies.error(
        431, "000", "The request's line and headers are too long; send fewer and shorter ones."
    ),
    "too_slow": replies.error(
        408, "000", "The request did not arrive in time; send it again, without waiting in between."
    ),
    "malformed": replies.error(400, "000", "This is not a valid HTTP request."),
    "busy": replies.error(
        503,
        "703",
        "Every connection is in use. Nothing was done; ask again with the same key.",
        "internal",
        transient=True,
    ),
}


class Connections:
    """All connections of one server, and which of them wait for their client."""

    def __init__(self) -> None:
        self.open: set[BoundedHttp] = set()
        #: Connections that have not had a request yet, the oldest first.
        self._without_request: dict[BoundedHttp, None] = {}
        #: Connections that are kept alive after a response, the longest idle first.
        self._kept_alive: dict[BoundedHttp, None] = {}
        self._of_address: Counter[str] = Counter()
        self._sweeping: asyncio.TimerHandle | None = None

    def admit(self, new: BoundedHttp) -> None:
        """Add a connection. If there are too many, close one that waits for its client."""
        limits, address = new.limits, new.address
        self.open.add(new)
        self._of_address[address] += 1
        excess = len(self.open) - limits.connections_max
        if (address_excess := self._excess_of_address(new)) > 0:
            # This client has too many connections, so only one of its own is closed.
            own = (waiting for waiting in self._waiting() if waiting.address == address)
            self._close_one(new, own, max(excess, address_excess))
        elif excess > 0:
            self._close_one(new, self._waiting(), excess)
        if new in self.open:
            self._without_request[new] = None
            self._sweep_later(new.loop)

    def is_crowded(self, connection: BoundedHttp) -> bool:
        """Whether there are too many connections, in total or from the connection's address."""
        is_over = len(self.open) > connection.limits.connections_max
        return is_over or self._excess_of_address(connection) > 0

    def mark_waiting(self, connection: BoundedHttp) -> None:
        """Record that the connection waits for the client's next request."""
        if connection in self.open:
            self._without_request.pop(connection, None)
            self._kept_alive[connection] = None

    def mark_busy(self, connection: BoundedHttp) -> None:
        """Record that a request has arrived and is being answered."""
        self._without_request.pop(connection, None)
        self._kept_alive.pop(connection, None)

    def forget(self, connection: BoundedHttp) -> None:
        """Remove a connection."""
        self.mark_busy(connection)
        if connection in self.open:
            self.open.remove(connection)
            self._of_address[connection.address] -= 1
            if not self._of_address[connection.address]:
                del self._of_address[connection.address]

    def _waiting(self) -> Iterator[BoundedHttp]:
        """Connections that wait for their client, in the order in which they are closed."""
        return chain(self._without_request, self._kept_alive)

    def _excess_of_address(self, connection: BoundedHttp) -> int:
        """By how many connections an address exceeds its limit; 0 if the address is unknown."""
        if not connection.address:
            return 0
        return self._of_address[connection.address] - connection.limits.connections_per_address_max

    def _close_one(self, new: BoundedHttp, waiting: Iterator[BoundedHttp], excess: int) -> None:
        """Close the first waiting connection; if none waits, the new one once no spare is left."""
        longest = next(waiting, None)
        if longest is not None:
            self._end(longest)
        elif excess > new.limits.connections_spare:
            self._end(new)

    def _end(self, connection: BoundedHttp) -> None:
        metrics.http_refused("too_many_connections")
        self.forget(connection)
        connection.transport.abort()

    def _sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._sweeping is None:
            self._sweeping = loop.call_later(_SWEEP_S, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Expire connections past their deadline. One timer serves all connections."""
        self._sweeping, now = None, loop.time()
        late = [connection for connection in self.open if connection.deadline <= now]
        for connection in late:
            connection.expire()
        if self.open:
            self._sweep_later(loop)


#: The connections of each server in this process.
_CONNECTIONS: Final[WeakKeyDictionary[ServerState, Connections]] = WeakKeyDictionary()


class BoundedHttp(HttpToolsProtocol):
    """One connection, with limits on the time and the size of its client's requests."""

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
        #: The client's address, by which connections are counted; empty if it is a proxy's.
        self.address = ""
        #: When the connection expires, in the event loop's time.
        self.deadline = inf
        #: How many bytes the head of the request may still have.
        self._head_left = self.limits.request_head_bytes_max
        #: How many more bytes may be discarded after an early response.
        self._unread_left = self.limits.drained_bytes_max
        #: Whether the last received piece is longer than a head may be.
        self._is_large = False
        self._is_reading = False
        self._has_request = False
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
        self._set_deadline(self.limits.request_head_s)
        self.all.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection."""
        self.all.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse more of the request, within the size limit of its head."""
        if self._is_ending:
            self._discard(len(data))
            return
        self._head_left -= len(data)
        self._is_large = len(data) > self.limits.request_head_bytes_max
        super().data_received(data)
        if self._head_left < 0 and not self._is_ending:
            self._refuse("too_long")

    def on_message_begin(self) -> None:
        """Set the time and size limits of a request's head when its first byte arrives."""
        super().on_message_begin()
        # Uvicorn may replace the scope's client by the one that a proxy names; the desk asks for
        # the proxy itself.
        self.scope["state"]["peer"] = self.client[0] if self.client else ""
        self._is_reading = True
        self._head_left = self.limits.request_head_bytes_max
        self._unread_left = self.limits.drained_bytes_max
        self._set_deadline(self.limits.request_head_s)

    def on_headers_complete(self) -> None:
        """Choose the app that answers, and set the deadline of the body."""
        self.app = self._choose_app()
        super().on_headers_complete()
        self._has_request = True
        self._set_deadline(self.limits.request_body_s)

    def on_body(self, body: bytes) -> None:
        """Allow the framing of a piece of the body, and pass the piece on."""
        left = self._head_left + _FRAMING_PER_BODY_BYTE * len(body)
        self._head_left = min(left, self.limits.request_head_bytes_max)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Lift the deadline: the request is complete, and the app answers it."""
        super().on_message_complete()
        self._is_reading = False
        if self.cycle.response_complete:
            self._keep()
        else:
            self.deadline = inf
            self.all.mark_busy(self)

    def on_response_complete(self) -> None:
        """Keep the connection for a next request, once the response is sent."""
        super().on_response_complete()
        if self.cycle.response_complete and not self._is_reading:
            self._keep()

    def pause_writing(self) -> None:
        """Set a deadline, because the client does not read its response."""
        super().pause_writing()
        self._set_deadline(self.limits.response_read_s)

    def resume_writing(self) -> None:
        """Lift the deadline, because the client reads again."""
        super().resume_writing()
        if self._has_request and not self.cycle.response_complete:
            self.deadline = inf

    def send_400_response(self, msg: str) -> None:
        """Answer malformed HTTP with an error in Adyen's format."""
        del msg
        self._refuse("malformed")

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: a request to upgrade is answered in plain HTTP."""

    def expire(self) -> None:
        """Close the connection after its deadline; if a request is incomplete, answer it first."""
        if self._is_ending:
            self.transport.abort()
        elif self.flow.read_paused and not self.flow.write_paused:
            # The server stopped reading, so the client is not slow.
            self._set_deadline(self.limits.request_body_s)
        elif self._is_reading:
            self._refuse("too_slow")
        else:
            self._end()
            self.transport.close()

    def _choose_app(self) -> ASGI3Application:
        if self._is_large and self._head_size() > self.limits.request_head_bytes_max:
            return _answering_app("too_long")
        if self.all.is_crowded(self) and not self.url.startswith(_ALWAYS_SERVED):
            return _answering_app("busy")
        return self._usual_app

    def _head_size(self) -> int:
        """The size of a head that arrived in one piece; `data_received` counts other heads."""
        return len(self.url) + sum(len(name) + len(text) for name, text in self.headers)

    def _keep(self) -> None:
        """Keep the connection for a next request."""
        self._set_deadline(self.timeout_keep_alive)
        self.all.mark_waiting(self)

    def _set_deadline(self, seconds: float) -> None:
        self.deadline = self.loop.time() + seconds

    def _end(self) -> None:
        self._is_ending = True
        self._set_deadline(self.limits.linger_s)

    def _discard(self, size: int) -> None:
        """Discard what the client still sends: closing at once would lose the response."""
        self._unread_left -= size
        if self._unread_left < 0:
            self.transport.abort()

    def _refuse(self, reason: metrics.Refused) -> None:
        """Send this reason's answer instead of the app's, disconnect the app, and close."""
        metrics.http_refused(reason)
        self._end()
        is_answering = self._has_request and not self.cycle.response_complete
        if is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.is_closing() or (is_answering and self.cycle.response_started):
            self.transport.abort()
            return
        self.flow.resume_reading()
        self.transport.write(_as_bytes(_ANSWERS[reason], self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _answering_app(reason: metrics.Refused) -> ASGI3Application:
    """Count a request, and return an app that refuses it and closes the connection."""
    metrics.http_refused(reason)
    answer = _ANSWERS[reason]

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


def _as_bytes(answer: Answer, more: list[tuple[bytes, bytes]]) -> bytes:
    """Return an answer as an HTTP response in bytes."""
    headers = [*more, *_headers(answer)]
    lines = b"".join(name + b": " + text + b"\r\n" for name, text in headers)
    return STATUS_LINE[answer.status] + lines + b"\r\n" + answer.body
