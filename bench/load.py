"""A lean HTTP client: keep-alive connections, prepared requests, one at a time on each connection.

It does only what HTTP requires, because it shares the machine with the server that is measured.
Every figure is reported with the share of a core that the client used.
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

#: What ends the head of a response, and the header lines that matter.
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_CLOSES: Final = b"connection: close"
#: Where the status is in a response that begins with `HTTP/1.1 200`.
_STATUS: Final = slice(9, 12)
#: With this status the outcome is not known yet; a shop repeats the request with the same key.
_RETRY_STATUS: Final = b"503"
_RETRIES_MAX: Final = 3
#: How many bytes of an unexpected response are shown.
_SHOWN_BYTES: Final = 400
#: All requests must be answered within this time.
_WITHIN_S: Final = 300


class LoadError(Exception):
    """An answer was not the expected one, or a connection failed."""


@dataclass(frozen=True, slots=True)
class Load:
    """The results of `count` requests; `latencies_s` has the seconds of each."""

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
    batch = _Batch(
        requests=iter(requests),
        count=len(requests),
        status=b"%d" % status,
        done=loop.create_future(),
    )
    host, port = parts.hostname or "", parts.port or 80
    opened = [_Connection(batch, host, port) for _ in range(connections)]
    for connection in opened:
        await connection.connect()
    cpu, began = time.process_time(), time.perf_counter()
    for connection in opened:
        connection.send_next()
    try:
        await asyncio.wait_for(batch.done, _WITHIN_S)
    finally:
        for connection in opened:
            connection.close()
    seconds = time.perf_counter() - began
    return Load(
        count=len(requests),
        seconds=seconds,
        latencies_s=batch.latencies_s,
        client_cpu_s=time.process_time() - cpu,
    )


class _Batch:
    """The state that all connections share: the remaining requests and the latencies so far."""

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

    def record_answer(self, seconds: float) -> None:
        self.latencies_s.append(seconds)
        if len(self.latencies_s) == self._count and not self.done.done():
            self.done.set_result(None)

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(LoadError(why))


class _Connection(asyncio.Protocol):
    """One connection; it is opened again if the server closes it after an answer."""

    def __init__(self, batch: _Batch, host: str, port: int) -> None:
        self._batch = batch
        self._address = (host, port)
        self._transport: asyncio.Transport | None = None
        self._request: bytes | None = None
        self._sent_at = 0.0
        self._retries = 0
        self._received = b""

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, *self._address)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send_next(self) -> None:
        self._request = self._batch.next()
        if self._request is not None:
            self._sent_at = time.perf_counter()
            self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return
        head = self._received[:head_end].lower()
        if len(self._received) < head_end + len(_HEAD_END) + _length(head):
            return
        status = self._received[_STATUS]
        if status == _RETRY_STATUS and self._retries < _RETRIES_MAX:
            self._retries, self._received = self._retries + 1, b""
            self._send()
            return
        if status != self._batch.status:
            self._batch.fail(f"not {self._batch.status!r}: {self._received[:_SHOWN_BYTES]!r}")
            return
        self._received, self._request, self._retries = b"", None, 0
        self._batch.record_answer(time.perf_counter() - self._sent_at)
        if _CLOSES not in head:
            self.send_next()  # Else `connection_lost` reconnects and sends the next request.

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._batch.done.done():
            return
        if self._request is not None:
            self._batch.fail(f"the connection broke: {exc}")
            return
        self._request = self._batch.next()
        if self._request is not None:
            self._sent_at = time.perf_counter()
            task = asyncio.get_running_loop().create_task(self._connect_and_send())
            task.add_done_callback(self._connected)

    async def _connect_and_send(self) -> None:
        await self.connect()
        self._send()

    def _connected(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._batch.fail(f"no connection: {error}")

    def _send(self) -> None:
        assert self._transport
        assert self._request
        self._transport.write(self._request)

    def close(self) -> None:
        if self._transport:
            self._transport.close()


def _length(head: bytes) -> int:
    """Return the length of the body by its header; 0 without the header."""
    start = head.find(_LENGTH)
    if start < 0:
        return 0
    return int(head[start + len(_LENGTH) :].split(b"\r\n", 1)[0])
