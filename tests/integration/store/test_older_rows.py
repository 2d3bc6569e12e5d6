"""Migrations correct older rows: keys, unsure tokens, given-up events, stuck sign-ups."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest

from kasir.store import database
from kasir.store.database import Pool

NEW_FROM: Final = "0020_kept_apart_and_sealed.sql"


@pytest.fixture
async def old_database(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    """A database without migration 0020 and later ones; `migrate` applies them."""
    names = database.migrations()
    async with database.connected(empty_database, connections_max=2) as pool:
        with monkeypatch.context() as earlier:
            earlier.setattr(
                database,
                "migrations",
                lambda: [name for name in names if name < NEW_FROM],
            )
            await database.migrate(pool)
        yield pool


async def test_a_migration_strips_each_key_unless_another_row_gets_the_stripped_key(
    old_database: Pool,
) -> None:
    keys = ["k1 ", "k2", "k2 ", "\tk3 ", " k4", "k4 ", "subscription k5 ", "in side", "  "]
    for age, key in enumerate(keys):
        await old_database.execute(
            "INSERT INTO shop_request VALUES ($1, '', $1, now() - make_interval(mins => $2))",
            *(key, age),
        )
        await old_database.execute(
            "INSERT INTO payment_link (id, request, created_at, expires_at, shop_key)"
            " VALUES ($1, '{}', now() - make_interval(mins => $2), now(), $1)",
            *(key, age),
        )
    await database.migrate(old_database)
    # Of " k4" and "k4 " the second is older, so it gets the stripped key.
    expected = ["k1", "k2", "k2 ", "k3", " k4", "k4", "subscription k5", "in side", "  "]
    requests = await old_database.fetch("SELECT question_key AS was, key FROM shop_request")
    links = await old_database.fetch("SELECT id AS was, shop_key AS key FROM payment_link")

    assert {row["was"]: row["key"] for row in requests} == dict(zip(keys, expected, strict=True))
    assert {row["was"]: row["key"] for row in links} == dict(zip(keys, expected, strict=True))


@pytest.mark.parametrize(
    ("facts", "is_sure"),
    [  # Each fact: what it says, its source, its minute.
        ([("created", "token webhook", 1)], True),
        ([("listed", "Adyen's list", 1)], True),
        ([("created", "AUTHORISATION", 1)], False),
        ([("created", "RECURRING_CONTRACT", 1)], False),
        ([("created", "token webhook", 1), ("disabled", "the shop", 2)], False),
        ([("not_listed", "Adyen's list", 1), ("created", "token webhook", 2)], True),
        ([("disabled", "token webhook", 1), ("created", "AUTHORISATION", 2)], False),
    ],
)
async def test_a_migration_marks_a_token_as_sure_by_the_sources_of_its_facts(
    old_database: Pool, facts: list[tuple[str, str, int]], *, is_sure: bool
) -> None:
    await old_database.execute(
        "INSERT INTO token (id, merchant_account, shopper_reference, stored_hash, sealed_id,"
        " method, created_at) VALUES ('tok', 'm', 's', '', '', 'gopay_wallet', now())"
    )
    for says, source, minute in facts:
        await old_database.execute(
            "INSERT INTO token_fact (token_id, key, says, source, at, psp_reference)"
            " VALUES ('tok', $1, $2, $3, now() + make_interval(mins => $4), '')",
            *(f"{says}{minute}", says, source, minute),
        )
    await database.migrate(old_database)

    assert await old_database.fetchval("SELECT is_sure FROM token") is is_sure


async def test_an_earlier_given_up_event_counts_as_given_up_at_its_own_time(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = database.migrations()
    async with database.connected(empty_database, connections_max=2) as pool:
        with monkeypatch.context() as earlier:
            before = [name for name in names if name < "0016"]
            earlier.setattr(database, "migrations", lambda: before)
            await database.migrate(pool)
        for name, age in (("evt_old", 400), ("evt_new", 1)):
            await pool.execute(
                "INSERT INTO event (name, subject, type, at, payload, tries)"
                " VALUES ($1, 'pay_1', 'payment.authorised', now() - make_interval(days => $2),"
                " '', 11)",
                *(name, age),
            )
        await database.migrate(pool)
        recent = await pool.fetch(
            "SELECT name FROM event WHERE given_up_at BETWEEN now() - interval '7 days' AND now()"
        )

    assert [row["name"] for row in recent] == ["evt_new"]


async def test_a_migration_makes_every_incomplete_subscription_without_a_turn_due(
    old_database: Pool,
) -> None:
    await old_database.execute(
        "INSERT INTO plan (id, reference, currency, minor_units, unit, count, time_zone,"
        " trial_days, trial_minor_units, when_unpaid, notice_days, created_at)"
        " VALUES ('pln', 'GOLD', 'IDR', 1, 'month', 1, 'UTC', 0, 1, 'cancel', 0, now())"
    )
    in_a_day = "now() + interval '1 day'"
    for name, state, due_at in [
        ("stuck", "incomplete", "NULL"),
        ("lapses-later", "incomplete", in_a_day),
        ("ended", "ended", "NULL"),
    ]:
        await old_database.execute(
            "INSERT INTO subscription (id, plan_id, reference, shopper_reference, return_url,"
            " created_at, state, minor_units, dealt, due_at)"
            f" VALUES ($1, 'pln', $1, 's', '', now(), $2, 1, 0, {due_at})",
            *(name, state),
        )
    await database.migrate(old_database)
    due = await old_database.fetch("SELECT id FROM subscription WHERE due_at <= now()")

    assert [row["id"] for row in due] == ["stuck"]
