"""A notice that takes longer to read than the statement timeout is retried, and then held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from fakes import KEY, NOW, envelope, notification_item
from integration.shop_events.event_setup import write_events
from kasir.adyen.signing import key_from_hex
from kasir.jobs.worker import work
from kasir.webhooks.receiving import receive
from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on, until

#: A trigger: an update of more than {most} notices that fulfil {which} fails, with the error of the
#: statement timeout. Settling notices is such an update.
TOO_SLOW = """
CREATE OR REPLACE FUNCTION too_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT count(*) FROM settled WHERE {which}) > {most} THEN
    RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014';
  END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER too_slow AFTER UPDATE ON notice REFERENCING NEW TABLE AS settled
  FOR EACH STATEMENT EXECUTE FUNCTION too_slow();
"""


@pytest.fixture
async def kasir(postgres_dsn: str) -> AsyncIterator[Parts]:
    """Kasir with four notices in a new database."""
    async with a_database(postgres_dsn) as database, kasir_on(database) as opened:
        items = [notification_item(pspReference=f"SLOW{number}") for number in range(4)]
        await receive(
            envelope(*items),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=opened.inbox,
            received_at=NOW,
        )
        yield opened


async def states(kasir: Parts) -> list[str]:
    rows = await kasir.pool.fetch("SELECT state FROM notice ORDER BY id")
    return [row["state"] for row in rows]


async def _make_slow(kasir: Parts, which: str, most: int = 0) -> None:
    """Install the trigger. `which` is an SQL condition."""
    await kasir.pool.execute(TOO_SLOW.format(which=which, most=most))


async def test_notices_that_are_too_slow_together_are_read_one_by_one(kasir: Parts) -> None:
    await _make_slow(kasir, "true", most=1)
    await kasir.reader.read_all()

    assert await states(kasir) == ["foreign"] * 4


async def test_a_notice_that_is_always_too_slow_is_held_and_the_others_are_read(
    kasir: Parts,
) -> None:
    await _make_slow(kasir, "state <> 'held' AND 'SLOW1' = ANY (names)")
    with pytest.raises(asyncpg.QueryCanceledError):
        await kasir.reader.read_all()
    after_first_try = await states(kasir)
    tries = 1
    while "unread" in await states(kasir):
        tries += 1
        await _try_to_read(kasir)
    held = await kasir.pool.fetchval("SELECT error FROM notice WHERE state = 'held'")

    assert after_first_try == ["foreign", "unread", "foreign", "foreign"]
    assert await states(kasir) == ["foreign", "held", "foreign", "foreign"]
    assert tries == kasir.settings.limits.slow_reads_max
    assert "canceling statement due to statement timeout" in held


async def _try_to_read(kasir: Parts) -> None:
    """Read all notices; the statement timeout may be exceeded."""
    try:
        await kasir.reader.read_all()
    except asyncpg.QueryCanceledError as error:
        assert "statement timeout" in str(error)  # noqa: PT017  # The last call raises nothing.


async def test_a_database_that_is_slow_for_a_while_causes_no_notice_to_be_held(
    kasir: Parts,
) -> None:
    await _make_slow(kasir, "true")
    for _ in range(kasir.settings.limits.slow_reads_max + 1):
        with pytest.raises(asyncpg.QueryCanceledError):
            await kasir.reader.read_all()
    while_slow = await states(kasir)
    await kasir.pool.execute("DROP TRIGGER too_slow ON notice")
    await kasir.reader.read_all()

    assert while_slow == ["unread"] * 4
    assert await states(kasir) == ["foreign"] * 4


async def test_due_jobs_run_while_no_notice_can_be_read(
    kasir: Parts, capsys: pytest.CaptureFixture[str]
) -> None:
    await _make_slow(kasir, "true")
    await write_events(kasir, "pay_1")
    stop = asyncio.Event()
    working = asyncio.create_task(work(kasir, stop))
    await until(lambda: _was_done(kasir, "deliver"))
    stop.set()
    await working
    logged = [line for line in capsys.readouterr().out.splitlines() if "reading failed" in line]

    assert logged
    assert all("error=QueryCanceledError" in line for line in logged)


async def _was_done(kasir: Parts, job: str) -> bool:
    query = "SELECT EXISTS (SELECT FROM pgqueuer_log WHERE entrypoint = $1)"
    return bool(await kasir.pool.fetchval(query, job))
