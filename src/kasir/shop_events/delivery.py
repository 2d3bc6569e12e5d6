"""Delivers events to the shop, signed as Standard Webhooks. The shop answers any 2xx.

At least once, in order per payment. The signature covers the event's name, the time of sending
and the body; while a secret is rotated both are signed with, and the shop may check either. The
time of sending is the world's, because the shop holds it against its own clock; when a thing
happened stands in the body.

The answer is its status line. What follows it is not read: a shop that said 200 and then breaks
off, or goes on without end, has taken the event. No redirect is followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

import aiohttp
import structlog
from standardwebhooks import Webhook

from kasir.clock import Clock

_log = structlog.get_logger("kasir.events")


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its name, and its body as every try sends it."""

    name: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a try: the shop's status, or in a word what happened where there was none."""

    status: int | None = None
    error: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the shop took the event."""
        status = self.status
        return status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


class Deliverer:
    """A sender to the shop's one address; use as an async context manager.

    `world` is the world's time, never a test clock's.
    """

    def __init__(self, url: str, secrets: Sequence[str], timeout_s: float, world: Clock) -> None:
        self._url = url
        self._signers = [Webhook(secret) for secret in secrets]
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._world = world
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session:
            await self._session.close()

    async def deliver(self, event: Event) -> Answered:
        """Send an event once. Raises nothing for trouble on the way."""
        if self._session is None:
            raise RuntimeError("the deliverer is used inside `async with`")
        try:
            async with self._session.post(
                self._url,
                data=event.payload,
                headers=self._headers(event),
                allow_redirects=False,
            ) as response:
                answered = Answered(status=response.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            answered = Answered(error=type(error).__name__)
            _log.warning("the shop did not answer", name=event.name, error=answered.error)
            return answered
        if not answered.is_taken:
            _log.warning("the shop refused an event", name=event.name, status=answered.status)
        return answered

    def _headers(self, event: Event) -> dict[str, str]:
        now, body = self._world.now(), event.payload.decode()
        signatures = [signer.sign(event.name, now, body) for signer in self._signers]
        return {
            "Content-Type": "application/json",
            "webhook-id": event.name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
