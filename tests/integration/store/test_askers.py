"""A question is sent again once its sender has ended or given it up, and not before.

Each process that asks Adyen is an `Asker`, which holds a PostgreSQL lock while it is alive.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from command import TWIN, running, until_ready
from fake_server import FakeServer, serving
from fakes import payment_body
from kasir.adyen.replies import Answer
from kasir.demo.client import until
from kasir.demo.processes import free_port
from kasir.errors import StillRunning
from kasir.store.askers import SPACE, Asker
from kasir.store.database import DRIVER_ERRORS
from kasir.wiring import Parts
from opened_kasir import kasir_on


class Slow:
    """A fake Adyen. The first call runs `hook`, if it is set; other calls wait for `may_answer`."""

    def __init__(self, fake_server: FakeServer) -> None:
        self.fake_server = fake_server
        self.may_answer = asyncio.Event()
        self.hook: Callable[[], Awaitable[None]] | None = None
        fake_server.handler = self._answer

    async def _answer(self, _: web.Request) -> web.Response:
        hook, self.hook = self.hook, None
        if hook:
            await hook()
        else:
            await self.may_answer.wait()
        return web.json_response(
            {"resultCode": "RedirectShopper", "action": {"url": "https://wallet.example/"}}
        )

    async def keys(self, times: int) -> list[str]:
        """Wait for this number of calls; return their idempotency keys."""

        async def received() -> list[str]:
            return [headers["idempotency-key"] for _, headers, _ in self.fake_server.asked]

        return await until(received, lambda keys: len(keys) >= times, f"asked {times} times")


@pytest.fixture
async def slow() -> AsyncIterator[Slow]:
    async with serving() as fake_server:
        yield Slow(fake_server)


@asynccontextmanager
async def a_kasir(database: str, slow: Slow) -> AsyncIterator[Parts]:
    """Open a Kasir that calls the fake Adyen; a second one acts as a second process."""
    async with kasir_on(database, ADYEN_TWIN_URL=slow.fake_server.url) as kasir:
        yield kasir


async def pay(kasir: Parts) -> Answer:
    """Pay with the idempotency key "order-1", as every call in this file does."""
    body = json.dumps(payment_body()).encode()
    answer, _ = await kasir.checkout.payments(body, version=72, shop_key="order-1")
    return answer


async def paid_after_retries(kasir: Parts) -> Answer:
    """Pay, and retry while another call is still running or the database is unavailable."""

    async def ask() -> Answer | None:
        try:
            return await pay(kasir)
        except (StillRunning, *DRIVER_ERRORS):
            return None

    answer = await until(ask, lambda answer: answer is not None, "answered")
    assert answer is not None
    return answer


@asynccontextmanager
async def connected_to_server(database: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection to the database `postgres` of the same server."""
    connection = await asyncpg.connect(urlsplit(database)._replace(path="/postgres").geturl())
    try:
        yield connection
    finally:
        await connection.close()


def name_of(database: str) -> str:
    return urlsplit(database).path.removeprefix("/")


async def disconnect_sessions(database: str, *, allow_connections: bool) -> None:
    """End all sessions of the database, waiting up to 20 s; allow or refuse new connections."""
    name = name_of(database)
    async with connected_to_server(database) as server:
        await server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allow_connections}")
        await server.execute(
            "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = $1", name
        )


async def allow_connections_again(database: str) -> None:
    async with connected_to_server(database) as server:
        name = name_of(database)
        await server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")


async def test_a_question_whose_answer_could_not_be_stored_is_sent_again_at_once(
    fresh_database: str, slow: Slow
) -> None:
    async def disconnect() -> None:
        await disconnect_sessions(fresh_database, allow_connections=False)

    slow.hook = disconnect
    slow.may_answer.set()
    async with a_kasir(fresh_database, slow) as kasir:
        with pytest.raises(DRIVER_ERRORS):
            await pay(kasir)
        await allow_connections_again(fresh_database)
        answer = await pay(kasir)  # Raises no StillRunning.
    keys = await slow.keys(2)

    assert answer.status == 200
    assert len(set(keys)) == 1


async def test_a_question_that_one_process_gave_up_is_sent_again_by_another(
    fresh_database: str, slow: Slow
) -> None:
    async def disconnect() -> None:
        await disconnect_sessions(fresh_database, allow_connections=False)

    slow.hook = disconnect
    slow.may_answer.set()
    async with a_kasir(fresh_database, slow) as one, a_kasir(fresh_database, slow) as other:
        with capture_logs() as logs:
            with pytest.raises(DRIVER_ERRORS):
                await pay(one)
            await until_logged(logs, "a question is not released yet")
            await allow_connections_again(fresh_database)
            answer = await paid_after_retries(other)
    keys = await slow.keys(2)

    assert answer.status == 200
    assert len(set(keys)) == 1


async def until_logged(logs: list[Any], event: str) -> None:
    async def logged() -> list[str]:
        return [line["event"] for line in logs]

    await until(logged, lambda events: event in events, event)


async def test_a_question_of_a_killed_process_is_sent_again_at_once(
    fresh_database: str, slow: Slow
) -> None:
    port = free_port()
    settings = TWIN | {
        "KASIR_DATABASE_URL": fresh_database,
        "ADYEN_TWIN_URL": slow.fake_server.url,
        "KASIR_API_KEY": "a-key",
    }
    headers = {"X-API-Key": "a-key", "Idempotency-Key": "order-1"}
    with running("serve", "--port", str(port), **settings) as process:
        until_ready(f"http://127.0.0.1:{port}")
        async with aiohttp.ClientSession(headers=headers) as shop:
            url = f"http://127.0.0.1:{port}/v72/payments"
            paying = asyncio.create_task(shop.post(url, json=payment_body()))
            await slow.keys(1)
            process.kill()
            with pytest.raises(aiohttp.ClientError):
                await paying
    slow.may_answer.set()
    async with a_kasir(fresh_database, slow) as kasir:
        answer = await paid_after_retries(kasir)
    keys = await slow.keys(2)

    assert answer.status == 200
    assert len(set(keys)) == 1


async def test_while_the_sender_may_be_alive_the_question_is_not_sent_again(
    fresh_database: str, slow: Slow
) -> None:
    async with a_kasir(fresh_database, slow) as one, a_kasir(fresh_database, slow) as other:
        paying = asyncio.create_task(pay(one))
        await slow.keys(1)
        for kasir in (one, other):
            with pytest.raises(StillRunning):
                await pay(kasir)
        slow.may_answer.set()
        answers = [await paying, await pay(other)]

    assert [answer.status for answer in answers] == [200, 200]
    assert len(slow.fake_server.asked) == 1


async def test_an_interrupted_question_is_sent_again_at_once_by_any_process(
    fresh_database: str, slow: Slow
) -> None:
    async with a_kasir(fresh_database, slow) as one, a_kasir(fresh_database, slow) as other:
        paying = asyncio.create_task(pay(one))
        await slow.keys(1)
        paying.cancel()
        await asyncio.wait([paying])
        slow.may_answer.set()
        answer = await paid_after_retries(other)
    keys = await slow.keys(2)

    assert answer.status == 200
    assert len(set(keys)) == 1


async def test_a_kasir_that_closes_releases_the_questions_that_it_gave_up(
    fresh_database: str, slow: Slow
) -> None:
    async with a_kasir(fresh_database, slow) as other:
        async with a_kasir(fresh_database, slow) as one:
            paying = asyncio.create_task(pay(one))
            await slow.keys(1)
            paying.cancel()
            await asyncio.wait([paying])
        unreleased = await other.pool.fetchval(
            "SELECT count(*) FROM question WHERE status IS NULL AND asked_at <> 'epoch'"
        )
        slow.may_answer.set()
        answer = await pay(other)  # Raises no StillRunning.

    assert unreleased == 0
    assert answer.status == 200


async def test_a_process_that_lost_its_database_session_takes_its_lock_again(
    fresh_database: str, slow: Slow
) -> None:
    async with a_kasir(fresh_database, slow) as one, a_kasir(fresh_database, slow) as other:
        paying = asyncio.create_task(pay(one))
        await slow.keys(1)
        before = await held_locks(fresh_database)
        with capture_logs() as logs:
            await disconnect_sessions(fresh_database, allow_connections=True)
            await until_logged(logs, "liveness lock lost")

            async def held_now() -> set[tuple[int, int]]:
                return await held_locks(fresh_database)

            after = await until(
                held_now,
                lambda found: {number for number, _ in found} == {number for number, _ in before},
                "both hold their locks again",
            )
        with pytest.raises(StillRunning):
            await pay(other)
        slow.may_answer.set()
        answer = await paying

    assert not {pid for _, pid in before} & {pid for _, pid in after}
    assert answer.status == 200


async def test_an_asker_that_is_cancelled_while_it_waits_for_its_lock_leaves_no_task(
    fresh_database: str, slow: Slow
) -> None:
    async with a_kasir(fresh_database, slow) as kasir:
        before = asyncio.all_tasks()
        asker = Asker(kasir.pool, patience_s=40.0)
        async with kasir.pool.acquire() as other:  # This session holds the lock.
            await other.execute("SELECT pg_advisory_lock($1, $2)", SPACE, asker.number)
            opening = asyncio.create_task(take_lock(asker))
            await until_lock_is_awaited(kasir)
            opening.cancel()
            await asyncio.wait([opening])
            remaining = asyncio.all_tasks() - before
            await other.execute("SELECT pg_advisory_unlock($1, $2)", SPACE, asker.number)

    assert opening.cancelled()
    assert remaining == set()


async def take_lock(asker: Asker) -> None:
    async with asker.alive():  # Waits for the lock, which is never free here.
        raise AssertionError("the asker has got its lock")


async def until_lock_is_awaited(kasir: Parts) -> None:
    """Wait until a session waits for an asker's lock."""

    async def waiting() -> int:
        return int(
            await kasir.pool.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            )
        )

    await until(waiting, lambda count: count > 0, "a session waits for the lock")


async def held_locks(database: str) -> set[tuple[int, int]]:
    """The askers' locks that are held: each asker's number and its session's process id."""
    async with connected_to_server(database) as server:
        rows = await server.fetch(
            "SELECT objid, pid FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND datname = $1",
            name_of(database),
        )
    return {(row["objid"], row["pid"]) for row in rows}
