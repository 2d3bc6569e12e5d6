"""A lean client: keep-alive connections, prepared requests, one in progress on each.

It does only what HTTP requires. It shares the machine with the server, and so the server is what is
measured. Every figure is reported with the share of a core that the client used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, cast
from urllib.parse import urlsplit

import uvloop

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_CLOSES: Final = b"connection: close"
_STATUS: Final = slice(9, 12)
_ASK_AGAIN: Final = b"503"  # "Not known yet: repeat with the same key", as a shop then does.
_AGAIN_MAX: Final = 3
_SHOWN: Final = 400
_WITHIN_S: Final = 300


class LoadError(Exception):
    """An answer was not the one that the benchmark measures."""


@dataclass(frozen=True, slots=True)
class Load:
    """The results of a number of requests."""

    count: int
    seconds: float
    latencies_s: Sequence[float]
    client_cpu_s: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.count / self.seconds

    @property
    def p50_ms(self) -> float:
        """The median time to an answer, in milliseconds."""
        return median(self.latencies_s) * 1000

    @property
    def client_cpu_share(self) -> float:
        """The share of one core that the client used."""
        return self.client_cpu_s / self.seconds


def post(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """A POST request, as bytes."""
    parts = urlsplit(url)
    lines = {"Host": parts.netloc, "Content-Type": "application/json", **(headers or {})}
    lines["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {text}\r\n" for name, text in lines.items())
    return f"POST {parts.path} HTTP/1.1\r\n{head}\r\n".encode() + body


def fire(url: str, requests: Sequence[bytes], *, connections: int, status: int) -> Load:
    """Send every request, `connections` at a time, and wait for every answer.

    A request that is answered 503 is sent again a few times; its latency includes the repeats.

    Raises:
        LoadError: An answer has another status than `status`, or a connection broke.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_fire(url, requests, connections, status))


async def _fire(url: str, requests: Sequence[bytes], connections: int, status: int) -> Load:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    volley = _Volley(iter(requests), len(requests), b"%d" % status, loop.create_future())
    lines = [_Line(volley, parts.hostname or "", parts.port or 80) for _ in range(connections)]
    for line in lines:
        await line.connect()
    cpu, began = time.process_time(), time.perf_counter()
    for line in lines:
        line.send_next()
    try:
        await asyncio.wait_for(volley.done, _WITHIN_S)
    finally:
        for line in lines:
            line.close()
    seconds = time.perf_counter() - began
    return Load(len(requests), seconds, volley.latencies_s, time.process_time() - cpu)


class _Volley:
    """The state that the connections share: the remaining requests, and the answers so far."""

    def __init__(
        self, requests: Iterator[bytes], count: int, status: bytes, done: asyncio.Future[None]
    ) -> None:
        self._requests = requests
        self._count = count
        self.status = status
        self.done = done
        self.latencies_s: list[float] = []

    def next(self) -> bytes | None:
        return next(self._requests, None)

    def answered(self, seconds: float) -> None:
        self.latencies_s.append(seconds)
        if len(self.latencies_s) == self._count and not self.done.done():
            self.done.set_result(None)

    def failed(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(LoadError(why))


class _Line(asyncio.Protocol):
    """One connection, opened again if the server closes it after an answer."""

    def __init__(self, volley: _Volley, host: str, port: int) -> None:
        self._volley = volley
        self._address = (host, port)
        self._transport: asyncio.Transport | None = None
        self._request: bytes | None = None
        self._sent_at = 0.0
        self._again = 0
        self._received = b""

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, *self._address)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send_next(self) -> None:
        self._request = self._volley.next()
        if self._request is not None:
            self._sent_at = time.perf_counter()
            self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_END)
        if head_end < 0:
            return
        head = self._received[:head_end].lower()
        if len(self._received) < head_end + len(_END) + _length(head):
            return
        status = self._received[_STATUS]
        if status == _ASK_AGAIN and self._again < _AGAIN_MAX:
            self._again, self._received = self._again + 1, b""
            self._send()
            return
        if status != self._volley.status:
            self._volley.failed(f"not {self._volley.status!r}: {self._received[:_SHOWN]!r}")
            return
        self._received, self._request, self._again = b"", None, 0
        self._volley.answered(time.perf_counter() - self._sent_at)
        if _CLOSES not in head:
            self.send_next()  # If the server closes it, connection_lost sends the next one.

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._volley.done.done():
            return
        if self._request is not None:
            self._volley.failed(f"the connection broke: {exc}")
            return
        self._request = self._volley.next()
        if self._request is not None:
            self._sent_at = time.perf_counter()
            again = asyncio.get_running_loop().create_task(self._connect_and_send())
            again.add_done_callback(self._connected)

    async def _connect_and_send(self) -> None:
        await self.connect()
        self._send()

    def _connected(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._volley.failed(f"no connection: {error}")

    def _send(self) -> None:
        assert self._transport
        assert self._request
        self._transport.write(self._request)

    def close(self) -> None:
        if self._transport:
            self._transport.close()


def _length(head: bytes) -> int:
    start = head.find(_LENGTH)
    if start < 0:
        return 0
    return int(head[start + len(_LENGTH) :].split(b"\r\n", 1)[0])
