"""PostgreSQL is silent, read-only or killed while shops make calls.

The tests do not restart Kasir. Each call during the failure gets an error that allows a retry.
Afterwards the server and the workers continue.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from chaos.database_failure import pay_during_failure
from chaos.durable import CRASH, Database, durable
from chaos.programs import programs
from kasir.demo.client import Reply
from silent_network import proxy_to

pytestmark = pytest.mark.long

#: Answers as (HTTP status, error code, header `transient-error`): success, and an error that allows
#: a retry.
SUCCESS: Final = (200, "", None)
RETRY_LATER: Final = (503, "703", "true")


def answers(replies: Sequence[Reply]) -> set[tuple[int, str, str | None]]:
    """The different answers as (HTTP status, error code, header `transient-error`).

    The last reply is left out: it is the answer to the readiness check.
    """
    return {
        (reply.status, reply.json.get("errorCode", ""), reply.headers.get("transient-error"))
        for reply in replies[:-1]
    }


async def failed_jobs(database: Database) -> list[str]:
    """The names of failed jobs, which no worker runs again."""
    connection = await asyncpg.connect(database.dsn)
    try:
        rows = await connection.fetch("SELECT entrypoint FROM pgqueuer WHERE status = 'failed'")
    finally:
        await connection.close()
    return [row["entrypoint"] for row in rows]


@pytest.mark.parametrize("answers_only", [False, True], ids=["silent", "answers lost"])
async def test_calls_get_503_while_the_database_is_silent_and_succeed_afterwards(
    tmp_path: Path, *, answers_only: bool
) -> None:
    with durable() as database:
        async with proxy_to(database.dsn) as proxy, programs(proxy.dsn, tmp_path) as system:

            async def start_failure() -> None:
                proxy.go_silent(answers_only=answers_only)

            async def end_failure() -> None:
                proxy.let_through()

            replies = await pay_during_failure(system, start_failure, end_failure)
            failed = await failed_jobs(database)

    assert answers(replies) == {RETRY_LATER}
    assert replies[-1].status == 503
    assert failed == []


async def test_calls_get_503_while_the_database_is_read_only_and_succeed_afterwards(
    tmp_path: Path,
) -> None:
    with durable() as database:
        async with programs(database.dsn, tmp_path) as system:

            async def start_failure() -> None:
                await set_read_only(database, "on")

            async def end_failure() -> None:
                await set_read_only(database, "off")

            replies = await pay_during_failure(system, start_failure, end_failure)
            failed = await failed_jobs(database)

    assert answers(replies) == {RETRY_LATER}
    assert replies[-1].status == 503
    assert failed == []


async def test_the_embedded_database_restarts_when_it_is_killed_and_calls_succeed_afterwards(
    tmp_path: Path,
) -> None:
    with durable() as database:
        folder = str(database.folder)
        async with programs("", tmp_path, KASIR_DATA_DIR=folder) as system:

            async def start_failure() -> None:
                database.end(CRASH)

            async def end_failure() -> None:
                """Do nothing: Kasir restarts the database."""

            replies = await pay_during_failure(system, start_failure, end_failure)
            failed = await failed_jobs(database)

    # A call succeeds if Kasir has restarted the database before the call needs it.
    assert answers(replies) <= {RETRY_LATER, SUCCESS}
    assert failed == []


async def set_read_only(database: Database, value: str) -> None:
    """Make the server refuse writes ("on"), as a standby does, or accept them ("off")."""
    connection = await asyncpg.connect(database.dsn)
    try:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
