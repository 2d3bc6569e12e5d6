"""Delivers events to the shop, signed as Standard Webhooks. The shop answers any 2xx.

At least once, in order per payment. The signature covers the event's name, the time of sending
and the body; while a secret is rotated both are signed with, and the shop may check either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Self

import aiohttp
import structlog
from standardwebhooks import Webhook

_log = structlog.get_logger("kasir.events")


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its name, and its body as every try sends it."""

    name: str
    payload: bytes


class Deliverer:
    """A sender to the shop's one address; use as an async context manager."""

    def __init__(self, url: str, secrets: Sequence[str], timeout_s: float) -> None:
        self._url = url
        self._signers = [Webhook(secret) for secret in secrets]
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session:
            await self._session.close()

    async def deliver(self, event: Event, now: datetime) -> bool:
        """Send an event once; whether the shop took it. Raises nothing for trouble on the way."""
        if self._session is None:
            raise RuntimeError("the deliverer is used inside `async with`")
        try:
            async with self._session.post(
                self._url,
                data=event.payload,
                headers=self._headers(event, now),
                allow_redirects=False,
            ) as response:
                if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                    return True
                _log.warning("the shop refused an event", name=event.name, status=response.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.warning("the shop did not answer", name=event.name, error=type(error).__name__)
        return False

    def _headers(self, event: Event, now: datetime) -> dict[str, str]:
        body = event.payload.decode()
        signatures = [signer.sign(event.name, now, body) for signer in self._signers]
        return {
            "Content-Type": "application/json",
            "webhook-id": event.name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
