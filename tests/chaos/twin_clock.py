"""The twin's clock: a test advances it, and other tasks wait for its next move."""

from __future__ import annotations

import asyncio
from datetime import datetime

from kasir.demo.client import JourneyClient


class TwinClock:
    """Advances the twin's clock, and records its jumps."""

    def __init__(self, journey_client: JourneyClient) -> None:
        self._client = journey_client
        self._moved = asyncio.Event()
        self._jumps: list[tuple[datetime, datetime]] = []

    async def advance(self, seconds: float) -> None:
        """Advance the clock; everything that becomes due is done when this returns."""
        before = await self._now()
        await self._client.twin("POST", "/twin/clock", {"advance_s": seconds})
        self._jumps.append((before, await self._now()))
        self._moved.set()
        self._moved = asyncio.Event()

    async def moved(self) -> None:
        """Wait until the clock has moved again."""
        await self._moved.wait()

    def at_least(self, moment: datetime) -> datetime:
        """The earliest time that Kasir's clock can have shown at this time of the twin's clock.

        Kasir's clock jumps only after the twin's clock has jumped. So for a moment within a jump,
        Kasir's clock may still show the time before the jump.
        """
        return next((before for before, after in self._jumps if before <= moment <= after), moment)

    async def _now(self) -> datetime:
        return datetime.fromisoformat((await self._client.twin("GET", "/twin/clock"))["now"])
