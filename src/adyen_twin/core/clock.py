"""Time, as the twin tells it: the world's time plus what somebody advanced it by.

It never runs backwards, whatever the machine's wall clock does, so that
nothing that fell due can become not yet due.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

# Adyen stamps its webhooks with Amsterdam's offset; the twin stays in its summer
# all year, so that a time it says needs no table of time zones.
AMSTERDAM_SUMMER = timezone(timedelta(hours=2))


class Clock:
    """What time it is, in seconds since 1970 (UTC)."""

    def __init__(
        self,
        advanced_s: float = 0.0,
        *,
        wall: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = wall() - ticks()
        self._ticks = ticks
        self.advanced_s = advanced_s

    def now(self) -> float:
        """Return this moment."""
        return self._start + self._ticks() + self.advanced_s

    def advance_to(self, moment: float) -> None:
        """Move on to that moment; a moment already past changes nothing."""
        self.advanced_s += max(0.0, moment - self.now())


def spelled(moment: float) -> str:
    """Return a moment as Adyen writes it in webhooks: 2026-05-05T05:05:05+02:00."""
    return datetime.fromtimestamp(moment, AMSTERDAM_SUMMER).isoformat(timespec="seconds")


def spelled_utc(moment: float) -> str:
    """Return a moment for people and programs that steer the twin, to the millisecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def read(text: str) -> float:
    """Return the moment that an ISO 8601 date-time names; one without an offset is UTC.

    Raises:
        ValueError: It is not a date-time.

    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
