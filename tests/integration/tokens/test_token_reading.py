"""Through the real inbox and the real reader: one token, whoever tells of it and in what order."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from integration.tokens.desk import NOON, Desk, Story, story
from kasir.tokens.model import (
    BY_SHOP,
    TokenFact,
    TokenName,
    TokenNews,
    TokenSays,
    TokenState,
    TokenSummary,
)

CREATED, UPDATED, DISABLED = "token.created", "token.updated", "token.disabled"


async def test_many_readers_of_many_tellings_make_one_token_each(desk: Desk) -> None:
    stories = [story() for _ in range(6)]
    for minute in (1, 2, 3):
        for told in stories:
            await desk.post(
                told.webhook("created", minute),
                told.authorisation(minute),
                told.webhook("alreadyExisting", minute, eventId=f"AGAIN{minute}"),
            )
    # Few at a time, so that no reader takes all and each meets the others at every token.
    readers = [replace(desk.kasir.reader, batch_max=3) for _ in range(8)]
    counts = await asyncio.gather(*(reader.read_all() for reader in readers))

    assert sum(counts) == 6 * 9
    for told in stories:
        token = await desk.token(told)
        assert (token.name.stored_id, token.is_active) == (told.token, True)
        assert await desk.told(told) == [CREATED]
    # Per story: one created, one authorisation (both came thrice), three that it exists already.
    assert await desk.facts() == 6 * 5
    # The authorisations are of payments nobody here asked for; their tokens count all the same.
    assert await desk.states() == {"read": 6 * 6, "foreign": 6 * 3}


async def test_one_shoppers_token_is_not_anothers(desk: Desk) -> None:
    told = story()
    other = replace(story(), token=told.token)
    in_capitals = replace(told, shopper=told.shopper.upper())
    await desk.tell(*(one.webhook("created", 1) for one in (told, other, in_capitals)))
    known = await desk.kasir.tokens.stored_as(told.token)

    assert {token.name.shopper_reference for token in known} == {
        *(told.shopper, other.shopper, in_capitals.shopper),
    }
    assert len({token.id for token in known}) == 3


@pytest.mark.parametrize("token_first", [True, False])
@pytest.mark.parametrize("model", ["Subscription", "CardOnFile"])
async def test_the_model_is_that_of_the_payment_whichever_came_first(
    desk: Desk, token_first: bool, model: str
) -> None:
    told = story()
    await desk.hear_reply(await desk.ask(told, model))
    halves = [told.webhook("created", 2), told.authorisation(1, additionalData={})]
    await desk.tell(*(halves if token_first else halves[::-1]))
    token = await desk.token(told)

    assert token.model == model
    assert token.standing.first_psp_reference == told.psp_reference


async def test_a_token_waits_for_its_payment_and_the_details_bring_it_too(desk: Desk) -> None:
    told = story()
    await desk.hear_reply(await desk.ask(told))
    await desk.tell(told.webhook("created", 2))
    before = await desk.token(told)
    await desk.hear_details(told)

    assert (before.model, (await desk.token(told)).model) == ("", "Subscription")


async def test_a_token_of_a_payment_never_heard_of_is_a_token(desk: Desk) -> None:
    told = story()
    await desk.tell(told.webhook("created", 1))
    token = await desk.token(told)
    (event,) = await desk.events(told)

    assert token.name == TokenName(
        merchant_account="TwinMerchant", shopper_reference=told.shopper, stored_id=told.token
    )
    assert (token.model, token.method, token.is_active) == ("", "gopay_wallet", True)
    assert event["type"] == CREATED
    assert event["data"] == {
        "id": token.id,
        "storedPaymentMethodId": told.token,
        "shopperReference": told.shopper,
        "type": "gopay_wallet",
        "state": "active",
        "recurringProcessingModel": "",
        "pspReference": told.psp_reference,
        "createdAt": "2026-11-23T12:01:00Z",
    }


async def test_a_token_of_another_merchant_account_is_kept_and_left_alone(desk: Desk) -> None:
    told = story()
    await desk.tell(
        told.webhook("created", 1, merchantAccount="Another"),
        told.authorisation(1, merchantAccountCode="Another"),
    )

    assert await desk.kasir.tokens.of(told.shopper) == []
    assert await desk.states() == {"foreign": 2}
    assert await desk.told(told) == []


async def test_a_type_nobody_has_heard_of_is_kept_and_shown(desk: Desk) -> None:
    told = story()
    await desk.tell(told.webhook("merged", 1))
    row = await desk.kasir.pool.fetchrow("SELECT event_code, state FROM notice")

    assert dict(row or {}) == {"event_code": "recurring.token.merged", "state": "unheard_of"}
    assert await desk.kasir.tokens.of(told.shopper) == []


@pytest.mark.parametrize(
    "change", [{"createdAt": "yesterday"}, {"shopperReference": ""}, {"storedPaymentMethodId": ""}]
)
async def test_one_that_cannot_be_read_is_held_and_the_others_are_not(
    desk: Desk, change: dict[str, str]
) -> None:
    told, other = story(), story()
    await desk.post(told.webhook("created", 1, **change), other.webhook("created", 1))
    await desk.kasir.reader.read_all()
    error = await desk.kasir.pool.fetchval("SELECT error FROM notice WHERE state = 'held'")

    assert await desk.states() == {"held": 1, "read": 1}
    assert error
    assert told.token not in error
    assert (await desk.token(other)).is_active


async def test_one_that_the_database_cannot_take_is_held_and_the_others_are_not(
    desk: Desk,
) -> None:
    told, other = story(), story()
    await desk.kasir.pool.execute(
        "ALTER TABLE token ADD CONSTRAINT refuses CHECK (method <> 'poison')"
    )
    spoiled = told.webhook("created", 1).replace(b"gopay_wallet", b"poison")
    await desk.post(spoiled, other.webhook("created", 1))
    await desk.kasir.reader.read_all()
    error = await desk.kasir.pool.fetchval("SELECT error FROM notice WHERE state = 'held'")

    assert await desk.states() == {"held": 1, "read": 1}
    assert told.token not in error
    assert (await desk.token(other)).is_active


async def test_a_token_outlives_the_first_payments_failure(desk: Desk) -> None:
    told = story()
    await desk.hear_reply(await desk.ask(told))
    await desk.tell(told.webhook("created", 1), told.authorisation(2, success="false"))
    (payment,) = await desk.kasir.payments.payments_of(told.reference, 10)

    assert payment.status == "refused"
    assert (await desk.token(told)).is_active
    assert await desk.told(told) == [CREATED]


async def test_a_token_outlives_the_first_payments_refund(desk: Desk) -> None:
    told = story()
    await desk.hear_reply(await desk.ask(told))
    await desk.tell(told.authorisation(1), told.webhook("created", 2), told.refund(3))
    (payment,) = await desk.kasir.payments.payments_of(told.reference, 10)

    assert payment.standing.refunded.minor_units == 25_000
    assert (await desk.token(told)).is_active
    assert await desk.told(told) == [CREATED]


async def test_a_disabling_is_final_until_the_wallet_is_saved_anew(desk: Desk) -> None:
    told = story()
    states = []
    for body in (
        told.webhook("created", 1),
        told.webhook("disabled", 2, eventId="END"),
        told.webhook("updated", 3, eventId="CHANGE"),
        told.webhook("created", 1),
        told.webhook("alreadyExisting", 4, eventId="AGAIN"),
    ):
        await desk.tell(body)
        states.append((await desk.token(told)).standing.state)

    assert states == ["active", "disabled", "disabled", "disabled", "active"]
    assert await desk.told(told) == [CREATED, DISABLED, UPDATED, UPDATED]


async def test_what_the_shop_removes_stays_removed_though_adyens_clock_is_ahead(
    desk: Desk,
) -> None:
    told = story()
    await desk.tell(told.webhook("created", 10))
    token = await desk.token(told)
    # Noon by our clock, ten minutes past it by the one that dated the making.
    removed = TokenFact(key="removed", says=TokenSays.DISABLED, source=BY_SHOP, at=NOON)
    await desk.kasir.tokens.hear([TokenNews(name=token.name, method="", fact=removed)])
    after = (await desk.token(told)).standing.state
    await desk.tell(told.webhook("created", 10), told.webhook("alreadyExisting", 11, eventId="NEW"))
    saved_anew = (await desk.token(told)).standing.state

    assert (after, saved_anew) == ("disabled", "active")


async def hear(desk: Desk, told: Story, step: str) -> None:
    """One thing that may be heard of a payment that saves a wallet."""
    match step:
        case "reply":
            await desk.hear_reply(await desk.question(told))
        case "details":
            await desk.hear_details(told)
        case "authorisation":
            await desk.post(told.authorisation(1))
        case "contract":
            await desk.post(told.contract(3))
        case "created":
            await desk.post(told.webhook("created", 2))
        case "alreadyExisting":
            await desk.post(told.webhook("alreadyExisting", 4, eventId="SECOND"))
        case "updated":
            await desk.post(told.webhook("updated", 5, eventId="CHANGE"))
        case _:
            await desk.post(told.webhook("disabled", 6, eventId="END"))


STEPS = [
    *("reply", "details", "authorisation", "contract", "created", "alreadyExisting", "updated"),
    "disabled",
]


async def test_any_order_and_repetition_comes_to_one_token_and_one_story(desk: Desk) -> None:
    chance = random.Random(4)
    orders = {story(): [*STEPS, *chance.choices(STEPS, k=4)] for _ in range(16)}
    for told, steps in orders.items():
        chance.shuffle(steps)
        await desk.ask(told)
    for number in range(len(STEPS) + 4):
        for told, steps in orders.items():
            await hear(desk, told, steps[number])
        await desk.kasir.reader.read_all()

    for told, steps in orders.items():
        token = await desk.token(told)
        events = await desk.events(told)
        assert token.standing == TokenSummary(
            state=TokenState.DISABLED,
            first_psp_reference=told.psp_reference,
            created_at=NOON + timedelta(minutes=1),
        ), steps
        assert (token.model, token.method) == ("Subscription", "gopay_wallet"), steps
        assert sorted(event["type"] for event in events) == [CREATED, DISABLED, UPDATED], steps
        # In whatever order the two came, the last one shows the token as it is.
        assert events[0]["type"] == CREATED, steps
        assert events[-1]["data"]["state"] == "disabled", steps
    assert await desk.facts() == len(orders) * len(STEPS[2:])


@pytest.mark.parametrize("contract_first", [True, False])
async def test_a_contract_that_names_its_payment_by_original_psp_alone_belongs_to_it(
    desk: Desk, contract_first: bool
) -> None:
    told = story()
    await desk.hear_reply(await desk.ask(told))
    contract = told.contract(2, originalReference="")
    halves = [contract, told.authorisation(1, additionalData={})]
    await desk.tell(*(halves if contract_first else halves[::-1]))
    token = await desk.token(told)

    assert token.standing.first_psp_reference == told.psp_reference
    assert token.model == "Subscription"
    assert await desk.told(told) == [CREATED]


@pytest.mark.parametrize("contract_first", [True, False])
async def test_a_contract_that_failed_makes_no_token_and_its_payment_shows_why(
    desk: Desk, contract_first: bool
) -> None:
    told = story()
    await desk.hear_reply(await desk.ask(told))
    contract = told.contract(2, success="false", originalReference="", reason="Not allowed")
    halves = [contract, told.authorisation(1, additionalData={})]
    await desk.tell(*(halves if contract_first else halves[::-1]))
    payment = await desk.kasir.payments.payment(told.payment_id)
    assert payment is not None

    assert await desk.kasir.tokens.stored_as(told.token) == []
    assert await desk.told(told) == []
    assert "the wallet was not saved: Not allowed" in [fact.words for fact in payment.facts]
    assert payment.status == "authorised"
    assert told.token not in repr(payment)
