"""Connections as `kasir serve` takes them: bounded in number, in size and in time.

Uvicorn reads a header of any length and waits for a client as long as that likes. Here whoever has
to speak next has a time limit, a head has a size, and one who comes when all places are taken gets
the place of whoever has kept us waiting longest.
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
#: The framing of chunks counts as head; each byte of a body allows for so many bytes of it.
_FRAME_BYTES: Final = 8
#: What is answered even when every place is taken: whether it lives, and Adyen's notifications.
_ALWAYS: Final = (b"/health/", b"/webhooks/")

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
    """All connections of one server: which there are, and which of them keep us waiting."""

    def __init__(self) -> None:
        self.open: set[BoundedHttp] = set()
        #: Those whose client has to speak next, longest first: the ones that never asked anything,
        #: and the ones that were answered before and may be just about to ask again.
        self._new: dict[BoundedHttp, None] = {}
        self._kept: dict[BoundedHttp, None] = {}
        self._of_address: Counter[str] = Counter()
        self._sweeping: asyncio.TimerHandle | None = None

    def admit(self, new: BoundedHttp) -> None:
        """Take a connection in, if need be in the place of one that keeps us waiting."""
        limits, address = new.limits, new.address
        self.open.add(new)
        self._of_address[address] += 1
        over = len(self.open) - limits.connections_max
        if (own_over := self._own_over(new)) > 0:
            # Its own address made it too many: nobody else makes room for it.
            own = (one for one in self._waiting() if one.address == address)
            self._make_room(new, own, max(over, own_over))
        elif over > 0:
            self._make_room(new, self._waiting(), over)
        if new in self.open:
            self._new[new] = None
            self._sweep_later(new.loop)

    def is_crowded(self, one: BoundedHttp) -> bool:
        """Whether it has no place but a spare one: there are too many, of all or of its address."""
        return len(self.open) > one.limits.connections_max or self._own_over(one) > 0

    def waits(self, connection: BoundedHttp) -> None:
        """It was answered, and the client has to speak next."""
        if connection in self.open:
            self._new.pop(connection, None)
            self._kept[connection] = None

    def serves(self, connection: BoundedHttp) -> None:
        """It is for us to speak next."""
        self._new.pop(connection, None)
        self._kept.pop(connection, None)

    def forget(self, connection: BoundedHttp) -> None:
        """It is gone."""
        self.serves(connection)
        if connection in self.open:
            self.open.remove(connection)
            self._of_address[connection.address] -= 1
            if not self._of_address[connection.address]:
                del self._of_address[connection.address]

    def _waiting(self) -> Iterator[BoundedHttp]:
        """Those that keep us waiting, the first to go first."""
        return chain(self._new, self._kept)

    def _own_over(self, one: BoundedHttp) -> int:
        """By how many there are too many of its address; of those of no address there never are."""
        if not one.address:
            return 0
        return self._of_address[one.address] - one.limits.connections_per_address_max

    def _make_room(self, new: BoundedHttp, waiting: Iterator[BoundedHttp], over: int) -> None:
        """End the first of those who wait; where none does, the new one has a spare place."""
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
        """End what is over its time. One timer for all costs a request nothing."""
        self._sweeping, now = None, loop.time()
        for connection in [one for one in self.open if one.deadline <= now]:
            connection.expire()
        if self.open:
            self._sweep_later(loop)


#: Of each server of this process.
_CONNECTIONS: Final[WeakKeyDictionary[ServerState, Connections]] = WeakKeyDictionary()


class BoundedHttp(HttpToolsProtocol):
    """One connection, with an end to everything that its client may do."""

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
        #: Whom it is counted for; empty where that says nothing of who is behind it.
        self.address = ""
        #: When it is ended, in the loop's time.
        self.deadline = inf
        self._head_left = self.limits.request_head_bytes_max
        self._unread_left = self.limits.drained_bytes_max
        self._is_large = False
        self._is_reading = False
        self._is_asked = False
        self._is_ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and begin to wait for its request."""
        super().connection_made(transport)
        if self.client:
            self.client = canonical_address(self.client[0]), self.client[1]
        host = self.client[0] if self.client else ""
        # Everybody who comes by a proxy has its address.
        is_proxy = host in getattr(self._usual_app, "trusted_hosts", ())
        self.address = "" if is_proxy else customer_network(host)
        self._ends_in(self.limits.request_head_s)
        self.all.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        self.all.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless it has been too much already."""
        if self._is_ending:
            self._pass_over(len(data))
            return
        self._head_left -= len(data)
        self._is_large = len(data) > self.limits.request_head_bytes_max
        super().data_received(data)
        if self._head_left < 0 and not self._is_ending:
            self._refuse(_TOO_LONG)

    def on_message_begin(self) -> None:
        """The first byte of a request: its head is to follow within its time and size."""
        super().on_message_begin()
        self._is_reading = True
        self._head_left = self.limits.request_head_bytes_max
        self._unread_left = self.limits.drained_bytes_max
        self._ends_in(self.limits.request_head_s)

    def on_headers_complete(self) -> None:
        """The head is there: choose who answers it, and wait for the body."""
        self.app = self._answering()
        super().on_headers_complete()
        self._is_asked = True
        self._ends_in(self.limits.request_body_s)

    def on_body(self, body: bytes) -> None:
        """A piece of the body; what comes after its answer is not kept: see `whole_requests`."""
        left = self._head_left + _FRAME_BYTES * len(body)
        self._head_left = min(left, self.limits.request_head_bytes_max)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there: now it is for us to speak, for as long as that takes."""
        super().on_message_complete()
        self._is_reading = False
        if self.cycle.response_complete:
            self._keeps()
        else:
            self.deadline = inf
            self.all.serves(self)

    def on_response_complete(self) -> None:
        """It is answered: the client may ask again."""
        super().on_response_complete()
        if self.cycle.response_complete and not self._is_reading:
            self._keeps()

    def pause_writing(self) -> None:
        """The client does not read its answer: it is given a while."""
        super().pause_writing()
        self._ends_in(self.limits.response_read_s)

    def resume_writing(self) -> None:
        """The client read on."""
        super().resume_writing()
        if self._is_asked and not self.cycle.response_complete:
            self.deadline = inf

    def send_400_response(self, msg: str) -> None:
        """Say that this is no HTTP, in the words of every other error."""
        del msg
        self._refuse(_MALFORMED)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: anybody may ask for another protocol, and is answered in this one."""

    def expire(self) -> None:
        """Its time is over: end it, and say so where somebody was in the middle of something."""
        if self._is_ending:
            self.transport.abort()
        elif self.flow.read_paused and not self.flow.write_paused:
            self._ends_in(self.limits.request_body_s)  # It is we who are slow.
        elif self._is_reading:
            self._refuse(_TOO_SLOW)
        else:
            self._end()
            self.transport.close()

    def _answering(self) -> ASGI3Application:
        if self._is_large and self._head_size() > self.limits.request_head_bytes_max:
            return _answers(_TOO_LONG)
        if self.all.is_crowded(self) and not self.url.startswith(_ALWAYS):
            return _answers(_BUSY)
        return self._usual_app

    def _head_size(self) -> int:
        """Of a head that came in one piece; what comes in several is counted as it comes."""
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
        """Read and forget: a client that is still sending sees only a reset otherwise."""
        self._unread_left -= size
        if self._unread_left < 0:
            self.transport.abort()

    def _refuse(self, answer: Answer) -> None:
        """Answer in the place of the app, which gets no more of this request; then end."""
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
    """An app that answers so, whatever it is asked, and ends the connection."""

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
    """An answer as it goes over the wire."""
    headers = [*more, *_headers(answer)]
    lines = b"".join(name + b": " + text + b"\r\n" for name, text in headers)
    return STATUS_LINE[answer.status] + lines + b"\r\n" + answer.body
