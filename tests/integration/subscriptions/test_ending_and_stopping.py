"""A shop plans cancels, pauses and resumes for later, and withdraws them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration.subscriptions.shop import MONTH, NO_BALANCE, NOON, SILENCE, Shop
from kasir.adyen.calls import payment_key
from kasir.errors import InvalidRequest
from kasir.subscriptions.renewal import Outcome
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import SubscriptionId

DAY = timedelta(days=1)
#: The end of the first period after a sign-up at noon on 31 January.
PERIOD_END = NOON + timedelta(days=28)


def body_of(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


AT_PERIOD_END = body_of(at="periodEnd")
NEVER = body_of(at="never")  # Withdraws a planned command.


async def advance_days(shop: Shop, days: int) -> None:
    """Advance the clock by days; a worker runs on each."""
    for _ in range(days):
        shop.clock.at += DAY
        await shop.work()


async def past_due_subscription(shop: Shop, name: str, **plan: Any) -> SubscriptionId:
    """A subscription whose second period was refused for lack of balance."""
    subscription_id = await shop.create_active(name, await shop.create_plan(**plan))
    shop.adyen.answers[f"{name}-p2"] = [NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    assert (await shop.find(subscription_id)).state is State.PAST_DUE
    return subscription_id


# A cancel at the end of the period, while past due -----------------------------------------------


async def test_a_past_due_subscription_cancelled_at_period_end_is_not_charged_again(
    shop: Shop,
) -> None:
    subscription_id = await past_due_subscription(shop, "ARREARS")
    await shop.kasir.subscribing.cancel(subscription_id, AT_PERIOD_END)
    after_command = await shop.find(subscription_id)
    await advance_days(shop, 40)

    assert after_command.state is State.CANCELLED
    assert shop.adyen.charges() == Counter({"ARREARS": 1})
    assert (await shop.events())[-1] == "subscription.cancelled"


async def test_a_renewal_refused_after_a_cancel_was_planned_is_not_retried(
    shop: Shop,
) -> None:
    """When the shop plans the cancel, the charge is already sent and its outcome unknown."""
    subscription_id = await shop.create_active("OUT")
    shop.adyen.answers["OUT-p2"] = [SILENCE, NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.renew(subscription_id)
    await shop.kasir.subscribing.cancel(subscription_id, AT_PERIOD_END)
    planned = await shop.find(subscription_id)
    await advance_days(shop, 40)
    keys = [key for key, body in shop.adyen.processed.items() if body["reference"] == "OUT-p2"]

    assert (planned.state, planned.cancel_at is None) == (State.ACTIVE, False)
    assert (await shop.find(subscription_id)).state is State.CANCELLED
    assert len(keys) == 1
    assert shop.adyen.charges() == Counter({"OUT": 1})


async def test_a_period_paid_after_a_cancel_was_planned_runs_to_its_end(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("OUT-2")
    shop.adyen.answers["OUT-2-p2"] = [SILENCE]
    shop.clock.at = NOON + MONTH
    await shop.renew(subscription_id)
    await shop.kasir.subscribing.cancel(subscription_id, AT_PERIOD_END)
    await advance_days(shop, 20)
    before_end = await shop.find(subscription_id)
    await advance_days(shop, 20)

    assert before_end.state is State.ACTIVE
    assert (await shop.find(subscription_id)).state is State.CANCELLED
    assert shop.adyen.charges() == Counter({"OUT-2": 1, "OUT-2-p2": 1})
    assert "renewal.overpaid" not in await shop.events()


async def test_a_cancel_at_period_end_is_immediate_after_the_period_was_given_up(
    shop: Shop,
) -> None:
    subscription_id = await past_due_subscription(shop, "KEPT", whenUnpaid="keep")
    shop.adyen.answers["KEPT-p2"] = [NO_BALANCE] * 5
    await advance_days(shop, 10)
    given_up = await shop.find(subscription_id)
    await shop.kasir.subscribing.cancel(subscription_id, AT_PERIOD_END)

    assert (given_up.state, given_up.renewal) == (State.PAST_DUE, None)
    assert (await shop.find(subscription_id)).state is State.CANCELLED


async def test_a_pause_at_period_end_is_immediate_while_past_due(shop: Shop) -> None:
    subscription_id = await past_due_subscription(shop, "STOP")
    await shop.kasir.subscribing.pause(subscription_id, AT_PERIOD_END)
    after_command = await shop.find(subscription_id)
    await advance_days(shop, 40)

    assert after_command.state is State.PAUSED
    assert shop.adyen.charges() == Counter({"STOP": 1})


@pytest.mark.parametrize(
    ("command", "event"),
    [("cancel", "subscription.cancelled"), ("pause", "subscription.paused")],
)
async def test_a_period_paid_just_before_a_command_counts_as_paid(
    shop: Shop, command: str, event: str
) -> None:
    """No turn has processed the payment before the command."""
    subscription_id = await shop.create_active("JUST")
    shop.clock.at = NOON + MONTH
    payment_id = await shop.take_turn(subscription_id)
    assert payment_id is not None
    await shop.flow.ask_again(payment_key(payment_id))
    await getattr(shop.kasir.subscribing, command)(subscription_id)
    await shop.work()
    renewals = (await shop.kasir.subscriptions.find(subscription_id, 10))[1]

    assert [one.outcome for one in renewals] == [Outcome.PAID, Outcome.PAID]
    assert await shop.events() == ["subscription.activated", "renewal.succeeded", event]


# Planned commands, and withdrawing them -----------------------------------------------------------


async def test_a_planned_cancel_remains_after_a_pause_and_a_resume(shop: Shop) -> None:
    subscription_id = await shop.create_active("PLANNED")
    await shop.kasir.subscribing.cancel(subscription_id, AT_PERIOD_END)
    await shop.kasir.subscribing.pause(subscription_id)
    await advance_days(shop, 5)
    await shop.kasir.subscribing.resume(subscription_id)
    await shop.work()
    resumed = await shop.find(subscription_id)
    await advance_days(shop, 40)

    assert (resumed.state, resumed.cancel_at) == (State.ACTIVE, PERIOD_END)
    assert (await shop.find(subscription_id)).state is State.CANCELLED
    assert shop.adyen.charges() == Counter({"PLANNED": 1})
    assert await shop.events() == [
        "subscription.activated",
        "subscription.cancel_planned",
        "subscription.paused",
        "subscription.resumed",
        "subscription.cancelled",
    ]


async def test_a_planned_cancel_is_withdrawn_only_by_a_cancel_and_both_send_events(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("BACK")
    await shop.kasir.subscribing.cancel(subscription_id, AT_PERIOD_END)
    with pytest.raises(InvalidRequest, match="active cannot resume"):
        await shop.kasir.subscribing.resume(subscription_id)
    before = await shop.find(subscription_id)
    for _ in range(2):  # The second call has nothing to withdraw, and sends no event.
        await shop.kasir.subscribing.cancel(subscription_id, NEVER)
    await advance_days(shop, 29)

    assert (before.cancel_at, (await shop.find(subscription_id)).cancel_at) == (PERIOD_END, None)
    assert shop.adyen.charges() == Counter({"BACK": 1, "BACK-p2": 1})
    assert await shop.events() == [
        "subscription.activated",
        "subscription.cancel_planned",
        "subscription.cancel_withdrawn",
        "renewal.succeeded",
    ]


async def test_a_planned_pause_is_withdrawn_only_by_a_pause_and_both_send_events(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("BACK-2")
    await shop.kasir.subscribing.pause(
        subscription_id, body_of(at="periodEnd", resumesAt=(PERIOD_END + 9 * DAY).isoformat())
    )
    with pytest.raises(InvalidRequest, match="active cannot resume"):
        await shop.kasir.subscribing.resume(subscription_id)
    await shop.kasir.subscribing.pause(subscription_id, NEVER)
    await advance_days(shop, 29)
    subscription = await shop.find(subscription_id)

    assert (subscription.state, subscription.pause_at, subscription.resumes_at) == (
        State.ACTIVE,
        None,
        None,
    )
    assert await shop.events() == [
        "subscription.activated",
        "subscription.pause_planned",
        "subscription.pause_withdrawn",
        "renewal.succeeded",
    ]


async def test_a_planned_resume_is_withdrawn_by_a_resume_and_both_send_events(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("BACK-3")
    await shop.kasir.subscribing.pause(subscription_id)
    await shop.kasir.subscribing.resume(subscription_id, body_of(at=(NOON + 9 * DAY).isoformat()))
    planned = await shop.find(subscription_id)
    await shop.kasir.subscribing.resume(subscription_id, NEVER)
    await advance_days(shop, 20)

    assert planned.resumes_at == NOON + 9 * DAY
    assert (await shop.find(subscription_id)).state is State.PAUSED
    assert await shop.events() == [
        "subscription.activated",
        "subscription.paused",
        "subscription.resume_planned",
        "subscription.resume_withdrawn",
    ]


async def test_a_pause_that_begins_earlier_than_planned_ends_as_planned(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("SOONER")
    resumes_at = PERIOD_END + 9 * DAY
    await shop.kasir.subscribing.pause(
        subscription_id, body_of(at="periodEnd", resumesAt=resumes_at.isoformat())
    )
    await shop.kasir.subscribing.pause(subscription_id)
    subscription = await shop.find(subscription_id)

    assert (subscription.state, subscription.pause_at, subscription.resumes_at) == (
        State.PAUSED,
        None,
        resumes_at,
    )


# A pause at the end of the period, a resume at a date, a pause of a trial -------------------------


async def test_a_subscription_paused_at_period_end_is_not_charged_again(shop: Shop) -> None:
    subscription_id = await shop.create_active("END")
    await shop.kasir.subscribing.pause(subscription_id, AT_PERIOD_END)
    planned = await shop.find(subscription_id)
    await advance_days(shop, 27)
    before = await shop.find(subscription_id)
    await advance_days(shop, 20)

    assert (planned.state, planned.pause_at) == (State.ACTIVE, PERIOD_END)
    assert before.state is State.ACTIVE
    assert (await shop.find(subscription_id)).state is State.PAUSED
    assert shop.adyen.charges() == Counter({"END": 1})


async def test_a_resume_planned_for_a_date_begins_a_new_period_at_that_date(shop: Shop) -> None:
    subscription_id = await shop.create_active("DATE")
    resumes_at = PERIOD_END + 9 * DAY
    await shop.kasir.subscribing.pause(
        subscription_id, body_of(at="periodEnd", resumesAt=resumes_at.isoformat())
    )
    await advance_days(shop, 36)
    paused = (await shop.find(subscription_id)).state
    await advance_days(shop, 2)
    subscription = await shop.find(subscription_id)

    assert (paused, subscription.state, subscription.resumes_at) == (
        State.PAUSED,
        State.ACTIVE,
        None,
    )
    assert subscription.current_period is not None
    assert subscription.current_period.start == resumes_at
    assert shop.adyen.charges() == Counter({"DATE": 1, "DATE-p2": 1})


async def test_a_pause_and_a_dated_resume_within_the_period_do_not_change_the_period(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("WITHIN")
    before = (await shop.find(subscription_id)).current_period
    await shop.kasir.subscribing.pause(
        subscription_id, body_of(resumesAt=(NOON + 5 * DAY).isoformat())
    )
    await advance_days(shop, 6)
    subscription = await shop.find(subscription_id)

    assert (subscription.state, subscription.current_period) == (State.ACTIVE, before)
    assert shop.adyen.charges() == Counter({"WITHIN": 1})


async def test_the_rest_of_a_paused_trial_follows_the_resume(shop: Shop) -> None:
    subscription_id = await shop.create_active("TRY", await shop.create_plan(trialDays=7))
    await advance_days(shop, 3)
    await shop.kasir.subscribing.pause(subscription_id)
    await advance_days(shop, 30)
    paused = await shop.find(subscription_id)
    resumed_at = shop.clock.at
    await shop.kasir.subscribing.resume(subscription_id)
    await advance_days(shop, 3)
    trialing = await shop.find(subscription_id)
    await advance_days(shop, 2)

    assert (paused.state, trialing.state) == (State.PAUSED, State.TRIALING)
    assert trialing.current_period is not None
    assert trialing.current_period.end == resumed_at + 4 * DAY
    assert (await shop.find(subscription_id)).state is State.ACTIVE
    assert shop.adyen.charges() == Counter({"TRY": 1, "TRY-p1": 1})


async def test_a_cancel_planned_for_the_end_of_a_trial_moves_with_that_end(shop: Shop) -> None:
    subscription_id = await shop.create_active("TRY-2", await shop.create_plan(trialDays=7))
    await shop.kasir.subscribing.cancel(subscription_id, AT_PERIOD_END)
    await advance_days(shop, 3)
    await shop.kasir.subscribing.pause(subscription_id)
    await advance_days(shop, 30)
    paused = (await shop.find(subscription_id)).state
    await shop.kasir.subscribing.resume(subscription_id)
    await advance_days(shop, 3)
    trialing = (await shop.find(subscription_id)).state
    await advance_days(shop, 2)

    assert (paused, trialing) == (State.PAUSED, State.TRIALING)
    assert (await shop.find(subscription_id)).state is State.CANCELLED
    assert shop.adyen.charges() == Counter({"TRY-2": 1})


async def test_a_trial_paused_at_its_end_is_charged_when_it_resumes(shop: Shop) -> None:
    subscription_id = await shop.create_active("TRY-3", await shop.create_plan(trialDays=7))
    await shop.kasir.subscribing.pause(subscription_id, AT_PERIOD_END)
    await advance_days(shop, 10)
    paused = (await shop.find(subscription_id)).state
    await shop.kasir.subscribing.resume(subscription_id)
    await shop.work()

    assert (paused, (await shop.find(subscription_id)).state) == (State.PAUSED, State.ACTIVE)
    assert shop.adyen.charges() == Counter({"TRY-3": 1, "TRY-3-p1": 1})


async def test_a_cancel_and_a_pause_planned_for_the_same_end_cancel_the_subscription(
    shop: Shop,
) -> None:
    subscription_id = await shop.create_active("BOTH")
    await shop.kasir.subscribing.pause(subscription_id, AT_PERIOD_END)
    await shop.kasir.subscribing.cancel(subscription_id, AT_PERIOD_END)
    await advance_days(shop, 30)

    assert (await shop.find(subscription_id)).state is State.CANCELLED


async def test_the_last_period_ends_although_a_pause_was_planned_for_its_end(shop: Shop) -> None:
    subscription_id = await shop.create_active("LAST", await shop.create_plan(cycles=1))
    await shop.kasir.subscribing.pause(subscription_id, AT_PERIOD_END)
    await advance_days(shop, 30)

    assert (await shop.find(subscription_id)).state is State.ENDED


@pytest.mark.parametrize(
    "resumes_at",
    [NOON - DAY, NOON, PERIOD_END, NOON + 800 * DAY],
    ids=["past", "now", "not after the pause", "too late"],
)
async def test_a_resume_at_an_invalid_date_is_refused_and_nothing_is_planned(
    shop: Shop, resumes_at: datetime
) -> None:
    subscription_id = await shop.create_active("WHEN")
    with pytest.raises(InvalidRequest, match="resumesAt"):
        await shop.kasir.subscribing.pause(
            subscription_id, body_of(at="periodEnd", resumesAt=resumes_at.isoformat())
        )
    subscription = await shop.find(subscription_id)

    assert (subscription.state, subscription.pause_at, subscription.resumes_at) == (
        State.ACTIVE,
        None,
        None,
    )
