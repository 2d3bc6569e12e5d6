"""Notifications of a token in any order give one token, with the real inbox and reader."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from integration.tokens.token_app import NOON, SavedWallet, TokenApp, a_wallet
from kasir.tokens.model import (
    BY_SHOP,
    TokenFact,
    TokenName,
    TokenReport,
    TokenSays,
    TokenState,
    TokenSummary,
)

CREATED, UPDATED, DISABLED = "token.created", "token.updated", "token.disabled"


async def test_concurrent_readers_create_one_token_for_each_wallet(app: TokenApp) -> None:
    wallets = [a_wallet() for _ in range(6)]
    for minute in (1, 2, 3):
        for wallet in wallets:
            await app.post(
                wallet.webhook("created", minute),
                wallet.authorisation(minute),
                wallet.webhook("alreadyExisting", minute, eventId=f"AGAIN{minute}"),
            )
    # With small batches no reader takes all notices, so the readers compete for every token.
    readers = [replace(app.kasir.reader, batch_max=3) for _ in range(8)]
    counts = await asyncio.gather(*(reader.read_all() for reader in readers))

    assert sum(counts) == 6 * 9  # Nine notices for each of six wallets.
    for wallet in wallets:
        token = await app.token(wallet)
        assert (token.name.stored_id, token.is_active) == (wallet.token, True)
        assert await app.event_types(wallet) == [CREATED]
    # Per wallet: one created, one authorisation (each sent three times), three alreadyExisting.
    assert await app.fact_count() == 6 * 5
    # The authorisations are of payments that Kasir did not create, but their tokens count.
    assert await app.notice_states() == {"read": 6 * 6, "foreign": 6 * 3}


async def test_a_token_id_that_three_shoppers_share_is_three_tokens(app: TokenApp) -> None:
    wallet = a_wallet()
    other = replace(a_wallet(), token=wallet.token)
    in_capitals = replace(wallet, shopper=wallet.shopper.upper())
    await app.post_and_read(*(one.webhook("created", 1) for one in (wallet, other, in_capitals)))
    known = await app.kasir.tokens.stored_as(wallet.token)

    assert {token.name.shopper_reference for token in known} == {
        *(wallet.shopper, other.shopper, in_capitals.shopper),
    }
    assert len({token.id for token in known}) == 3


@pytest.mark.parametrize("token_first", [True, False])
@pytest.mark.parametrize("model", ["Subscription", "CardOnFile"])
async def test_a_token_gets_the_model_of_its_payment_in_either_order(
    app: TokenApp, token_first: bool, model: str
) -> None:
    wallet = a_wallet()
    await app.record_reply(await app.open_payment(wallet, model))
    bodies = [wallet.webhook("created", 2), wallet.authorisation(1, additionalData={})]
    await app.post_and_read(*(bodies if token_first else bodies[::-1]))
    token = await app.token(wallet)

    assert token.model == model
    assert token.summary.first_psp_reference == wallet.psp_reference


async def test_a_token_gets_its_model_when_the_details_identify_its_payment(app: TokenApp) -> None:
    wallet = a_wallet()
    await app.record_reply(await app.open_payment(wallet))
    await app.post_and_read(wallet.webhook("created", 2))
    before = await app.token(wallet)
    await app.record_details(wallet)

    assert (before.model, (await app.token(wallet)).model) == ("", "Subscription")


async def test_a_token_of_an_unknown_payment_is_stored_and_has_an_event(app: TokenApp) -> None:
    wallet = a_wallet()
    await app.post_and_read(wallet.webhook("created", 1))
    token = await app.token(wallet)
    (event,) = await app.events(wallet)

    assert token.name == TokenName(
        merchant_account="TwinMerchant", shopper_reference=wallet.shopper, stored_id=wallet.token
    )
    assert (token.model, token.method, token.is_active) == ("", "gopay_wallet", True)
    assert event["type"] == CREATED
    assert event["data"] == {
        "id": token.id,
        "storedPaymentMethodId": wallet.token,
        "shopperReference": wallet.shopper,
        "type": "gopay_wallet",
        "state": "active",
        "recurringProcessingModel": "",
        "pspReference": wallet.psp_reference,
        "createdAt": "2026-11-23T12:01:00Z",
    }


async def test_notifications_of_another_merchant_account_are_kept_and_create_no_token(
    app: TokenApp,
) -> None:
    wallet = a_wallet()
    await app.post_and_read(
        wallet.webhook("created", 1, merchantAccount="Another"),
        wallet.authorisation(1, merchantAccountCode="Another"),
    )

    assert await app.kasir.tokens.of(wallet.shopper) == []
    assert await app.notice_states() == {"foreign": 2}
    assert await app.event_types(wallet) == []


async def test_a_notification_of_an_unknown_type_is_kept(app: TokenApp) -> None:
    wallet = a_wallet()
    await app.post_and_read(wallet.webhook("merged", 1))
    row = await app.kasir.pool.fetchrow("SELECT event_code, state FROM notice")

    assert dict(row or {}) == {"event_code": "recurring.token.merged", "state": "unheard_of"}
    assert await app.kasir.tokens.of(wallet.shopper) == []


@pytest.mark.parametrize(
    "change", [{"createdAt": "yesterday"}, {"shopperReference": ""}, {"storedPaymentMethodId": ""}]
)
async def test_an_unreadable_notification_is_held_and_the_others_are_not(
    app: TokenApp, change: dict[str, str]
) -> None:
    wallet, other = a_wallet(), a_wallet()
    await app.post(wallet.webhook("created", 1, **change), other.webhook("created", 1))
    await app.kasir.reader.read_all()
    error = await app.kasir.pool.fetchval("SELECT error FROM notice WHERE state = 'held'")

    assert await app.notice_states() == {"held": 1, "read": 1}
    assert error
    assert wallet.token not in error
    assert (await app.token(other)).is_active


async def test_a_notification_that_the_database_refuses_is_held_and_the_others_are_not(
    app: TokenApp,
) -> None:
    wallet, other = a_wallet(), a_wallet()
    await app.kasir.pool.execute(
        "ALTER TABLE token ADD CONSTRAINT refuses CHECK (method <> 'poison')"
    )
    unstorable = wallet.webhook("created", 1).replace(b"gopay_wallet", b"poison")
    await app.post(unstorable, other.webhook("created", 1))
    await app.kasir.reader.read_all()
    error = await app.kasir.pool.fetchval("SELECT error FROM notice WHERE state = 'held'")

    assert await app.notice_states() == {"held": 1, "read": 1}
    assert wallet.token not in error
    assert (await app.token(other)).is_active


async def test_a_token_stays_active_when_its_first_payment_fails(app: TokenApp) -> None:
    wallet = a_wallet()
    await app.record_reply(await app.open_payment(wallet))
    await app.post_and_read(wallet.webhook("created", 1), wallet.authorisation(2, success="false"))
    (payment,) = await app.kasir.payments.payments_of(wallet.reference, 10)

    assert payment.status == "refused"
    assert (await app.token(wallet)).is_active
    assert await app.event_types(wallet) == [CREATED]


async def test_a_token_stays_active_when_its_first_payment_is_refunded(app: TokenApp) -> None:
    wallet = a_wallet()
    await app.record_reply(await app.open_payment(wallet))
    await app.post_and_read(wallet.authorisation(1), wallet.webhook("created", 2), wallet.refund(3))
    (payment,) = await app.kasir.payments.payments_of(wallet.reference, 10)

    assert payment.summary.refunded.minor_units == 25_000
    assert (await app.token(wallet)).is_active
    assert await app.event_types(wallet) == [CREATED]


async def test_a_disabled_token_stays_disabled_until_the_wallet_is_saved_again(
    app: TokenApp,
) -> None:
    wallet = a_wallet()
    states = []
    for body in (
        wallet.webhook("created", 1),
        wallet.webhook("disabled", 2, eventId="END"),
        wallet.webhook("updated", 3, eventId="CHANGE"),
        wallet.webhook("created", 1),
        wallet.webhook("alreadyExisting", 4, eventId="AGAIN"),
    ):
        await app.post_and_read(body)
        states.append((await app.token(wallet)).summary.state)

    assert states == ["active", "disabled", "disabled", "disabled", "active"]
    assert await app.event_types(wallet) == [CREATED, DISABLED, UPDATED, UPDATED]


async def test_a_token_that_the_shop_removes_stays_disabled_although_adyens_clock_is_ahead(
    app: TokenApp,
) -> None:
    wallet = a_wallet()
    await app.post_and_read(wallet.webhook("created", 10))
    token = await app.token(wallet)
    # Kasir's clock shows noon; by Adyen's clock the token was created ten minutes later.
    removed = TokenFact(key="removed", says=TokenSays.DISABLED, source=BY_SHOP, at=NOON)
    await app.kasir.tokens.record([TokenReport(name=token.name, method="", fact=removed)])
    after = (await app.token(wallet)).summary.state
    await app.post_and_read(
        wallet.webhook("created", 10), wallet.webhook("alreadyExisting", 11, eventId="NEW")
    )
    saved_again = (await app.token(wallet)).summary.state

    assert (after, saved_again) == ("disabled", "active")


async def deliver_step(app: TokenApp, wallet: SavedWallet, step: str) -> None:
    """Deliver one message about a payment that saves a wallet: Adyen's answer or notification."""
    match step:
        case "reply":
            await app.record_reply(await app.question(wallet))
        case "details":
            await app.record_details(wallet)
        case "authorisation":
            await app.post(wallet.authorisation(1))
        case "contract":
            await app.post(wallet.contract(3))
        case "created":
            await app.post(wallet.webhook("created", 2))
        case "alreadyExisting":
            await app.post(wallet.webhook("alreadyExisting", 4, eventId="SECOND"))
        case "updated":
            await app.post(wallet.webhook("updated", 5, eventId="CHANGE"))
        case _:
            await app.post(wallet.webhook("disabled", 6, eventId="END"))


STEPS = [
    *("reply", "details", "authorisation", "contract", "created", "alreadyExisting", "updated"),
    "disabled",
]


async def test_messages_in_any_order_and_number_give_one_token_and_the_same_events(
    app: TokenApp,
) -> None:
    chance = random.Random(4)  # The same orders in every run.
    # Each wallet gets every message once and four messages again, in an order of its own.
    orders = {a_wallet(): [*STEPS, *chance.choices(STEPS, k=4)] for _ in range(16)}
    for wallet, steps in orders.items():
        chance.shuffle(steps)
        await app.open_payment(wallet)
    for number in range(len(STEPS) + 4):
        for wallet, steps in orders.items():
            await deliver_step(app, wallet, steps[number])
        await app.kasir.reader.read_all()

    for wallet, steps in orders.items():
        token = await app.token(wallet)
        events = await app.events(wallet)
        assert token.summary == TokenSummary(
            state=TokenState.DISABLED,
            first_psp_reference=wallet.psp_reference,
            created_at=NOON + timedelta(minutes=1),
        ), steps
        assert (token.model, token.method) == ("Subscription", "gopay_wallet"), steps
        assert sorted(event["type"] for event in events) == [CREATED, DISABLED, UPDATED], steps
        # The first event reports the creation, and the last has the current state.
        assert events[0]["type"] == CREATED, steps
        assert events[-1]["data"]["state"] == "disabled", steps
    # All steps except the reply and the details give a fact of the token.
    assert await app.fact_count() == len(orders) * len(STEPS[2:])


@pytest.mark.parametrize("contract_first", [True, False])
async def test_a_contract_belongs_to_the_payment_whose_psp_reference_is_its_original_psp(
    app: TokenApp, contract_first: bool
) -> None:
    wallet = a_wallet()
    await app.record_reply(await app.open_payment(wallet))
    contract = wallet.contract(2, originalReference="")
    bodies = [contract, wallet.authorisation(1, additionalData={})]
    await app.post_and_read(*(bodies if contract_first else bodies[::-1]))
    token = await app.token(wallet)

    assert token.summary.first_psp_reference == wallet.psp_reference
    assert token.model == "Subscription"
    assert await app.event_types(wallet) == [CREATED]


@pytest.mark.parametrize("contract_first", [True, False])
async def test_a_failed_contract_creates_no_token_and_its_payment_shows_the_reason(
    app: TokenApp, contract_first: bool
) -> None:
    wallet = a_wallet()
    await app.record_reply(await app.open_payment(wallet))
    contract = wallet.contract(2, success="false", originalReference="", reason="Not allowed")
    bodies = [contract, wallet.authorisation(1, additionalData={})]
    await app.post_and_read(*(bodies if contract_first else bodies[::-1]))
    payment = await app.kasir.payments.payment(wallet.payment_id)
    assert payment is not None

    assert await app.kasir.tokens.stored_as(wallet.token) == []
    assert await app.event_types(wallet) == []
    assert "the wallet was not saved: Not allowed" in [fact.words for fact in payment.facts]
    assert payment.status == "authorised"
    assert wallet.token not in repr(payment)
