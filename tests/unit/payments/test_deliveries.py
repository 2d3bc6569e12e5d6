"""When notifications are late, and which time those that were received cover."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fakes import NOW
from kasir.payments.deliveries import Deliveries

WAIT = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("deliveries", "are_late"),
    [
        (Deliveries(), False),
        (Deliveries(late_at=NOW - 11 * MINUTE), False),
        (Deliveries(late_at=NOW - 10 * MINUTE), True),
        (Deliveries(unread_since=NOW - 10 * MINUTE), False),
        (Deliveries(unread_since=NOW - 11 * MINUTE), True),
        (Deliveries(late_at=NOW - 11 * MINUTE, unread_since=NOW - 11 * MINUTE), True),
    ],
)
def test_notifications_are_late_while_old_ones_arrive_or_are_unread(
    deliveries: Deliveries, are_late: bool
) -> None:
    assert deliveries.are_late(NOW, WAIT) is are_late


def test_notifications_cover_a_time_once_one_reports_an_event_of_that_time() -> None:
    assert not Deliveries().cover(NOW)
    assert not Deliveries(notified_until=NOW - MINUTE).cover(NOW)
    assert Deliveries(notified_until=NOW).cover(NOW)
