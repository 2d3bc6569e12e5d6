"""The twin's clock: the machine's time, plus the seconds by which controls advanced it.

The clock never runs backwards, even if the machine's wall clock is set back. So a due task
stays due.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

# Times in Adyen's webhooks have Amsterdam's UTC offset. It is computed by the European Union's
# rule, because a slim image or Windows has no time zone database.
WINTER: Final = timezone(timedelta(hours=1))
SUMMER: Final = timezone(timedelta(hours=2))
#: Summer time is from the last Sunday of the first month to that of the second, at 01:00 UTC.
SUMMER_MONTHS: Final = (3, 10)


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
    utc = datetime.fromtimestamp(moment, UTC)
    begins, ends = (_last_sunday(utc.year, month) for month in SUMMER_MONTHS)
    zone = SUMMER if begins <= utc < ends else WINTER
    return utc.astimezone(zone).isoformat(timespec="seconds")


def format_utc(moment: float) -> str:
    """Return a moment as the twin's controls write it: ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _last_sunday(year: int, month: int) -> datetime:
    """Return 01:00 UTC on the last Sunday of a month of 31 days."""
    last_day = datetime(year, month, 31, 1, tzinfo=UTC)
    return last_day - timedelta(days=last_day.isoweekday() % 7)


def parse(text: str) -> float:
    """Return the moment of an ISO 8601 date-time in seconds since 1970; no offset means UTC.

    Raises:
        ValueError: The text is not a date-time.

    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
