"""Tokens are encrypted wherever they are stored, and the key can be replaced."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from fakes import envelope, notification_item
from integration.tokens.token_app import SECRET, TokenApp, a_wallet, app_on
from kasir.errors import SettingError
from kasir.ids import PaymentId
from kasir.shop_events.shapes import shown_token

NEWER = "another-key-that-seals-what-is-kept-here"
#: Columns with the shop's own texts, unencrypted, because payments are found by them.
INDEXES = {"payment", "payment_link"}


async def found_in(app: TokenApp, words: str) -> set[str]:
    """The tables that have any of these unencrypted, as text or as bytes."""
    rows = await app.kasir.pool.fetch(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    tables = [row["table_name"] for row in rows]
    assert {"token", "token_fact", "notice", "question", "event"} <= set(tables)
    # A row as text has its bytes as hex.
    holding = "SELECT count(*) FROM {} AS r WHERE r::text LIKE ANY ($1)"
    wanted = [f"%{words}%", f"%{words.encode().hex()}%"]
    return {
        table for table in tables if await app.kasir.pool.fetchval(holding.format(table), wanted)
    }


async def test_no_token_no_wallet_and_no_notice_is_kept_in_the_clear(app: TokenApp) -> None:
    wallet = a_wallet()
    await app.record_reply(await app.open_payment(wallet))
    await app.post_and_read(
        wallet.webhook("created", 2),
        wallet.authorisation(1),
        wallet.contract(3),
        wallet.webhook("updated", 4, eventId="CHANGE"),
        # Also the notifications that are stored although they cannot be read.
        wallet.webhook("created", 5, createdAt="yesterday"),
        wallet.webhook("merged", 6),
        wallet.webhook("created", 7, merchantAccount="Another"),
        envelope(
            notification_item(
                eventCode="RECURRING_CONTRACT", pspReference=wallet.token, success="false"
            )
        ),
    )
    await app.record_details(wallet)
    charge = replace(wallet, payment_id=PaymentId(f"{wallet.payment_id}-2"))
    await app.open_charge(charge)
    await app.post_and_read(wallet.webhook("disabled", 9, eventId="END"))

    assert await app.states() == {
        "read": 5,
        "held": 1,
        "unheard_of": 1,
        "foreign": 1,
        "ignored": 1,
    }
    assert [event["data"]["storedPaymentMethodId"] for event in await app.events(wallet)] == [
        *(wallet.token, wallet.token, wallet.token),
    ]
    assert await found_in(app, wallet.token) == set()
    assert await found_in(app, f"62{wallet.psp_reference}") == set()
    assert await found_in(app, wallet.reference) <= INDEXES
    # The search finds unencrypted text.
    assert await found_in(app, wallet.shopper) >= {"token", "payment"}
    assert "notice" in await found_in(app, wallet.psp_reference)


async def test_data_of_the_older_key_is_read_when_the_newer_key_is_first(
    fresh_database: str,
) -> None:
    wallet, later = a_wallet(), a_wallet()
    async with app_on(fresh_database) as app:
        await app.post_and_read(wallet.webhook("created", 1))
        await app.post(wallet.webhook("disabled", 2, eventId="END"))
    async with app_on(fresh_database, f"{NEWER},{SECRET}") as app:
        await app.post_and_read(later.webhook("created", 1))
        token = await app.token(wallet)

        assert token.name.stored_id == wallet.token
        assert token.is_active is False
        assert await app.event_types(wallet) == ["token.created", "token.disabled"]
    async with app_on(fresh_database, NEWER) as app:
        assert (await app.token(later)).name.stored_id == later.token
        with pytest.raises(SettingError, match="KASIR_SECRET_KEY"):
            await app.token(wallet)


async def test_a_notice_that_no_key_opens_is_held_with_the_reason_and_not_lost(
    fresh_database: str,
) -> None:
    wallet = a_wallet()
    async with app_on(fresh_database) as app:
        await app.post(wallet.webhook("created", 1))
    async with app_on(fresh_database, NEWER) as app:
        await app.kasir.reader.read_all()
        held = await app.kasir.pool.fetchrow("SELECT id, state, error FROM notice")

        assert held is not None
        assert held["state"] == "held"
        assert held["error"].startswith("KASIR_SECRET_KEY: cannot decrypt the stored data")
        assert await app.kasir.tokens.of(wallet.shopper) == []
    async with app_on(fresh_database, f"{NEWER},{SECRET}") as app:
        await app.replay(held["id"])

        assert (await app.token(wallet)).is_active
        assert await app.states() == {"read": 1}


async def test_a_notice_that_no_key_decrypts_does_not_keep_the_others_from_being_read(
    fresh_database: str,
) -> None:
    wallet, other = a_wallet(), a_wallet()
    async with app_on(fresh_database) as app:
        await app.post_and_read(wallet.webhook("created", 1))
    async with app_on(fresh_database, NEWER) as app:
        await app.post(wallet.webhook("disabled", 2, eventId="END"), other.webhook("created", 1))
        await app.kasir.reader.read_all()
        held = await app.kasir.pool.fetchrow("SELECT id, error FROM notice WHERE state = 'held'")

        assert held is not None
        assert "KASIR_SECRET_KEY: cannot decrypt the stored data" in held["error"]
        assert (await app.token(other)).is_active
    async with app_on(fresh_database, f"{NEWER},{SECRET}") as app:
        await app.replay(held["id"])

        assert (await app.token(wallet)).is_active is False
        assert await app.event_types(wallet) == ["token.created", "token.disabled"]


async def test_a_token_is_whole_where_it_is_charged_and_short_where_it_is_shown(
    app: TokenApp,
) -> None:
    wallet = a_wallet()
    await app.post_and_read(wallet.webhook("created", 1))
    token = await app.token(wallet)
    for_the_shop = json.loads(msgspec.json.encode(shown_token(token)))

    assert token.name.stored_id == for_the_shop["storedPaymentMethodId"] == wallet.token
    assert wallet.token not in f"{token!r} {token} {[token]} {shown_token(token)!r}"
