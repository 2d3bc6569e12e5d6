"""The twin's clock and the formats of its times."""

from __future__ import annotations

import pytest

from adyen_twin.core import clock


def test_the_clock_runs_and_can_be_advanced_but_never_goes_back() -> None:
    ticks = [100.0]
    twins_clock = clock.Clock(wall=lambda: 1_000_000.0, ticks=lambda: ticks[0])
    # Three seconds pass, so the clock must be advanced by 60 seconds to reach 1_000_063.
    ticks[0] = 103.0
    twins_clock.advance_to(1_000_063.0)
    twins_clock.advance_to(1_000_000.0)

    assert twins_clock.now() == 1_000_063.0
    assert twins_clock.advanced_s == 60.0


def test_moments_have_adyens_format_or_utc_with_milliseconds() -> None:
    moment = clock.parse("2026-05-05T03:05:05Z")

    assert clock.format_adyen(moment) == "2026-05-05T05:05:05+02:00"
    assert clock.format_utc(moment) == "2026-05-05T03:05:05.000+00:00"
    assert clock.parse("2026-05-05T03:05:05") == moment


@pytest.mark.parametrize(
    ("utc", "amsterdam"),
    [
        ("2026-01-15T12:00:00Z", "2026-01-15T13:00:00+01:00"),
        # Summer time begins on the last Sunday of March and ends on that of October, at 01:00 UTC.
        ("2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00"),
        ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25T00:59:59Z", "2026-10-25T02:59:59+02:00"),
        ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00"),
        # In these years, March or October ends with a Sunday.
        ("2024-03-31T01:00:00Z", "2024-03-31T03:00:00+02:00"),
        ("2027-10-31T01:00:00Z", "2027-10-31T02:00:00+01:00"),
        # The year of Amsterdam is not that of UTC.
        ("2026-12-31T23:30:00Z", "2027-01-01T00:30:00+01:00"),
    ],
)
def test_a_time_has_amsterdams_offset_of_its_season(utc: str, amsterdam: str) -> None:
    assert clock.format_adyen(clock.parse(utc)) == amsterdam
