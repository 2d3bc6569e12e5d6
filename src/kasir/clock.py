"""Clocks. Every part of Kasir gets its clock as an argument; `wiring` chooses it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of the current time."""

    def now(self) -> datetime:
        """Return the current time, with a time zone."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)


class OffsetClock:
    """The machine's time plus an offset that the caller sets.

    In the demo it is the offset of the twin's clock, so that both clocks are moved together.
    """

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the current time in UTC, plus the offset."""
        return datetime.now(UTC) + self.offset


async def pause(seconds: float, until: asyncio.Event) -> None:
    """Wait this many seconds, or until the event is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(until.wait(), seconds)
