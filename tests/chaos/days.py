"""The twin's clock, moved by a test, and those who wait for it to move on."""

from __future__ import annotations

import asyncio
from datetime import datetime

from kasir.demo.client import JourneyClient


class Days:
    """How time goes by."""

    def __init__(self, walker: JourneyClient) -> None:
        self._walker = walker
        self._moved = asyncio.Event()
        self._leaps: list[tuple[datetime, datetime]] = []

    async def go_by(self, seconds: float) -> None:
        """Let time pass; notifications and whatever else falls due are done when this returns."""
        before = await self._now()
        await self._walker.twin("POST", "/twin/clock", {"advance_s": seconds})
        self._leaps.append((before, await self._now()))
        self._moved.set()
        self._moved = asyncio.Event()

    async def moved(self) -> None:
        """Wait until the clock has moved on again."""
        await self._moved.wait()

    def at_least(self, moment: datetime) -> datetime:
        """How late it was at Kasir, at the least, when it was this late at the twin.

        Kasir's clock follows the twin's, and does not see it leap before it has.
        """
        return next((before for before, after in self._leaps if before <= moment <= after), moment)

    async def _now(self) -> datetime:
        return datetime.fromisoformat((await self._walker.twin("GET", "/twin/clock"))["now"])
