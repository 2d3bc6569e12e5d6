"""Tokens are encrypted in every table, and the key can be replaced."""

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

NEWER_SECRET = "another-key-that-seals-what-is-kept-here"
#: Tables with the shop's references, which are not encrypted because payments are found by them.
TABLES_WITH_REFERENCES = {"payment", "payment_link"}


async def tables_with(app: TokenApp, text: str) -> set[str]:
    """The tables that contain a text without encryption, as text or as bytes."""
    rows = await app.kasir.pool.fetch(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    tables = [row["table_name"] for row in rows]
    assert {"token", "token_fact", "notice", "question", "event"} <= set(tables)
    # When PostgreSQL casts a row to text, it writes bytes in hexadecimal.
    query = "SELECT count(*) FROM {} AS r WHERE r::text LIKE ANY ($1)"
    patterns = [f"%{text}%", f"%{text.encode().hex()}%"]
    return {
        table for table in tables if await app.kasir.pool.fetchval(query.format(table), patterns)
    }


async def test_tokens_wallets_and_notices_are_stored_encrypted(app: TokenApp) -> None:
    wallet = a_wallet()
    await app.record_reply(await app.open_payment(wallet))
    await app.post_and_read(
        wallet.webhook("created", 2),
        wallet.authorisation(1),
        wallet.contract(3),
        wallet.webhook("updated", 4, eventId="CHANGE"),
        # Notifications that cannot be processed are stored too.
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

    assert await app.notice_states() == {
        "read": 5,
        "held": 1,
        "unheard_of": 1,
        "foreign": 1,
        "ignored": 1,
    }
    assert [event["data"]["storedPaymentMethodId"] for event in await app.events(wallet)] == [
        *(wallet.token, wallet.token, wallet.token),
    ]
    assert await tables_with(app, wallet.token) == set()
    account = f"62{wallet.psp_reference}"  # The id of the shopper's account at GoPay.
    assert await tables_with(app, account) == set()
    assert await tables_with(app, wallet.reference) <= TABLES_WITH_REFERENCES
    # The check can fail: it finds text that is not encrypted.
    assert await tables_with(app, wallet.shopper) >= {"token", "payment"}
    assert "notice" in await tables_with(app, wallet.psp_reference)


async def test_data_encrypted_with_the_older_key_is_read_while_both_keys_are_set(
    fresh_database: str,
) -> None:
    wallet, later = a_wallet(), a_wallet()
    async with app_on(fresh_database) as app:
        await app.post_and_read(wallet.webhook("created", 1))
        await app.post(wallet.webhook("disabled", 2, eventId="END"))
    async with app_on(fresh_database, f"{NEWER_SECRET},{SECRET}") as app:
        await app.post_and_read(later.webhook("created", 1))
        token = await app.token(wallet)

        assert token.name.stored_id == wallet.token
        assert token.is_active is False
        assert await app.event_types(wallet) == ["token.created", "token.disabled"]
    async with app_on(fresh_database, NEWER_SECRET) as app:
        assert (await app.token(later)).name.stored_id == later.token
        with pytest.raises(SettingError, match="KASIR_SECRET_KEY"):
            await app.token(wallet)


async def test_a_notice_that_no_key_decrypts_is_held_with_the_reason_and_not_lost(
    fresh_database: str,
) -> None:
    wallet = a_wallet()
    async with app_on(fresh_database) as app:
        await app.post(wallet.webhook("created", 1))
    async with app_on(fresh_database, NEWER_SECRET) as app:
        await app.kasir.reader.read_all()
        held = await app.kasir.pool.fetchrow("SELECT id, state, error FROM notice")

        assert held is not None
        assert held["state"] == "held"
        assert held["error"].startswith("KASIR_SECRET_KEY: cannot decrypt the stored data")
        assert await app.kasir.tokens.of(wallet.shopper) == []
    async with app_on(fresh_database, f"{NEWER_SECRET},{SECRET}") as app:
        await app.replay(held["id"])

        assert (await app.token(wallet)).is_active
        assert await app.notice_states() == {"read": 1}


async def test_a_notice_that_no_key_decrypts_does_not_block_others(
    fresh_database: str,
) -> None:
    wallet, other = a_wallet(), a_wallet()
    async with app_on(fresh_database) as app:
        await app.post_and_read(wallet.webhook("created", 1))
    async with app_on(fresh_database, NEWER_SECRET) as app:
        await app.post(wallet.webhook("disabled", 2, eventId="END"), other.webhook("created", 1))
        await app.kasir.reader.read_all()
        held = await app.kasir.pool.fetchrow("SELECT id, error FROM notice WHERE state = 'held'")

        assert held is not None
        assert "KASIR_SECRET_KEY: cannot decrypt the stored data" in held["error"]
        assert (await app.token(other)).is_active
    async with app_on(fresh_database, f"{NEWER_SECRET},{SECRET}") as app:
        await app.replay(held["id"])

        assert (await app.token(wallet)).is_active is False
        assert await app.event_types(wallet) == ["token.created", "token.disabled"]


async def test_a_token_id_is_complete_in_events_and_shortened_in_the_texts_of_objects(
    app: TokenApp,
) -> None:
    wallet = a_wallet()
    await app.post_and_read(wallet.webhook("created", 1))
    token = await app.token(wallet)
    for_the_shop = json.loads(msgspec.json.encode(shown_token(token)))

    assert token.name.stored_id == for_the_shop["storedPaymentMethodId"] == wallet.token
    assert wallet.token not in f"{token!r} {token} {[token]} {shown_token(token)!r}"
