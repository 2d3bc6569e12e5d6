"""Notices are replayed and events resent in batches, so that no statement takes long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest

from fakes import NOW
from kasir.jobs import engine
from kasir.store import deliveries
from kasir.webhooks import notices
from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on

MANY: Final = 2_300
#: A trigger function: a statement that changes more than 1000 rows fails with PostgreSQL's error
#: of a statement timeout (57014).
TOO_SLOW_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION too_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT count(*) FROM changed) > 1000 THEN
    RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014';
  END IF;
  RETURN NULL;
END $$;
"""
TOO_SLOW_TRIGGER: Final = """
CREATE TRIGGER too_slow AFTER UPDATE ON {table} REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION too_slow();
"""


@pytest.fixture
async def kasir(postgres_dsn: str) -> AsyncIterator[Parts]:
    async with a_database(postgres_dsn) as database, kasir_on(database) as opened:
        await opened.pool.execute(
            TOO_SLOW_FUNCTION
            + TOO_SLOW_TRIGGER.format(table="notice")
            + TOO_SLOW_TRIGGER.format(table="event")
        )
        yield opened


async def test_any_number_of_held_notices_can_be_replayed(kasir: Parts) -> None:
    await kasir.pool.execute(
        "INSERT INTO notice (key, kind, item, received_at, event_date, event_code, names, state)"
        " SELECT sha256(number::text::bytea), 'standard', '', now(), now(), 'AUTHORISATION', '{}',"
        " 'held' FROM generate_series(1, $1) AS number",
        MANY,
    )
    held = await notices.held(kasir.pool)
    replayed = await notices.replay(kasir.pool, held, engine.enqueue_reading)

    assert sorted(replayed) == sorted(held)
    assert len(replayed) == MANY
    assert await notices.held(kasir.pool) == []


async def test_any_number_of_recently_given_up_events_can_be_resent(kasir: Parts) -> None:
    await kasir.pool.execute(
        "INSERT INTO event (name, subject, type, at, payload, tries, given_up_at)"
        " SELECT 'evt_' || number, 'pay_1', 'payment.failed', $2, '', 11, $2"
        " FROM generate_series(1, $1) AS number",
        MANY,
        NOW,
    )
    sent = await deliveries.resend(kasir.pool, [], NOW)

    assert len(set(sent)) == MANY
    assert await deliveries.left(kasir.pool, NOW, 10) == 0
