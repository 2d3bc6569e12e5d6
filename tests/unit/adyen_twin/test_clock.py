"""The twin's clock and the formats of its times."""

from __future__ import annotations

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
