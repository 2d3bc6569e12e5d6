"""The calendar of subscriptions compared with `dateutil`: time zones, month ends, leap years."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil import tz
from dateutil.relativedelta import relativedelta
from hypothesis import example, given
from hypothesis import strategies as st

from kasir.subscriptions.calendar import at_hour, start_of
from kasir.subscriptions.plan import COUNT_MAX, Interval, Unit

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
JAKARTA = "Asia/Jakarta"

units = st.sampled_from(Unit)
intervals = units.flatmap(
    lambda unit: st.builds(Interval, st.just(unit), st.integers(1, COUNT_MAX[unit]))
)
#: The beginning of the first period: any second of the years 1990 to 2060.
anchors = st.integers(631_152_000, 2_871_763_200).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
#: The number of a period; the first period is 0.
numbers = st.integers(0, 120)


def month_starts(months: int, anchor: datetime, zone: str = JAKARTA) -> list[str]:
    """The local times at which the first monthly periods begin; `months` is their number."""
    interval = Interval(Unit.MONTH, 1)
    moments = (start_of(number, anchor, interval, zone) for number in range(months))
    return [f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" for moment in moments]


@given(numbers, anchors, intervals, st.sampled_from(ZONES))
@example(1, datetime(2026, 1, 31, 2, tzinfo=UTC), Interval(Unit.MONTH, 1), JAKARTA)
@example(1, datetime(2028, 2, 29, 2, tzinfo=UTC), Interval(Unit.YEAR, 1), JAKARTA)
@example(1, datetime(2026, 3, 28, 1, 30, tzinfo=UTC), Interval(Unit.DAY, 1), "Europe/Berlin")
@example(1, datetime(2026, 2, 8, 7, 30, tzinfo=UTC), Interval(Unit.MONTH, 1), "America/New_York")
@example(1, datetime(2011, 11, 30, 10, tzinfo=UTC), Interval(Unit.MONTH, 1), "Pacific/Apia")
def test_every_period_begins_at_the_time_that_dateutil_computes(
    number: int, anchor: datetime, interval: Interval, zone: str
) -> None:
    local = anchor.astimezone(tz.gettz(zone))
    without_zone = local.replace(tzinfo=None, fold=0)
    delta = relativedelta(**{f"{interval.unit}s": interval.count * number})
    # A local time that summer time skips is moved forward.
    start = tz.resolve_imaginary((without_zone + delta).replace(tzinfo=local.tzinfo))
    expected = anchor if number == 0 else start.astimezone(UTC)

    assert expected == start_of(number, anchor, interval, zone)


@given(numbers, anchors, intervals, st.sampled_from(ZONES))
def test_every_period_begins_after_the_previous_one(
    number: int, anchor: datetime, interval: Interval, zone: str
) -> None:
    starts = [start_of(number + step, anchor, interval, zone) for step in range(2)]

    assert starts[0] < starts[1]


def test_periods_from_the_last_of_january_begin_on_the_last_day_of_every_month() -> None:
    anchor = datetime(2026, 1, 31, 9, tzinfo=ZoneInfo(JAKARTA))

    assert month_starts(5, anchor) == [
        "2026-01-31 09:00",
        "2026-02-28 09:00",
        "2026-03-31 09:00",
        "2026-04-30 09:00",
        "2026-05-31 09:00",
    ]


def test_periods_from_a_leap_day_begin_on_the_leap_day_of_every_leap_year() -> None:
    anchor = datetime(2028, 2, 29, 9, tzinfo=ZoneInfo(JAKARTA))
    interval = Interval(Unit.YEAR, 1)
    starts = [start_of(number, anchor, interval, JAKARTA) for number in range(5)]

    assert [f"{start:%Y-%m-%d}" for start in starts] == [
        "2028-02-29",
        "2029-02-28",
        "2030-02-28",
        "2031-02-28",
        "2032-02-29",
    ]


def test_a_local_time_that_summer_time_skips_is_one_hour_later_on_that_day_only() -> None:
    berlin = "Europe/Berlin"
    anchor = datetime(2026, 2, 28, 2, 30, tzinfo=ZoneInfo(berlin))
    # The periods that begin on 28, 29 and 30 March; summer time begins on 29 March 2026.
    starts = [start_of(number, anchor, Interval(Unit.DAY, 1), berlin) for number in (28, 29, 30)]

    assert [f"{start.astimezone(ZoneInfo(berlin)):%d %H:%M}" for start in starts] == [
        "28 02:30",
        "29 03:30",
        "30 02:30",
    ]


@given(st.integers(0, 400), anchors, st.integers(0, 23), st.sampled_from(ZONES))
def test_at_hour_returns_this_hour_of_the_local_day_if_that_time_exists(
    days: int, after: datetime, hour: int, zone: str
) -> None:
    moment = at_hour(days, after, hour, zone).astimezone(ZoneInfo(zone))
    day = after.astimezone(ZoneInfo(zone)).date() + timedelta(days=days)
    exists = tz.datetime_exists(datetime.combine(day, time(hour)), tz.gettz(zone))

    if exists:
        assert (day, hour, 0) == (moment.date(), moment.hour, moment.minute)


def test_a_period_after_the_last_year_of_datetime_raises_overflow_error() -> None:
    with pytest.raises(OverflowError):
        start_of(9000, datetime(2026, 1, 1, tzinfo=UTC), Interval(Unit.YEAR, 1), JAKARTA)
