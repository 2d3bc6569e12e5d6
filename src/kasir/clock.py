"""What time it is, as an argument: nothing below `wiring` asks the machine."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Anything that knows the time."""

    def now(self) -> datetime:
        """Return the present moment, with a time zone."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)


class OffsetClock:
    """The machine's time, moved by an offset that somebody else sets.

    In the demo the offset is the twin's, so that a month forward at the twin is a month here.
    """

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the present moment in UTC, moved by the offset."""
        return datetime.now(UTC) + self.offset


async def pause(seconds: float, until: asyncio.Event) -> None:
    """Wait so long, or until the event is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(until.wait(), seconds)
