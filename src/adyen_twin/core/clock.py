"""The twin's clock: the machine's time, plus the seconds by which controls advanced it.

The clock never runs backwards, even if the machine's wall clock is set back. So a due task
stays due.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

# Times in Adyen's webhooks have Amsterdam's UTC offset. The twin uses the summer offset all
# year, so that it needs no time zone database.
AMSTERDAM_SUMMER: Final = timezone(timedelta(hours=2))


class Clock:
    """The current time in seconds since 1970 (UTC)."""

    def __init__(
        self,
        advanced_s: float = 0.0,
        *,
        wall: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        # The wall clock is read only once, because it can be set back. Then the monotonic clock
        # counts.
        self._start = wall() - ticks()
        self._ticks = ticks
        self.advanced_s = advanced_s

    def now(self) -> float:
        """Return the current time."""
        return self._start + self._ticks() + self.advanced_s

    def advance_to(self, moment: float) -> None:
        """Advance to that moment; a moment in the past changes nothing."""
        self.advanced_s += max(0.0, moment - self.now())


def format_adyen(moment: float) -> str:
    """Return a moment as Adyen's webhooks write it: 2026-05-05T05:05:05+02:00."""
    return datetime.fromtimestamp(moment, AMSTERDAM_SUMMER).isoformat(timespec="seconds")


def format_utc(moment: float) -> str:
    """Return a moment as the twin's controls write it: ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def parse(text: str) -> float:
    """Return the moment of an ISO 8601 date-time in seconds since 1970; no offset means UTC.

    Raises:
        ValueError: The text is not a date-time.

    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
