"""PostgreSQL goes away in ways that cut no connection, while shops are asking.

Nobody restarts Kasir: whoever asks meanwhile is told to ask again, and server and worker go on by
themselves once the database is there again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from chaos.durable import CRASH, Database, durable
from chaos.programs import programs
from chaos.storm import storm
from kasir.demo.client import Reply
from silent_network import way_to

pytestmark = pytest.mark.long

#: It may be there again before it is missed.
PAID: Final = (200, "", None)


def away(told: Sequence[Reply]) -> set[tuple[int, str, str | None]]:
    """Which answers there were, but for the last."""
    return {
        (reply.status, reply.json.get("errorCode", ""), reply.headers.get("transient-error"))
        for reply in told[:-1]
    }


async def failed_jobs(database: Database) -> list[str]:
    """Jobs that nobody runs again."""
    connection = await asyncpg.connect(database.dsn)
    try:
        rows = await connection.fetch("SELECT entrypoint FROM pgqueuer WHERE status = 'failed'")
    finally:
        await connection.close()
    return [row["entrypoint"] for row in rows]


@pytest.mark.parametrize("answers_only", [False, True], ids=["silent", "answers lost"])
async def test_a_database_that_falls_silent_is_away_and_all_goes_on_after_it(
    tmp_path: Path, *, answers_only: bool
) -> None:
    with durable() as database:
        async with way_to(database.dsn) as way, programs(way.dsn, tmp_path) as system:

            async def strike() -> None:
                way.swallow(answers_only=answers_only)

            async def mend() -> None:
                way.let_through()

            told = await storm(system, strike, mend)
            failed = await failed_jobs(database)

    assert away(told) == {(503, "703", "true")}
    assert told[-1].status == 503
    assert failed == []


async def test_a_database_that_is_read_only_is_away_and_all_goes_on_after_it(
    tmp_path: Path,
) -> None:
    with durable() as database:
        async with programs(database.dsn, tmp_path) as system:

            async def strike() -> None:
                await read_only(database, "on")

            async def mend() -> None:
                await read_only(database, "off")

            told = await storm(system, strike, mend)
            failed = await failed_jobs(database)

    assert away(told) == {(503, "703", "true")}
    assert told[-1].status == 503
    assert failed == []


async def test_the_embedded_database_that_is_killed_runs_again_and_all_goes_on_after_it(
    tmp_path: Path,
) -> None:
    with durable() as database:
        folder = str(database.folder)
        async with programs("", tmp_path, KASIR_DATA_DIR=folder) as system:

            async def strike() -> None:
                database.end(CRASH)

            async def mend() -> None:
                """Nobody does."""

            told = await storm(system, strike, mend)
            failed = await failed_jobs(database)

    assert away(told) <= {(503, "703", "true"), PAID}
    assert failed == []


async def read_only(database: Database, word: str) -> None:
    """Have the server take no writes, as a primary that was made a standby; or take them again."""
    connection = await asyncpg.connect(database.dsn)
    try:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {word}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
