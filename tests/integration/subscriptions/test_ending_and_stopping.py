"""Cancels, pauses and resumes that a shop plans, and what changes or withdraws them."""

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


AT_END = body_of(at="periodEnd")
NEVER = body_of(at="never")


async def later(shop: Shop, days: int) -> None:
    """Advance the clock by days; a worker runs on each."""
    for _ in range(days):
        shop.clock.at += DAY
        await shop.work()


async def behind(shop: Shop, name: str, **plan: Any) -> SubscriptionId:
    """A subscription whose second period was refused for lack of balance."""
    found = await shop.active(name, await shop.plan(**plan))
    shop.adyen.answers[f"{name}-p2"] = [NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.work()
    assert (await shop.find(found)).state is State.PAST_DUE
    return found


# A cancel at the end of the period, while past due -----------------------------------------------


async def test_cancelled_at_period_end_while_past_due_is_not_asked_for_again(shop: Shop) -> None:
    found = await behind(shop, "ARREARS")
    await shop.kasir.subscribing.cancel(found, AT_END)
    at_once = await shop.find(found)
    await later(shop, 40)

    assert at_once.state is State.CANCELLED
    assert shop.adyen.charges() == Counter({"ARREARS": 1})
    assert (await shop.events())[-1] == "subscription.cancelled"


async def test_a_renewal_refused_after_a_cancel_was_planned_for_its_end_is_not_asked_for_again(
    shop: Shop,
) -> None:
    """The charge is sent when the shop plans the cancel, and its outcome is unknown."""
    found = await shop.active("OUT")
    shop.adyen.answers["OUT-p2"] = [SILENCE, NO_BALANCE]
    shop.clock.at = NOON + MONTH
    await shop.go_on(found)
    await shop.kasir.subscribing.cancel(found, AT_END)
    planned = await shop.find(found)
    await later(shop, 40)
    keys = [key for key, body in shop.adyen.acted.items() if body["reference"] == "OUT-p2"]

    assert (planned.state, planned.cancel_at is None) == (State.ACTIVE, False)
    assert (await shop.find(found)).state is State.CANCELLED
    assert len(keys) == 1
    assert shop.adyen.charges() == Counter({"OUT": 1})


async def test_a_renewal_paid_after_a_cancel_was_planned_for_its_end_runs_to_that_end(
    shop: Shop,
) -> None:
    found = await shop.active("OUT-2")
    shop.adyen.answers["OUT-2-p2"] = [SILENCE]
    shop.clock.at = NOON + MONTH
    await shop.go_on(found)
    await shop.kasir.subscribing.cancel(found, AT_END)
    await later(shop, 20)
    between = await shop.find(found)
    await later(shop, 20)

    assert between.state is State.ACTIVE
    assert (await shop.find(found)).state is State.CANCELLED
    assert shop.adyen.charges() == Counter({"OUT-2": 1, "OUT-2-p2": 1})
    assert "renewal.overpaid" not in await shop.events()


async def test_cancelled_at_period_end_after_the_period_was_given_up_is_cancelled_now(
    shop: Shop,
) -> None:
    found = await behind(shop, "KEPT", whenUnpaid="keep")
    shop.adyen.answers["KEPT-p2"] = [NO_BALANCE] * 5
    await later(shop, 10)
    kept = await shop.find(found)
    await shop.kasir.subscribing.cancel(found, AT_END)

    assert (kept.state, kept.renewal) == (State.PAST_DUE, None)
    assert (await shop.find(found)).state is State.CANCELLED


async def test_paused_at_period_end_while_past_due_is_paused_now(shop: Shop) -> None:
    found = await behind(shop, "STOP")
    await shop.kasir.subscribing.pause(found, AT_END)
    at_once = await shop.find(found)
    await later(shop, 40)

    assert at_once.state is State.PAUSED
    assert shop.adyen.charges() == Counter({"STOP": 1})


@pytest.mark.parametrize(
    ("command", "event"),
    [("cancel", "subscription.cancelled"), ("pause", "subscription.paused")],
)
async def test_a_period_paid_a_moment_before_the_command_is_paid(
    shop: Shop, command: str, event: str
) -> None:
    """The period is paid, but no turn has settled it before the command."""
    found = await shop.active("JUST")
    shop.clock.at = NOON + MONTH
    payment_id = await shop.take_turn(found)
    assert payment_id is not None
    await shop.flow.ask_again(payment_key(payment_id))
    await getattr(shop.kasir.subscribing, command)(found)
    await shop.work()
    renewals = (await shop.kasir.subscriptions.find(found, 10))[1]

    assert [one.outcome for one in renewals] == [Outcome.PAID, Outcome.PAID]
    assert await shop.events() == ["subscription.activated", "renewal.succeeded", event]


# One plan, one command ----------------------------------------------------------------------------


async def test_a_planned_cancel_remains_after_a_pause_and_a_resume(shop: Shop) -> None:
    found = await shop.active("PLANNED")
    await shop.kasir.subscribing.cancel(found, AT_END)
    await shop.kasir.subscribing.pause(found)
    await later(shop, 5)
    await shop.kasir.subscribing.resume(found)
    await shop.work()
    resumed = await shop.find(found)
    await later(shop, 40)

    assert (resumed.state, resumed.cancel_at) == (State.ACTIVE, PERIOD_END)
    assert (await shop.find(found)).state is State.CANCELLED
    assert shop.adyen.charges() == Counter({"PLANNED": 1})
    assert await shop.events() == [
        "subscription.activated",
        "subscription.cancel_planned",
        "subscription.paused",
        "subscription.resumed",
        "subscription.cancelled",
    ]


async def test_a_planned_cancel_is_withdrawn_by_its_own_path_alone_and_both_send_events(
    shop: Shop,
) -> None:
    found = await shop.active("BACK")
    await shop.kasir.subscribing.cancel(found, AT_END)
    with pytest.raises(InvalidRequest, match="active cannot resume"):
        await shop.kasir.subscribing.resume(found)
    kept = await shop.find(found)
    for _ in range(2):  # The second call has nothing to withdraw, and sends no event.
        await shop.kasir.subscribing.cancel(found, NEVER)
    await later(shop, 29)

    assert (kept.cancel_at, (await shop.find(found)).cancel_at) == (PERIOD_END, None)
    assert shop.adyen.charges() == Counter({"BACK": 1, "BACK-p2": 1})
    assert await shop.events() == [
        "subscription.activated",
        "subscription.cancel_planned",
        "subscription.cancel_withdrawn",
        "renewal.succeeded",
    ]


async def test_a_planned_pause_is_withdrawn_by_its_own_path_alone_and_both_send_events(
    shop: Shop,
) -> None:
    found = await shop.active("BACK-2")
    await shop.kasir.subscribing.pause(
        found, body_of(at="periodEnd", resumesAt=(PERIOD_END + 9 * DAY).isoformat())
    )
    with pytest.raises(InvalidRequest, match="active cannot resume"):
        await shop.kasir.subscribing.resume(found)
    await shop.kasir.subscribing.pause(found, NEVER)
    await later(shop, 29)
    subscription = await shop.find(found)

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


async def test_a_planned_resume_is_withdrawn_by_its_own_path_alone_and_both_send_events(
    shop: Shop,
) -> None:
    found = await shop.active("BACK-3")
    await shop.kasir.subscribing.pause(found)
    await shop.kasir.subscribing.resume(found, body_of(at=(NOON + 9 * DAY).isoformat()))
    planned = await shop.find(found)
    await shop.kasir.subscribing.resume(found, NEVER)
    await later(shop, 20)

    assert planned.resumes_at == NOON + 9 * DAY
    assert (await shop.find(found)).state is State.PAUSED
    assert await shop.events() == [
        "subscription.activated",
        "subscription.paused",
        "subscription.resume_planned",
        "subscription.resume_withdrawn",
    ]


async def test_a_pause_that_comes_sooner_than_planned_still_ends_as_planned(shop: Shop) -> None:
    found = await shop.active("SOONER")
    resumes_at = PERIOD_END + 9 * DAY
    await shop.kasir.subscribing.pause(
        found, body_of(at="periodEnd", resumesAt=resumes_at.isoformat())
    )
    await shop.kasir.subscribing.pause(found)
    subscription = await shop.find(found)

    assert (subscription.state, subscription.pause_at, subscription.resumes_at) == (
        State.PAUSED,
        None,
        resumes_at,
    )


# A pause at the end, a resume at a date, a pause of a trial ---------------------------------------


async def test_paused_at_period_end_runs_to_its_end_and_is_charged_no_more(shop: Shop) -> None:
    found = await shop.active("END")
    await shop.kasir.subscribing.pause(found, AT_END)
    planned = await shop.find(found)
    await later(shop, 27)
    before = await shop.find(found)
    await later(shop, 20)

    assert (planned.state, planned.pause_at) == (State.ACTIVE, PERIOD_END)
    assert before.state is State.ACTIVE
    assert (await shop.find(found)).state is State.PAUSED
    assert shop.adyen.charges() == Counter({"END": 1})


async def test_a_resume_planned_for_a_date_begins_a_new_period_at_that_date(shop: Shop) -> None:
    found = await shop.active("DATE")
    resumes_at = PERIOD_END + 9 * DAY
    await shop.kasir.subscribing.pause(
        found, body_of(at="periodEnd", resumesAt=resumes_at.isoformat())
    )
    await later(shop, 36)
    paused = (await shop.find(found)).state
    await later(shop, 2)
    subscription = await shop.find(found)

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
    found = await shop.active("WITHIN")
    before = (await shop.find(found)).current_period
    await shop.kasir.subscribing.pause(found, body_of(resumesAt=(NOON + 5 * DAY).isoformat()))
    await later(shop, 6)
    subscription = await shop.find(found)

    assert (subscription.state, subscription.current_period) == (State.ACTIVE, before)
    assert shop.adyen.charges() == Counter({"WITHIN": 1})


async def test_the_rest_of_a_paused_trial_is_given_after_it_resumes(shop: Shop) -> None:
    found = await shop.active("TRY", await shop.plan(trialDays=7))
    await later(shop, 3)
    await shop.kasir.subscribing.pause(found)
    await later(shop, 30)
    paused = await shop.find(found)
    resumed_at = shop.clock.at
    await shop.kasir.subscribing.resume(found)
    await later(shop, 3)
    trialing = await shop.find(found)
    await later(shop, 2)

    assert (paused.state, trialing.state) == (State.PAUSED, State.TRIALING)
    assert trialing.current_period is not None
    assert trialing.current_period.end == resumed_at + 4 * DAY
    assert (await shop.find(found)).state is State.ACTIVE
    assert shop.adyen.charges() == Counter({"TRY": 1, "TRY-p1": 1})


async def test_a_cancel_planned_for_the_end_of_a_trial_moves_with_it(shop: Shop) -> None:
    found = await shop.active("TRY-2", await shop.plan(trialDays=7))
    await shop.kasir.subscribing.cancel(found, AT_END)
    await later(shop, 3)
    await shop.kasir.subscribing.pause(found)
    await later(shop, 30)
    paused = (await shop.find(found)).state
    await shop.kasir.subscribing.resume(found)
    await later(shop, 3)
    trialing = (await shop.find(found)).state
    await later(shop, 2)

    assert (paused, trialing) == (State.PAUSED, State.TRIALING)
    assert (await shop.find(found)).state is State.CANCELLED
    assert shop.adyen.charges() == Counter({"TRY-2": 1})


async def test_a_trial_paused_at_its_end_is_charged_when_it_resumes(shop: Shop) -> None:
    found = await shop.active("TRY-3", await shop.plan(trialDays=7))
    await shop.kasir.subscribing.pause(found, AT_END)
    await later(shop, 10)
    paused = (await shop.find(found)).state
    await shop.kasir.subscribing.resume(found)
    await shop.work()

    assert (paused, (await shop.find(found)).state) == (State.PAUSED, State.ACTIVE)
    assert shop.adyen.charges() == Counter({"TRY-3": 1, "TRY-3-p1": 1})


async def test_a_cancel_and_a_pause_planned_for_the_same_end_cancel_the_subscription(
    shop: Shop,
) -> None:
    found = await shop.active("BOTH")
    await shop.kasir.subscribing.pause(found, AT_END)
    await shop.kasir.subscribing.cancel(found, AT_END)
    await later(shop, 30)

    assert (await shop.find(found)).state is State.CANCELLED


async def test_the_last_period_ends_although_a_pause_was_planned_for_its_end(shop: Shop) -> None:
    found = await shop.active("LAST", await shop.plan(cycles=1))
    await shop.kasir.subscribing.pause(found, AT_END)
    await later(shop, 30)

    assert (await shop.find(found)).state is State.ENDED


@pytest.mark.parametrize(
    "resumes_at",
    [NOON - DAY, NOON, PERIOD_END, NOON + 800 * DAY],
    ids=["past", "now", "not after the pause", "too far"],
)
async def test_a_resume_at_an_invalid_date_is_refused_and_nothing_is_planned(
    shop: Shop, resumes_at: datetime
) -> None:
    found = await shop.active("WHEN")
    with pytest.raises(InvalidRequest, match="resumesAt"):
        await shop.kasir.subscribing.pause(
            found, body_of(at="periodEnd", resumesAt=resumes_at.isoformat())
        )
    subscription = await shop.find(found)

    assert (subscription.state, subscription.pause_at, subscription.resumes_at) == (
        State.ACTIVE,
        None,
        None,
    )
