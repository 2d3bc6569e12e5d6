"""The metrics of each day match the stored payments."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

from integration.subscriptions.shop import NO_BALANCE, NOON, Shop
from kasir.payments.status import Status
from kasir.subscriptions.metrics import Counted, by_day
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import SubscriptionId

ZONE = "Asia/Jakarta"
DAYS = 100


def day_of(moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(ZONE)).date()


async def run_for_100_days(shop: Shop) -> dict[str, SubscriptionId]:
    """Run twelve subscriptions with some refused charges; return their ids by reference."""
    chance = Random(5)  # The same numbers in every run.
    plan = await shop.create_plan()
    subscription_ids: dict[str, SubscriptionId] = {}
    start_days = {f"S{number}": chance.randrange(30) for number in range(12)}
    for day in range(DAYS):
        shop.clock.at = NOON + timedelta(days=day)
        for name, start in start_days.items():
            if start == day:
                refusals = chance.choice([0, 0, 1, 2, 9])  # After 9 the period is given up.
                shop.adyen.answers[f"{name}-p{chance.choice([2, 3])}"] = [NO_BALANCE] * refusals
                subscription_ids[name] = await shop.create_active(name, plan)
        await shop.work()
    return subscription_ids


async def test_the_metrics_match_the_payments(shop: Shop) -> None:
    subscription_ids = await run_for_100_days(shop)
    last = day_of(shop.clock.at)
    changes = await shop.kasir.subscriptions.changes_by_day(ZONE, day_of(NOON), last)
    days = {figures.day: figures for figures in by_day(changes, day_of(NOON), last)}
    new, recovered = Counter[date](), Counter[date]()
    past_due: dict[date, set[str]] = defaultdict(set)
    for name, subscription_id in subscription_ids.items():
        subscription, renewals = await shop.kasir.subscriptions.find(subscription_id, 100)
        for renewal in renewals:
            payments = await shop.kasir.payments.payments_of(renewal.reference, 50)
            refused = [one for one in payments if one.status is Status.REFUSED]
            paid = [one for one in payments if one.status is Status.AUTHORISED]
            assert len(paid) <= 1
            if renewal.reference == name:
                new[day_of(paid[0].intent.created_at)] += 1
            if refused:  # Past due from the first refusal to the payment, the end or today.
                since = day_of(min(one.intent.created_at for one in refused))
                until = last + timedelta(days=1)
                if paid:
                    until = day_of(paid[0].intent.created_at)
                    recovered[until] += 1
                elif subscription.state is State.CANCELLED:
                    until = day_of(max(one.intent.created_at for one in refused))
                for number in range((until - since).days):
                    past_due[since + timedelta(days=number)].add(name)

    assert sum(recovered.values()) >= 1
    assert {day: figures.new for day, figures in days.items() if figures.new} == dict(new)
    assert {day: figures.recovered for day, figures in days.items() if figures.recovered} == dict(
        recovered
    )
    assert {day: figures.past_due for day, figures in days.items() if figures.past_due} == {
        day: len(names) for day, names in past_due.items()
    }
    for figures in days.values():
        assert figures.monthly == 50_000 * (figures.active + figures.past_due)
    for zone in (ZONE, "Asia/Bangkok", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        await assert_all_changes_count(shop, zone)


async def assert_all_changes_count(shop: Shop, zone: str) -> None:
    """The metrics of a time zone, of all days and of the later ones, are those of all changes."""
    rows = await shop.kasir.pool.fetch(
        "SELECT (at AT TIME ZONE $1)::date AS day, was, now_is,"
        " monthly_now - monthly_was AS monthly FROM subscription_change",
        zone,
    )
    all_changes = [
        Counted(
            day=row["day"],
            was=State(row["was"]),
            now_is=State(row["now_is"]),
            count=1,
            monthly=Fraction(row["monthly"]),
        )
        for row in rows
    ]
    last = max(row["day"] for row in rows)
    for days in (200, 20):
        first = last - timedelta(days=days)
        found = await shop.kasir.subscriptions.changes_by_day(zone, first, last)

        assert by_day(all_changes, first, last) == by_day(found, first, last)


async def test_a_daily_price_is_converted_to_a_month_of_average_length(shop: Shop) -> None:
    plan = await shop.create_plan(interval={"unit": "day", "count": 1})
    await shop.create_active("DAILY", plan)
    changes = await shop.kasir.subscriptions.changes_by_day(ZONE, day_of(NOON), day_of(NOON))
    (today,) = by_day(changes, day_of(NOON), day_of(NOON))

    assert round(today.monthly) == round(50_000 * 365 / 12)
