"""Sends an event to the shop over HTTP, signed as Standard Webhooks. Any 2xx accepts the event.

The signature covers the event's id, the time of sending and the body. While the shop changes its
secret, Kasir has two, and signs with each; the shop may check either signature. The time of sending
is real time, never a test clock's, because the shop compares it with its own clock. The time in the
body is that of the event.

Only the status line of the response is read. So a shop has accepted the event even if it answers
200 and then closes the connection, or sends an endless body. No redirect is followed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import Self

import aiohttp
import structlog
from standardwebhooks import Webhook

from kasir.clock import Clock
from kasir.store.outbox import StoredEvent
from kasir.telemetry import metrics, traces

_log = structlog.get_logger("kasir.events")


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of one try: the shop's HTTP status or, if no response came, a short error."""

    status: int | None = None
    error: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the shop accepted the event."""
        status = self.status
        return status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


class ShopClient:
    """An HTTP client for the shop's addresses; use it as an async context manager.

    Args:
        timeout_s: The longest that one try may take, from connecting to the status line.
        kind: What it sends, `event` or `relay`, for the metrics.
    """

    def __init__(self, timeout_s: float, kind: str = "relay") -> None:
        self._kind = kind
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session:
            await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> SendResult:
        """Send a request once. A failed connection or a timeout is a result, not an exception.

        So is a request that the HTTP client refuses to make. The answer's body is not read, and no
        redirect is followed.
        """
        if self._session is None:
            raise RuntimeError("the client is used inside `async with`")
        begun_at, status = perf_counter(), None
        with traces.span(f"send {self._kind}", "client") as span:
            try:
                result = await self._post(self._session, url, body, headers)
                if (status := result.status) is None:
                    span.fail(result.error)
                else:
                    span.note(http__response__status_code=status)
                return result
            finally:  # A job that is cut off is cancelled here.
                metrics.delivery(self._kind, status, perf_counter() - begun_at)

    async def _post(
        self, session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]
    ) -> SendResult:
        try:
            async with session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return SendResult(status=response.status)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return SendResult(error=type(error).__name__)


class EventSender:
    """Sends events to the shop's address; use it as an async context manager.

    Args:
        url: The shop's address for events.
        secrets: Each signs every event.
        timeout_s: The longest that one try may take, from connecting to the status line.
        world: Gives real time, never a test clock's.
    """

    def __init__(self, url: str, secrets: Sequence[str], timeout_s: float, world: Clock) -> None:
        self._url = url
        self._signers = [Webhook(secret) for secret in secrets]
        self._client = ShopClient(timeout_s, "event")
        self._world = world

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.__aexit__(*exc)

    async def send(self, event: StoredEvent) -> SendResult:
        """Send an event once. A failed connection or a timeout is a result, not an exception."""
        result = await self._client.post(self._url, event.payload, self._headers(event))
        if result.status is None:
            _log.warning("the shop did not answer", name=event.name, error=result.error)
        elif not result.is_taken:
            _log.warning("the shop refused an event", name=event.name, status=result.status)
        return result

    def _headers(self, event: StoredEvent) -> dict[str, str]:
        now, body = self._world.now(), event.payload.decode()
        signatures = [signer.sign(event.name, now, body) for signer in self._signers]
        return {
            "Content-Type": "application/json",
            "webhook-id": event.name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
