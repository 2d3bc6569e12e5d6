"""A stop while Adyen is slow: requests in progress end; those that are cut off go on later."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web

from command import TWIN, running, until_it_works, until_ready
from fake_server import FakeServer, serving
from fakes import payment_body
from kasir.demo.client import until
from kasir.demo.processes import free_port
from kasir.limits import Limits
from kasir.store import database

KEY = "a-key-of-the-shop"


class Slow:
    """A slow Adyen, which answers when the test allows it."""

    def __init__(self, fake_server: FakeServer) -> None:
        self.fake_server = fake_server
        self.may_answer = asyncio.Event()
        fake_server.handler = self._answer

    async def _answer(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            await self.may_answer.wait()
        return web.json_response(
            {
                "paymentMethods": [{"type": "gopay_wallet", "name": "GoPay"}],
                "resultCode": "RedirectShopper",
                "action": {
                    "type": "redirect",
                    "method": "GET",
                    "url": f"{self.fake_server.url}/wallet",
                },
            },
            headers={"pspReference": "PSP0000000000001"},
        )

    async def was_asked(self, times: int = 1) -> list[str]:
        """Wait until it was asked so often to take money; gives the keys."""

        async def keys() -> list[str]:
            return [
                heads["idempotency-key"]
                for what, heads, _ in self.fake_server.asked
                if "POST" in what
            ]

        return await until(keys, lambda found: len(found) >= times, "Adyen was asked")


@pytest.fixture
async def slow() -> AsyncIterator[Slow]:
    async with serving() as fake_server:
        yield Slow(fake_server)


def settings(database: str, slow: Slow) -> dict[str, str]:
    return TWIN | {
        "KASIR_DATABASE_URL": database,
        "ADYEN_TWIN_URL": slow.fake_server.url,
        "KASIR_API_KEY": KEY,
    }


async def pay(url: str, **more: Any) -> tuple[int, Any, str]:
    """Pay with a key: status, body and the header that states whether to retry."""
    heads = {"X-API-Key": KEY, "Idempotency-Key": "order-1"}
    async with (
        aiohttp.ClientSession(headers=heads) as shop,
        shop.post(f"{url}/v72/payments", json=payment_body(**more)) as answer,
    ):
        kind = answer.headers["Content-Type"].split(";")[0]
        body = await (answer.json() if kind == "application/json" else answer.text())
        return answer.status, body, answer.headers.get("transient-error", "")


async def until_it_does_not_listen(port: int) -> None:
    """Wait until the port refuses connections."""

    async def does_not_listen() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    await until(does_not_listen, bool, "it takes nothing new")


async def ended(process: subprocess.Popen[str]) -> str:
    out, err = await asyncio.to_thread(process.communicate, timeout=50)
    return out + err


def test_a_stop_waits_longer_than_a_call_to_adyen_can_take() -> None:
    limits = Limits()

    assert limits.stop_s > limits.adyen_timeout_s + limits.adyen_tries_s


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_payment_in_progress_is_answered_after_a_signal_to_stop(
    fresh_database: str, slow: Slow, workers: int
) -> None:
    port = free_port()
    words = ("serve", "--port", str(port), "--workers", str(workers))
    with running(*words, **settings(fresh_database, slow)) as process:
        until_ready(f"http://127.0.0.1:{port}")
        paying = asyncio.create_task(pay(f"http://127.0.0.1:{port}"))
        await slow.was_asked()
        process.send_signal(signal.SIGTERM)
        await until_it_does_not_listen(port)
        slow.may_answer.set()
        status, body, _ = await paying
        output = await ended(process)

    assert (status, body["resultCode"]) == (200, "RedirectShopper")
    assert "Traceback" not in output


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_payment_ended_by_a_second_signal_can_be_retried_with_its_key(
    fresh_database: str, slow: Slow, workers: int
) -> None:
    port = free_port()
    given, url = settings(fresh_database, slow), f"http://127.0.0.1:{port}"
    words = ("serve", "--port", str(port), "--workers", str(workers))
    with running(*words, **given) as process:
        until_ready(url)
        paying = asyncio.create_task(pay(url))
        await slow.was_asked()
        process.send_signal(signal.SIGTERM)
        await until_it_does_not_listen(port)
        process.send_signal(signal.SIGTERM)
        first = await paying
        output = await ended(process)
    slow.may_answer.set()
    with running("serve", "--port", str(port), **given) as process:
        until_ready(url)
        second = await pay(url)
        process.send_signal(signal.SIGTERM)
        await ended(process)
    keys = await slow.was_asked(2)

    status, body, transient = first
    assert (status, transient) == (503, "true")
    assert (body["errorCode"], body["status"], body["errorType"]) == ("703", 503, "internal")
    assert "cut off by the stop" in output
    assert "Traceback" not in output
    assert second[0] == 200
    assert len(set(keys)) == 1


async def test_a_second_signal_right_after_the_first_ends_requests_as_well(
    fresh_database: str, slow: Slow
) -> None:
    port = free_port()
    words = ("serve", "--port", str(port), "--workers", "2")
    with running(*words, **settings(fresh_database, slow)) as process:
        until_ready(f"http://127.0.0.1:{port}")
        paying = asyncio.create_task(pay(f"http://127.0.0.1:{port}"))
        await slow.was_asked()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        status, body, _ = await paying
        output = await ended(process)

    assert (status, body["errorCode"]) == (503, "703")
    assert "cut off by the stop" in output


async def test_a_payment_that_waits_for_a_lock_is_answered_when_the_server_stops(
    fresh_database: str, slow: Slow
) -> None:
    port = free_port()
    saving = {
        "shopperReference": "shopper-1",
        "storePaymentMethod": True,
        "recurringProcessingModel": "Subscription",
    }
    url = f"http://127.0.0.1:{port}"
    with running("serve", "--port", str(port), **settings(fresh_database, slow)) as process:
        until_ready(url)
        other = await asyncpg.connect(fresh_database)
        await other.execute("BEGIN; LOCK TABLE question IN EXCLUSIVE MODE")
        paying = asyncio.create_task(pay(url, **saving))

        async def waits() -> bool:
            return bool(
                await other.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            )

        await until(waits, bool, "the payment waits")
        process.send_signal(signal.SIGTERM)
        await until_it_does_not_listen(port)
        process.send_signal(signal.SIGTERM)
        status, body, transient = await paying
        output = await ended(process)
        await other.close()

    assert (status, body["errorCode"], transient) == (503, "703", "true")
    assert "cut off by the stop" in output
    assert "the database is away" not in output


@asynccontextmanager
async def a_stream(port: int) -> AsyncIterator[asyncio.StreamReader]:
    """A shopper's page that follows a payment, read up to the first event."""
    url, heads = f"http://127.0.0.1:{port}", {"X-API-Key": KEY}
    async with aiohttp.ClientSession() as http:
        wanted = {
            "reference": "ORDER-1",
            "amount": {"currency": "IDR", "value": 25_000},
            "returnUrl": "https://shop.example/",
        }
        async with http.post(f"{url}/v72/paymentLinks", json=wanted, headers=heads) as made:
            link = (await made.json())["id"]
        async with http.get(f"{url}/pay/{link}") as form:
            attempt = (await form.text()).split('name="attempt" value="')[1].split('"')[0]
        data = {"attempt": attempt}
        async with http.post(f"{url}/pay/{link}", data=data, allow_redirects=False):
            pass
        async with http.get(f"{url}/api/payments?reference=ORDER-1", headers=heads) as found:
            (payment,) = (await found.json())["payments"]
        # It does not promise to keep its connection: nothing is taken back when a stop comes.
        address = f"/pay/{link}/payments/{payment['id']}/events"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {address} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"event: standing")
        yield reader
        writer.close()


async def test_a_stream_of_events_and_idle_connections_do_not_hold_a_stop(
    fresh_database: str, slow: Slow
) -> None:
    port = free_port()
    slow.may_answer.set()
    with running("serve", "--port", str(port), **settings(fresh_database, slow)) as process:
        until_ready(f"http://127.0.0.1:{port}")
        # Before the stream, so that it is accepted by then: the kernel resets one that is not.
        idle, held = await asyncio.open_connection("127.0.0.1", port)
        async with a_stream(port) as reader:
            process.send_signal(signal.SIGTERM)
            await until_it_does_not_listen(port)
            async with asyncio.timeout(10):
                await reader.read()
                await idle.read()
            output = await ended(process)
            held.close()

    assert "Traceback" not in output
    assert "cut off" not in output


async def test_a_stream_whose_database_goes_away_ends_without_an_error(
    fresh_database: str, slow: Slow
) -> None:
    port = free_port()
    slow.may_answer.set()
    with running("serve", "--port", str(port), **settings(fresh_database, slow)) as process:
        until_ready(f"http://127.0.0.1:{port}")
        async with a_stream(port) as reader:
            other = await asyncpg.connect(fresh_database)
            await other.execute("ALTER TABLE payment_link RENAME TO gone")
            await other.execute("ALTER TABLE fact RENAME TO gone_as_well")
            await other.close()
            async with asyncio.timeout(30):
                await reader.read()
            process.send_signal(signal.SIGTERM)
            output = await ended(process)

    assert "Traceback" not in output


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_that_gets_a_signal_before_it_has_begun_ends_without_an_error(
    fresh_database: str, slow: Slow, name: signal.Signals
) -> None:
    other = await asyncpg.connect(fresh_database)
    try:
        # As another process does that brings the schema up to date.
        await other.execute("SELECT pg_advisory_lock($1)", database.MIGRATION_LOCK)
        with running("worker", **settings(fresh_database, slow)) as process:

            async def waits() -> bool:
                query = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
                return bool(await other.fetchval(query))

            await until(waits, bool, "the worker waits")
            process.send_signal(name)
            output = await ended(process)
    finally:
        await other.close()

    assert (process.returncode, output) == (0, "")


async def test_a_running_job_is_finished_after_a_signal_to_stop(
    fresh_database: str, slow: Slow
) -> None:
    given = settings(fresh_database, slow)
    await a_question_without_an_answer(fresh_database, slow)
    with running("worker", **given) as process:
        await until_it_works(fresh_database, process)
        await slow.was_asked(2)
        process.send_signal(signal.SIGTERM)
        slow.may_answer.set()
        output = await ended(process)
    connection = await asyncpg.connect(fresh_database)
    try:
        answered = await connection.fetchval("SELECT count(*) FROM question WHERE status = 200")
        left = await connection.fetchval("SELECT count(*) FROM pgqueuer")
    finally:
        await connection.close()

    assert (answered, left) == (1, 0)
    assert "Traceback" not in output


async def test_a_job_that_a_second_signal_ends_is_put_back_for_the_next_worker(
    fresh_database: str, slow: Slow
) -> None:
    given = settings(fresh_database, slow)
    await a_question_without_an_answer(fresh_database, slow)
    with running("worker", **given) as process:
        await until_it_works(fresh_database, process)
        await slow.was_asked(2)
        # Two of one number may reach a process as one; two numbers never do.
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        output = await ended(process)
    connection = await asyncpg.connect(fresh_database)
    try:
        put_back = await connection.fetch("SELECT entrypoint, status FROM pgqueuer")
        slow.may_answer.set()
        with running("worker", **given) as process:

            async def answered() -> int:
                found: int = await connection.fetchval(
                    "SELECT count(*) FROM question WHERE status = 200"
                )
                return found

            await until(answered, lambda count: count == 1, "the next worker has the answer")
            process.send_signal(signal.SIGTERM)
            await ended(process)
    finally:
        await connection.close()

    assert [(row["entrypoint"], row["status"]) for row in put_back] == [("ask_again", "queued")]
    assert "put back" in output
    assert "Traceback" not in output


async def a_question_without_an_answer(database: str, slow: Slow) -> None:
    """A payment that was cut, and is due to be asked for again."""
    port = free_port()
    with running("serve", "--port", str(port), **settings(database, slow)) as process:
        until_ready(f"http://127.0.0.1:{port}")
        paying = asyncio.create_task(pay(f"http://127.0.0.1:{port}"))
        await slow.was_asked()
        process.kill()
        with pytest.raises(aiohttp.ClientError):
            await paying
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("UPDATE question SET asked_at = 'epoch', ask_again_at = now()")
    finally:
        await connection.close()
