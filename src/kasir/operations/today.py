"""The overview of a day: what was paid, what waits, and what needs a person.

A day begins at midnight in Jakarta. A payment belongs to the day on which it was created. The days
before today are shown as the worker has summed them last. A day that it has not summed is summed
for the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

import msgspec

from kasir.limits import Limits
from kasir.operations.disputes import OpenDisputes, open_disputes
from kasir.payments.status import Status
from kasir.store import relay
from kasir.store import today as store
from kasir.store.database import Pool
from kasir.store.figures import Figures, figures, seconds_since
from kasir.store.inbox import NoticeState
from kasir.store.today import Asked, Sum

_JAKARTA: Final = timezone(timedelta(hours=7))
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
#: The days of `days`, today included.
_DAYS: Final = 14
#: The statuses that are shown, each with the name of its field.
_SHOWN: Final = (
    Status.AUTHORISED,
    Status.REFUSED,
    Status.UNKNOWN,
    Status.AWAITING_SHOPPER,
    Status.PENDING,
    Status.CANCELLED,
    Status.EXPIRED,
    Status.FAILED,
)


class CountAndValue(msgspec.Struct, frozen=True):
    """How many payments there are, and their amount in rupiah."""

    count: int
    value: int


class Period(msgspec.Struct, frozen=True):
    """What was paid of the payments that were created in an hour or a day."""

    start: datetime
    count: int
    value: int


class Waiting(msgspec.Struct, rename="camel", frozen=True):
    """What waits. Names that end in `Seconds` are the wait of the oldest.

    Attributes:
        last_notice_at: When Adyen's last notification about a payment came; None without one.
        unread_notices: Notifications that were not read yet.
        unread_notices_seconds: How long the oldest of them has waited.
        jobs: Jobs that wait for a worker.
        events: Events that the shop has not accepted.
        events_seconds: How long the oldest of them has waited.
        events_failing: Those of them whose delivery has failed.
        relayed: Notifications that the shop's own Adyen handler has not accepted.
        relayed_seconds: How long the oldest of them has waited.
        subscriptions: Subscriptions that are due.
    """

    last_notice_at: datetime | None
    unread_notices: int
    unread_notices_seconds: float
    jobs: int
    events: int
    events_seconds: float
    events_failing: int
    relayed: int
    relayed_seconds: float
    subscriptions: int


class Need(msgspec.Struct, frozen=True):
    """Something that needs a person: what, and how many."""

    what: str
    count: int


class Today(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The overview of a day.

    Attributes:
        at: When it was made.
        since: When the day began.
        payments: The payments that were created today, by status.
        authorisation_rate: Of those that the wallet authorised or refused, the part authorised,
            from 0 to 1; None without any.
        authorisation_rate_last_week: The same of this weekday last week, up to this time of day.
        hours: What was paid in each hour of today.
        days: What was paid on each of the last fourteen days, today included.
        waiting: What waits.
        needs_person: What needs a person; empty if nothing does.
    """

    at: datetime
    since: datetime
    payments: dict[str, CountAndValue]
    authorisation_rate: float | None
    authorisation_rate_last_week: float | None
    hours: list[Period]
    days: list[Period]
    waiting: Waiting
    needs_person: list[Need]


@dataclass(frozen=True, slots=True)
class _Day:
    """The periods of a day's overview.

    Attributes:
        start: When the day began.
        now: The time.
    """

    start: datetime
    now: datetime

    @property
    def hours(self) -> list[datetime]:
        """The beginnings of the day's hours until now."""
        return [self.start + hour * _HOUR for hour in range((self.now - self.start) // _HOUR + 1)]

    @property
    def past_days(self) -> list[datetime]:
        """The beginnings of the days before today, the oldest first."""
        return [self.start - back * _DAY for back in range(_DAYS - 1, 0, -1)]

    def asked(self, days: Sequence[datetime]) -> list[Asked]:
        """The sums of the overview: by status, of last week, by hour, of some days."""
        paid, refused = Status.AUTHORISED, Status.REFUSED
        until, last_week = self.now + _HOUR, self.start - _WEEK
        return [
            *(Asked(status, self.start, until) for status in _SHOWN),
            *(Asked(status, last_week, self.now - _WEEK) for status in (paid, refused)),
            *(Asked(paid, hour, hour + _HOUR) for hour in self.hours),
            *(Asked(paid, day, day + _DAY) for day in days),
        ]


def start_of_day(moment: datetime) -> datetime:
    """Return when the day of a moment began in Jakarta."""
    return moment.astimezone(_JAKARTA).replace(hour=0, minute=0, second=0, microsecond=0)


async def today(pool: Pool, now: datetime, limits: Limits) -> Today:
    """Make the overview of the day of `now`, from a number of statements that does not grow."""
    day, most = _Day(start_of_day(now), now), limits.counts_max
    stored = await store.paid_days(pool, day.past_days[0].date(), day.past_days[-1].date())
    not_stored = [start for start in day.past_days if start.date() not in stored]
    sums = await store.sums(pool, day.asked(not_stored))
    counts, queues = await figures(pool, now, most), await store.queues(pool, most)
    relayed = await relay.backlog(pool, most)
    disputed = await open_disputes(pool, now, limits.disputes_counted_max)
    found = iter(sums)
    by_status = {status: next(found) for status in _SHOWN}
    last_week = {status: next(found) for status in (Status.AUTHORISED, Status.REFUSED)}
    hours = [_period(start, next(found)) for start in day.hours]
    stored |= {start.date(): next(found) for start in not_stored}
    return Today(
        at=now,
        since=day.start,
        payments={status: CountAndValue(one.count, one.value) for status, one in by_status.items()},
        authorisation_rate=_rate(by_status[Status.AUTHORISED], by_status[Status.REFUSED]),
        authorisation_rate_last_week=_rate(*last_week.values()),
        hours=hours,
        days=[
            *(_period(start, stored[start.date()]) for start in day.past_days),
            Period(day.start, sum(hour.count for hour in hours), sum(hour.value for hour in hours)),
        ],
        waiting=Waiting(
            last_notice_at=queues.last_notice_at,
            unread_notices=counts.notices[NoticeState.UNREAD],
            unread_notices_seconds=counts.unread_s,
            jobs=queues.jobs,
            events=counts.events,
            events_seconds=counts.events_s,
            events_failing=queues.failing,
            relayed=relayed.waiting,
            relayed_seconds=seconds_since(relayed.since, now),
            subscriptions=counts.due,
        ),
        needs_person=[*needs_of(counts, disputed, queues.cases)],
    )


async def sum_past_days(pool: Pool, now: datetime) -> None:
    """Store what was paid on each of the days before today that the overview shows.

    A payment of an earlier day may still be paid or found to be unpaid, so all are summed again.
    """
    for start in _Day(start_of_day(now), now).past_days:
        await store.sum_paid_day(pool, start.date(), start, start + _DAY)


def _period(start: datetime, found: Sum) -> Period:
    return Period(start, found.count, found.value)


def _rate(paid: Sum, refused: Sum) -> float | None:
    decided = paid.count + refused.count
    return paid.count / decided if decided else None


def needs_of(counts: Figures, disputed: OpenDisputes, cases: int) -> Iterator[Need]:
    """What needs a person, the most urgent first."""
    needs: Sequence[tuple[str, int]] = (
        ("disputes_due", disputed.due_soon),
        ("payments_unknown", counts.unknown),
        ("attempts_unconfirmed", counts.unconfirmed),
        ("notices_held", counts.notices[NoticeState.HELD]),
        ("jobs_failed", counts.failed_jobs),
        ("events_given_up", counts.given_up),
        ("disputes_open", disputed.others),
        ("cases_open", cases),
        ("notices_unknown", counts.notices[NoticeState.UNHEARD_OF]),
    )
    for what, count in needs:
        if count:
            yield Need(what, count)
