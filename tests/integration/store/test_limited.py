"""When PostgreSQL does not answer, every wait ends. Read-only servers are reported."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from kasir.errors import DatabaseReadOnly, DatabaseUnavailable
from kasir.limits import Limits
from kasir.store import database
from kasir.store.database import Pool
from kasir.store.limited import keep_alive
from silent_network import Proxy, proxy_to

#: Timeouts so short that a test can wait for them.
SHORT: Final = replace(
    Limits(),
    database_connect_s=1.0,
    database_acquire_s=1.0,
    database_silence_s=1.0,
    database_close_s=0.5,
)


@pytest.fixture
async def proxy(fresh_database: str) -> AsyncIterator[Proxy]:
    async with proxy_to(fresh_database) as opened:
        yield opened


async def backend_pid(pool: Pool) -> int:
    """The process id at PostgreSQL of a connection of the pool."""
    return int(await pool.fetchval("SELECT pg_backend_pid()"))


async def test_a_statement_without_an_answer_ends_and_its_connections_are_not_used_again(
    proxy: Proxy,
) -> None:
    async with database.connected(proxy.dsn, connections_max=4, limits=SHORT) as pool:
        async with pool.acquire() as one, pool.acquire() as other:
            before = {await one.fetchval("SELECT pg_backend_pid()") for one in (one, other)}
        proxy.go_silent()
        with pytest.raises(TimeoutError):
            await pool.execute("SELECT 1")
        proxy.let_through()
        async with pool.acquire() as one, pool.acquire() as other:
            after = {await one.fetchval("SELECT pg_backend_pid()") for one in (one, other)}

    assert before & after == set()


async def test_a_transaction_without_an_answer_to_its_last_statement_ends(
    proxy: Proxy,
) -> None:
    async with database.connected(proxy.dsn, connections_max=1, limits=SHORT) as pool:
        with pytest.raises(TimeoutError):
            await executemany_without_answer(pool, proxy)
        proxy.let_through()

        assert await pool.fetch("SELECT 1") != []


async def executemany_without_answer(pool: Pool, proxy: Proxy) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT 1")
        proxy.go_silent()
        await connection.executemany("SELECT $1::int", [(1,), (2,)])


async def test_a_commit_that_was_not_answered_may_have_been_made(proxy: Proxy) -> None:
    async with database.connected(proxy.dsn, connections_max=1, limits=SHORT) as pool:
        await pool.execute("CREATE TABLE committed (id int)")
        with pytest.raises(TimeoutError):
            await commit_without_answer(pool, proxy)
        proxy.let_through()

        assert await pool.fetchval("SELECT count(*) FROM committed") == 1


async def commit_without_answer(pool: Pool, proxy: Proxy) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("INSERT INTO committed VALUES (1)")
        proxy.go_silent(answers_only=True)


async def test_connecting_to_a_silent_server_ends(proxy: Proxy) -> None:
    proxy.go_silent()
    with pytest.raises(DatabaseUnavailable, match="TimeoutError"):
        async with database.connected(proxy.dsn, connections_max=1, limits=SHORT):
            pass


async def test_waiting_for_a_connection_ends_when_all_are_in_use(proxy: Proxy) -> None:
    async with (
        database.connected(proxy.dsn, connections_max=1, limits=SHORT) as pool,
        pool.acquire(),
    ):
        with pytest.raises(TimeoutError):
            await pool.fetchval("SELECT 1")


async def test_a_cancelled_statement_without_an_answer_closes_its_connection_at_once(
    proxy: Proxy,
) -> None:
    async with database.connected(proxy.dsn, connections_max=1, limits=SHORT) as pool:
        proxy.go_silent()
        querying = asyncio.create_task(pool.fetchrow("SELECT 1"))
        await until(lambda: not pool.get_idle_size())
        querying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await querying
        proxy.let_through()

        assert await pool.fetchval("SELECT 1") == 1


async def test_a_cancel_in_a_transaction_is_raised_as_a_cancel(fresh_database: str) -> None:
    # A loop that catches database errors would not end if one of them replaced the cancel.
    async with database.connected(fresh_database, connections_max=2, limits=SHORT) as pool:
        working = asyncio.create_task(sleep_ten_minutes_in_a_transaction(pool))
        await until_sleeping(pool)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working


async def test_a_timeout_around_a_transaction_is_raised_as_a_timeout(fresh_database: str) -> None:
    async with database.connected(fresh_database, connections_max=1, limits=SHORT) as pool:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await sleep_ten_minutes_in_a_transaction(pool)


async def sleep_ten_minutes_in_a_transaction(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_sleep(600)", timeout=600)


async def until_sleeping(pool: Pool) -> None:
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
    )
    async with asyncio.timeout(30):
        while not await pool.fetchval(query):  # noqa: ASYNC110  # No event reports it.
            await asyncio.sleep(0.01)


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_true():  # noqa: ASYNC110  # No event reports it.
            await asyncio.sleep(0.01)


async def test_a_cancel_during_a_long_statement_of_a_transaction_is_raised_as_a_cancel(
    fresh_database: str,
) -> None:
    limits = replace(SHORT, database_statement_s=60.0, database_silence_s=60.0)
    async with database.connected(fresh_database, connections_max=1, limits=limits) as pool:
        querying = asyncio.create_task(sleep_a_minute_in_a_transaction(pool))
        await until(lambda: not pool.get_idle_size())
        async with connected_with_asyncpg(fresh_database) as other:
            await until_some_session_sleeps(other)
        querying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await querying

        assert await pool.fetchval("SELECT 1") == 1


@asynccontextmanager
async def connected_with_asyncpg(dsn: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def until_some_session_sleeps(other: Any) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    async with asyncio.timeout(30):
        while not await other.fetchval(query):  # noqa: ASYNC110  # No event reports it.
            await asyncio.sleep(0.01)


async def sleep_a_minute_in_a_transaction(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_sleep(60)")


async def test_a_cancel_in_a_transaction_is_raised_although_its_rollback_is_not_answered(
    proxy: Proxy,
) -> None:
    async with database.connected(proxy.dsn, connections_max=1, limits=SHORT) as pool:
        is_open = asyncio.Event()
        waiting = asyncio.create_task(wait_in_a_transaction(pool, is_open))
        await is_open.wait()
        proxy.go_silent()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def wait_in_a_transaction(pool: Pool, is_open: asyncio.Event) -> None:
    async with pool.acquire() as connection, connection.transaction():
        is_open.set()
        await asyncio.Event().wait()


async def test_a_close_that_is_not_answered_raises_nothing(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    async with database.connected(proxy.dsn, connections_max=2, limits=SHORT) as pool:
        async with pool.acquire() as connection:
            proxy.go_silent()
            await connection.close()
            proxy.let_through()

        assert await pool.fetchval("SELECT 1") == 1
    assert caplog.records == []


async def test_a_pool_closes_although_a_connection_is_never_returned(proxy: Proxy) -> None:
    async with database.connected(proxy.dsn, connections_max=1, limits=SHORT) as pool:
        await pool.acquire()

    assert pool.is_closing()


async def test_a_database_that_does_not_answer_is_reported_as_unavailable(proxy: Proxy) -> None:
    async with database.connected(proxy.dsn, connections_max=1, limits=SHORT) as pool:
        proxy.go_silent()
        with pytest.raises(DatabaseUnavailable):
            await database.pending(pool, 0.1)


async def test_the_server_ends_a_slow_statement_and_the_connection_can_still_be_used(
    fresh_database: str,
) -> None:
    limits = replace(SHORT, database_statement_s=0.1, database_silence_s=30.0)
    async with database.connected(fresh_database, connections_max=1, limits=limits) as pool:
        before = await backend_pid(pool)
        with pytest.raises(asyncpg.QueryCanceledError):
            await pool.execute("SELECT pg_sleep(60)")

        assert await backend_pid(pool) == before


async def test_the_server_ends_an_idle_transaction(fresh_database: str) -> None:
    limits = replace(SHORT, database_transaction_idle_s=0.1)
    async with database.connected(fresh_database, connections_max=1, limits=limits) as pool:
        with pytest.raises(database.UNAVAILABLE):
            await stay_idle_until_closed(pool)

        assert await pool.fetchval("SELECT 1") == 1


async def test_a_connection_that_is_released_in_a_transaction_is_rolled_back(
    fresh_database: str,
) -> None:
    async with database.connected(fresh_database, connections_max=1, limits=SHORT) as pool:
        await pool.execute("CREATE TABLE number (number int)")
        async with pool.acquire() as connection:
            before = await connection.fetchval("SELECT pg_backend_pid()")
            await connection.execute("BEGIN")
            await connection.execute("INSERT INTO number VALUES (1)")

        assert await pool.fetchval("SELECT count(*) FROM number") == 0
        assert await backend_pid(pool) == before


async def stay_idle_until_closed(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await until(connection.is_closed)


async def test_a_change_of_the_schema_may_take_longer_than_other_statements(
    fresh_database: str,
) -> None:
    limits = replace(SHORT, database_statement_s=0.1, database_silence_s=0.2)
    async with database.changing(fresh_database, limits) as pool:
        await pool.execute("SELECT pg_sleep(0.5)")


async def test_connections_to_a_server_that_became_read_only_are_dropped(
    fresh_database: str,
) -> None:
    async with database.connected(fresh_database, connections_max=2, limits=SHORT) as pool:
        await pool.execute("CREATE TABLE number (id int)")
        async with pool.acquire() as connection:
            before = await connection.fetchval("SELECT pg_backend_pid()")
            await connection.execute("SET default_transaction_read_only = on")
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await connection.execute("INSERT INTO number VALUES (1)")
        await pool.execute("INSERT INTO number VALUES (2)")

        assert await backend_pid(pool) != before


async def test_a_read_only_server_is_reported_and_the_next_connection_is_a_new_one(
    empty_database: str,
) -> None:
    async with database.connected(empty_database, connections_max=1, limits=SHORT) as pool:
        await pool.execute("SET default_transaction_read_only = on")
        with pytest.raises(DatabaseReadOnly):
            await database.pending(pool, 30)

        assert await database.pending(pool, 30) == database.migrations()


async def test_connecting_to_a_read_only_server_raises_an_error(
    empty_database: str,
) -> None:
    name = urlsplit(empty_database).path[1:]
    connection = await asyncpg.connect(empty_database)
    await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await connection.close()
    with pytest.raises(DatabaseUnavailable, match="it takes no writes"):
        async with database.connected(empty_database, connections_max=1, limits=SHORT):
            pass


async def test_the_first_of_several_servers_that_answers_is_used(proxy: Proxy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # The first server refuses connections, the second accepts them and does not answer.
        three_servers = proxy.dsn.replace("@", f"@127.0.0.1:1,127.0.0.1:{silent.getsockname()[1]},")
        limits = replace(SHORT, database_connect_s=6.0, database_acquire_s=30.0)
        async with database.connected(three_servers, connections_max=1, limits=limits) as pool:
            answer = await pool.fetchval("SELECT 1")

    assert answer == 1


async def test_when_no_server_can_be_reached_the_error_of_the_last_is_raised() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1', 2"):
        async with database.connected("postgresql://x@127.0.0.1:1,127.0.0.1:2/x", 1, SHORT):
            pass


def test_keep_alive_probes_a_tcp_connection_at_an_interval() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        keep_alive(sock, 7.0)
        is_kept_alive = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        interval_s = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)

    assert (is_kept_alive, interval_s) == (1, 7)


def test_keep_alive_leaves_a_unix_socket_unchanged() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        keep_alive(sock, 7.0)

        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


async def test_both_ends_of_a_connection_probe_the_other_end(proxy: Proxy) -> None:
    async with (
        database.connected(proxy.dsn, connections_max=1, limits=SHORT) as pool,
        pool.acquire() as pooled,
    ):
        connection: Any = pooled
        is_kept_alive = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        # The settings by which the server probes its clients.
        setting_count = await connection.fetchval(
            "SELECT count(*) FROM pg_settings WHERE source = 'client' AND name LIKE 'tcp_%'"
        )

    assert is_kept_alive == 1
    assert setting_count == 4
