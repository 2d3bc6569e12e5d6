"""No statement takes long, whatever the number of rows to process again."""

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
#: PostgreSQL ends a statement that changes more than a thousand rows, as one that took too long.
SLOW: Final = """
CREATE OR REPLACE FUNCTION too_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT count(*) FROM changed) > 1000 THEN
    RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014';
  END IF;
  RETURN NULL;
END $$;
"""
ON: Final = """
CREATE TRIGGER too_slow AFTER UPDATE ON {table} REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION too_slow();
"""


@pytest.fixture
async def kasir(postgres_dsn: str) -> AsyncIterator[Parts]:
    async with a_database(postgres_dsn) as database, kasir_on(database) as opened:
        await opened.pool.execute(SLOW + ON.format(table="notice") + ON.format(table="event"))
        yield opened


async def test_all_held_notices_are_replayed_however_many(kasir: Parts) -> None:
    await kasir.pool.execute(
        "INSERT INTO notice (key, kind, item, received_at, event_date, event_code, names, state)"
        " SELECT sha256(number::text::bytea), 'standard', '', now(), now(), 'AUTHORISATION', '{}',"
        " 'held' FROM generate_series(1, $1) AS number",
        MANY,
    )
    held = await notices.held(kasir.pool)
    woken = await notices.replay(kasir.pool, held, engine.enqueue_reading)

    assert sorted(woken) == sorted(held)
    assert len(woken) == MANY
    assert await notices.held(kasir.pool) == []


async def test_all_events_given_up_lately_are_sent_again_however_many(kasir: Parts) -> None:
    await kasir.pool.execute(
        "INSERT INTO event (name, subject, type, at, payload, tries, given_up_at)"
        " SELECT 'evt_' || number, 'pay_1', 'payment.failed', $2, '', 11, $2"
        " FROM generate_series(1, $1) AS number",
        *(MANY, NOW),
    )
    sent = await deliveries.resend(kasir.pool, [], NOW)

    assert len(set(sent)) == MANY
    assert await deliveries.left(kasir.pool, NOW, 10) == 0
