"""PostgreSQL fails in ways that cut no connection, while shops make calls.

The test does not restart Kasir: each call in that time is answered that it may be retried, and
server and worker continue once the database is back.
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
from silent_network import proxy_to

pytestmark = pytest.mark.long

#: The database may be back before a call needs it.
PAID: Final = (200, "", None)


def answers(replies: Sequence[Reply]) -> set[tuple[int, str, str | None]]:
    """The different answers, without the last reply."""
    return {
        (reply.status, reply.json.get("errorCode", ""), reply.headers.get("transient-error"))
        for reply in replies[:-1]
    }


async def failed_jobs(database: Database) -> list[str]:
    """Jobs that no worker runs again."""
    connection = await asyncpg.connect(database.dsn)
    try:
        rows = await connection.fetch("SELECT entrypoint FROM pgqueuer WHERE status = 'failed'")
    finally:
        await connection.close()
    return [row["entrypoint"] for row in rows]


@pytest.mark.parametrize("answers_only", [False, True], ids=["silent", "answers lost"])
async def test_while_a_database_is_silent_calls_get_503_and_all_works_after_it(
    tmp_path: Path, *, answers_only: bool
) -> None:
    with durable() as database:
        async with proxy_to(database.dsn) as way, programs(way.dsn, tmp_path) as system:

            async def strike() -> None:
                way.go_silent(answers_only=answers_only)

            async def mend() -> None:
                way.let_through()

            replies = await storm(system, strike, mend)
            failed = await failed_jobs(database)

    assert answers(replies) == {(503, "703", "true")}
    assert replies[-1].status == 503
    assert failed == []


async def test_while_a_database_is_read_only_calls_get_503_and_all_works_after_it(
    tmp_path: Path,
) -> None:
    with durable() as database:
        async with programs(database.dsn, tmp_path) as system:

            async def strike() -> None:
                await read_only(database, "on")

            async def mend() -> None:
                await read_only(database, "off")

            replies = await storm(system, strike, mend)
            failed = await failed_jobs(database)

    assert answers(replies) == {(503, "703", "true")}
    assert replies[-1].status == 503
    assert failed == []


async def test_the_embedded_database_that_is_killed_restarts_and_all_works_after_it(
    tmp_path: Path,
) -> None:
    with durable() as database:
        folder = str(database.folder)
        async with programs("", tmp_path, KASIR_DATA_DIR=folder) as system:

            async def strike() -> None:
                database.end(CRASH)

            async def mend() -> None:
                """Do nothing: Kasir restarts it."""

            replies = await storm(system, strike, mend)
            failed = await failed_jobs(database)

    assert answers(replies) <= {(503, "703", "true"), PAID}
    assert failed == []


async def read_only(database: Database, value: str) -> None:
    """Make the server refuse writes, as a new standby does, or accept them again."""
    connection = await asyncpg.connect(database.dsn)
    try:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
