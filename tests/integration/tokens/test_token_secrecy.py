"""A token is as good as a card: sealed wherever it is kept, and its key can be changed."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from fakes import envelope, notification_item
from integration.tokens.desk import SECRET, Desk, desk_on, story
from kasir.errors import SettingError
from kasir.ids import PaymentId
from kasir.shop_events.shapes import shown_token

NEWER = "another-key-that-seals-what-is-kept-here"
#: Where the shop's own words stand in the clear, because payments are found by them.
INDEXES = {"payment", "payment_link"}


async def found_in(desk: Desk, words: str) -> set[str]:
    """The tables in which anything stands in the clear, as text or as bytes."""
    rows = await desk.kasir.pool.fetch(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    tables = [row["table_name"] for row in rows]
    assert {"token", "token_fact", "notice", "question", "event"} <= set(tables)
    # A row as text has its bytes as hex.
    holding = "SELECT count(*) FROM {} AS r WHERE r::text LIKE ANY ($1)"
    wanted = [f"%{words}%", f"%{words.encode().hex()}%"]
    return {
        table for table in tables if await desk.kasir.pool.fetchval(holding.format(table), wanted)
    }


async def test_no_token_no_wallet_and_no_notice_is_kept_in_the_clear(desk: Desk) -> None:
    told = story()
    await desk.hear_reply(await desk.ask(told))
    await desk.tell(
        told.webhook("created", 2),
        told.authorisation(1),
        told.contract(3),
        told.webhook("updated", 4, eventId="CHANGE"),
        # Each of those that are kept without being understood, too.
        told.webhook("created", 5, createdAt="yesterday"),
        told.webhook("merged", 6),
        told.webhook("created", 7, merchantAccount="Another"),
        envelope(
            notification_item(
                eventCode="RECURRING_CONTRACT", pspReference=told.token, success="false"
            )
        ),
    )
    await desk.hear_details(told)
    charge = replace(told, payment_id=PaymentId(f"{told.payment_id}-2"))
    await desk.ask_to_charge(charge)
    await desk.tell(told.webhook("disabled", 9, eventId="END"))

    assert await desk.states() == {
        "read": 5,
        "held": 1,
        "unheard_of": 1,
        "foreign": 1,
        "ignored": 1,
    }
    assert [event["data"]["storedPaymentMethodId"] for event in await desk.events(told)] == [
        *(told.token, told.token, told.token),
    ]
    assert await found_in(desk, told.token) == set()
    assert await found_in(desk, f"62{told.psp_reference}") == set()
    assert await found_in(desk, told.reference) <= INDEXES
    # The search finds what does stand in the clear.
    assert await found_in(desk, told.shopper) >= {"token", "payment"}
    assert "notice" in await found_in(desk, told.psp_reference)


async def test_what_the_older_key_sealed_is_read_with_the_newer_one_first(
    fresh_database: str,
) -> None:
    told, later = story(), story()
    async with desk_on(fresh_database) as desk:
        await desk.tell(told.webhook("created", 1))
        await desk.post(told.webhook("disabled", 2, eventId="END"))
    async with desk_on(fresh_database, f"{NEWER},{SECRET}") as desk:
        await desk.tell(later.webhook("created", 1))
        token = await desk.token(told)

        assert token.name.stored_id == told.token
        assert token.is_active is False
        assert await desk.told(told) == ["token.created", "token.disabled"]
    async with desk_on(fresh_database, NEWER) as desk:
        assert (await desk.token(later)).name.stored_id == later.token
        with pytest.raises(SettingError, match="KASIR_SECRET_KEY"):
            await desk.token(told)


async def test_a_notice_that_no_key_opens_is_held_with_the_reason_and_not_lost(
    fresh_database: str,
) -> None:
    told = story()
    async with desk_on(fresh_database) as desk:
        await desk.post(told.webhook("created", 1))
    async with desk_on(fresh_database, NEWER) as desk:
        await desk.kasir.reader.read_all()
        held = await desk.kasir.pool.fetchrow("SELECT id, state, error FROM notice")

        assert held is not None
        assert held["state"] == "held"
        assert held["error"].startswith("KASIR_SECRET_KEY: does not open what is kept")
        assert await desk.kasir.tokens.of(told.shopper) == []
    async with desk_on(fresh_database, f"{NEWER},{SECRET}") as desk:
        await desk.replay(held["id"])

        assert (await desk.token(told)).is_active
        assert await desk.states() == {"read": 1}


async def test_news_of_a_token_that_no_key_opens_does_not_keep_the_others_from_being_read(
    fresh_database: str,
) -> None:
    told, other = story(), story()
    async with desk_on(fresh_database) as desk:
        await desk.tell(told.webhook("created", 1))
    async with desk_on(fresh_database, NEWER) as desk:
        await desk.post(told.webhook("disabled", 2, eventId="END"), other.webhook("created", 1))
        await desk.kasir.reader.read_all()
        held = await desk.kasir.pool.fetchrow("SELECT id, error FROM notice WHERE state = 'held'")

        assert held is not None
        assert "KASIR_SECRET_KEY: does not open what is kept" in held["error"]
        assert (await desk.token(other)).is_active
    async with desk_on(fresh_database, f"{NEWER},{SECRET}") as desk:
        await desk.replay(held["id"])

        assert (await desk.token(told)).is_active is False
        assert await desk.told(told) == ["token.created", "token.disabled"]


async def test_a_token_is_whole_where_it_is_charged_and_short_where_it_is_shown(
    desk: Desk,
) -> None:
    told = story()
    await desk.tell(told.webhook("created", 1))
    token = await desk.token(told)
    for_the_shop = json.loads(msgspec.json.encode(shown_token(token)))

    assert token.name.stored_id == for_the_shop["storedPaymentMethodId"] == told.token
    assert told.token not in f"{token!r} {token} {[token]} {shown_token(token)!r}"
