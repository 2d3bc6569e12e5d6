"""Notices that take longer to read together than the database lets a statement take."""

from __future__ import annotations

from fakes import KEY, NOW, envelope, notification_item
from kasir.adyen.signing import key_from_hex
from kasir.webhooks.receive import receive
from opened import a_database, kasir_on

#: PostgreSQL ends a statement that settles several, as one that took too long.
SLOW = """
CREATE FUNCTION too_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT count(*) FROM settled) > 1 THEN
    RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER too_slow AFTER UPDATE ON notice REFERENCING NEW TABLE AS settled
  FOR EACH STATEMENT EXECUTE FUNCTION too_slow();
"""


async def test_notices_that_are_too_slow_together_are_read_one_by_one(postgres_dsn: str) -> None:
    items = [notification_item(pspReference=f"SLOW{number}") for number in range(3)]
    async with a_database(postgres_dsn) as database, kasir_on(database) as kasir:
        await receive(
            envelope(*items),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=kasir.inbox,
            received_at=NOW,
        )
        await kasir.pool.execute(SLOW)
        await kasir.reader.read_all()
        rows = await kasir.pool.fetch("SELECT DISTINCT state FROM notice")

    assert [row["state"] for row in rows] == ["foreign"]
