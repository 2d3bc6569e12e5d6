"""Reads plans and subscriptions outside of turns, and adds plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from kasir.errors import NotFound
from kasir.store.database import Pool, queries
from kasir.store.subscription_rows import RenewalRows, plan_columns, plan_of, subscription_of
from kasir.subscriptions.metrics import Counted
from kasir.subscriptions.plan import HOME_ZONE, Plan
from kasir.subscriptions.renewal import Outcome, Renewal
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import Subscription

SQL: Final = queries("subscriptions")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFilter:
    """Which subscriptions to list; an empty value matches all.

    Attributes:
        state: The state of the subscriptions.
        shopper_reference: The shop's id of the shopper.
        plan_id: Kasir's id of the plan.
        reference: The shop's id of the subscriptions.
        after: The id of the last subscription on the previous page.
    """

    state: str = ""
    shopper_reference: str = ""
    plan_id: str = ""
    reference: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionBook:
    """Reads plans and subscriptions, and adds plans.

    Attributes:
        pool: The database.
        rows: Maps rows of renewals to values.
    """

    pool: Pool
    rows: RenewalRows

    async def add_plan(self, plan: Plan) -> None:
        """Write a plan."""
        await SQL.add_plan(self.pool, **plan_columns(plan))

    async def plan(self, plan_id: str) -> Plan | None:
        """Return a plan; None if there is none with this id."""
        row = await SQL.plan(self.pool, id=plan_id)
        return plan_of(row) if row else None

    async def plans(self, most: int) -> list[Plan]:
        """Return at most `most` plans, newest first."""
        return [plan_of(row) async for row in SQL.plans(self.pool, most=most)]

    async def find(
        self, subscription_id: str, renewals_max: int
    ) -> tuple[Subscription, list[Renewal]]:
        """Return a subscription with its newest renewals, sorted by period.

        Raises:
            NotFound: There is no subscription with that id.
        """
        found = await self._read([subscription_id], renewals_max)
        if not found:
            raise NotFound("subscription", subscription_id)
        return found[0]

    async def listed(
        self, wanted: SubscriptionFilter, most: int, renewals_max: int
    ) -> list[tuple[Subscription, list[Renewal]]]:
        """Return subscriptions, newest first, each with its newest renewals, sorted by period.

        The number of statements does not depend on the number of subscriptions.

        Raises:
            NotFound: There is no subscription with the id `wanted.after`.
        """
        parameters = asdict(wanted)
        after = wanted.after
        if after and not await SQL.is_subscription(self.pool, id=after):
            raise NotFound("subscription", after)
        rows = SQL.subscriptions_of(self.pool, **parameters, most=most)
        return await self._read([row["id"] async for row in rows], renewals_max)

    async def _read(
        self, ids: Sequence[str], renewals_max: int
    ) -> list[tuple[Subscription, list[Renewal]]]:
        """Subscriptions with their newest renewals, in the order of `ids`."""
        rows = {row["id"]: row async for row in SQL.subscriptions(self.pool, ids=ids)}
        attempts = SQL.renewals_of(self.pool, subscription_ids=list(rows), most=renewals_max)
        by_owner = groupby([row async for row in attempts], key=lambda row: row["subscription_id"])
        renewals = {owner: self.rows.renewals([*owned]) for owner, owned in by_owner}
        return [
            _with_open(subscription_of(rows[one]), renewals.get(one, []))
            for one in ids
            if one in rows
        ]

    async def changes_by_day(self, time_zone: str, first: date, last: date) -> list[Counted]:
        """Return how often each change happened on each day, and its effect on monthly revenue.

        Args:
            time_zone: The time zone of the days (IANA name).
            first: The first day that is of interest. Earlier changes are summed by other days.
            last: The last day.
        """
        until = last + timedelta(days=1)
        if time_zone == HOME_ZONE:
            rows = SQL.changes_by_day(self.pool, until_day=until)
        else:
            begin, end = (
                datetime.combine(day, time(), ZoneInfo(time_zone)) for day in (first, until)
            )
            rows = SQL.changes_by_day_in(self.pool, time_zone=time_zone, since=begin, until=end)
        return [_counted(row) async for row in rows]


def _with_open(
    subscription: Subscription, renewals: list[Renewal]
) -> tuple[Subscription, list[Renewal]]:
    """A subscription with its open renewal, if it has one, and all of `renewals`."""
    newest = renewals[-1] if renewals else None
    if newest and newest.outcome is Outcome.OPEN:
        subscription = replace(subscription, renewal=newest)
    return subscription, renewals


def _counted(row: Any) -> Counted:
    day: date = row["day"]
    return Counted(
        day=day,
        was=State(row["was"]),
        now_is=State(row["now_is"]),
        count=row["count"],
        monthly=Fraction(row["monthly"]),
    )
