"""When a period begins, counted from an anchor by the local time of a time zone.

The anchor is the moment at which a known period begins. A period of months begins on the anchor's
day of the month, at the anchor's time of day. In a month without that day the period begins on the
last day of the month: 31 January, 28 February, 31 March. If summer time skips the time of day, the
period begins later by the length of the gap. If the time of day occurs twice, the first one counts.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from kasir.subscriptions.plan import Interval, Unit

_DAYS: Final = {Unit.DAY: 1, Unit.WEEK: 7}
_MONTHS: Final = {Unit.MONTH: 1, Unit.YEAR: 12}
_MONTHS_A_YEAR: Final = 12


def start_of(number: int, anchor: datetime, interval: Interval, zone: str) -> datetime:
    """The moment, in UTC, at which the period that is `number` periods after the anchor begins.

    Args:
        number: 0 for the period that begins at the anchor itself; not negative.
        anchor: A moment, in any time zone.
        interval: How long a period lasts.
        zone: The time zone of the local time (IANA name).

    Raises:
        OverflowError: The moment would be after the year 9999.
    """
    if number == 0:
        return anchor.astimezone(UTC)
    local = anchor.astimezone(ZoneInfo(zone))
    wall = local.replace(tzinfo=None, fold=0)
    units = number * interval.count
    if interval.unit in _DAYS:
        then = wall + timedelta(days=units * _DAYS[interval.unit])
    else:
        then = _months_later(wall, units * _MONTHS[interval.unit])
    # A local time in a gap gets the UTC offset from before the gap (PEP 495), so the result is a
    # moment after the gap.
    return then.replace(tzinfo=local.tzinfo).astimezone(UTC)


def at_hour(days: int, after: datetime, hour: int, zone: str) -> datetime:
    """The moment, in UTC, of `hour` o'clock in a time zone, `days` calendar days after `after`."""
    local = after.astimezone(ZoneInfo(zone))
    day = local.replace(tzinfo=None, fold=0, hour=hour, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=days)).replace(tzinfo=local.tzinfo).astimezone(UTC)


def _months_later(wall: datetime, months: int) -> datetime:
    """The same day and time of day in a later month, or the last day of that month."""
    years, month = divmod(wall.month - 1 + months, _MONTHS_A_YEAR)
    year = wall.year + years
    if year > MAXYEAR:
        raise OverflowError("date value out of range")
    last = monthrange(year, month + 1)[1]
    return wall.replace(year=year, month=month + 1, day=min(wall.day, last))
