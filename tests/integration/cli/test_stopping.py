"""A stop while Adyen is slow: a request in progress finishes, or can be retried."""

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

from command import TWIN, running, until_ready, until_worker_listens
from fake_server import FakeServer, serving
from fakes import payment_body
from kasir.demo.client import until
from kasir.demo.processes import free_port
from kasir.limits import Limits
from kasir.store import database

KEY = "a-key-of-the-shop"


class SlowAdyen:
    """A fake Adyen that answers POST requests only when the test allows it."""

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

    async def until_called(self, count: int = 1) -> list[str]:
        """Wait until Adyen has received this many POST calls; returns their idempotency keys."""

        async def keys() -> list[str]:
            return [
                headers["idempotency-key"]
                for request_line, headers, _ in self.fake_server.asked
                if "POST" in request_line
            ]

        return await until(keys, lambda found: len(found) >= count, "the calls to Adyen")


@pytest.fixture
async def slow_adyen() -> AsyncIterator[SlowAdyen]:
    async with serving() as fake_server:
        yield SlowAdyen(fake_server)


def settings(database: str, slow_adyen: SlowAdyen) -> dict[str, str]:
    return TWIN | {
        "KASIR_DATABASE_URL": database,
        "ADYEN_TWIN_URL": slow_adyen.fake_server.url,
        "KASIR_API_KEY": KEY,
    }


async def pay(url: str, **changes: Any) -> tuple[int, Any, str]:
    """Start a payment with the idempotency key `order-1`.

    Returns the status, the body and the header `transient-error` (empty if missing).
    """
    headers = {"X-API-Key": KEY, "Idempotency-Key": "order-1"}
    async with (
        aiohttp.ClientSession(headers=headers) as shop,
        shop.post(f"{url}/v72/payments", json=payment_body(**changes)) as answer,
    ):
        content_type = answer.headers["Content-Type"].split(";")[0]
        body = await (answer.json() if content_type == "application/json" else answer.text())
        return answer.status, body, answer.headers.get("transient-error", "")


async def until_it_does_not_listen(port: int) -> None:
    """Wait until the port refuses connections."""

    async def does_not_listen() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    await until(does_not_listen, bool, "the port refuses connections")


async def until_ended(process: subprocess.Popen[str]) -> str:
    """Wait until the process ends; returns its stdout and stderr."""
    out, err = await asyncio.to_thread(process.communicate, timeout=50)
    return out + err


def test_a_stop_waits_longer_than_a_call_to_adyen_can_take() -> None:
    limits = Limits()

    # All in seconds.
    assert limits.stop_s > limits.adyen_timeout_s + limits.adyen_tries_s


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_payment_in_progress_is_answered_after_a_signal_to_stop(
    fresh_database: str, slow_adyen: SlowAdyen, workers: int
) -> None:
    port = free_port()
    arguments = ("serve", "--port", str(port), "--workers", str(workers))
    with running(*arguments, **settings(fresh_database, slow_adyen)) as process:
        until_ready(f"http://127.0.0.1:{port}")
        paying = asyncio.create_task(pay(f"http://127.0.0.1:{port}"))
        await slow_adyen.until_called()
        process.send_signal(signal.SIGTERM)
        await until_it_does_not_listen(port)
        slow_adyen.may_answer.set()
        status, body, _ = await paying
        output = await until_ended(process)

    assert (status, body["resultCode"]) == (200, "RedirectShopper")
    assert "Traceback" not in output


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_payment_ended_by_a_second_signal_can_be_retried_with_its_key(
    fresh_database: str, slow_adyen: SlowAdyen, workers: int
) -> None:
    port = free_port()
    environ, url = settings(fresh_database, slow_adyen), f"http://127.0.0.1:{port}"
    arguments = ("serve", "--port", str(port), "--workers", str(workers))
    with running(*arguments, **environ) as process:
        until_ready(url)
        paying = asyncio.create_task(pay(url))
        await slow_adyen.until_called()
        process.send_signal(signal.SIGTERM)
        await until_it_does_not_listen(port)
        process.send_signal(signal.SIGTERM)
        status, body, transient = await paying
        output = await until_ended(process)
    slow_adyen.may_answer.set()
    with running("serve", "--port", str(port), **environ) as process:
        until_ready(url)
        retried_status, _, _ = await pay(url)
        process.send_signal(signal.SIGTERM)
        await until_ended(process)
    keys = await slow_adyen.until_called(2)

    assert (status, transient) == (503, "true")
    assert (body["errorCode"], body["status"], body["errorType"]) == ("703", 503, "internal")
    assert "cut off by the stop" in output
    assert "Traceback" not in output
    assert retried_status == 200
    assert len(set(keys)) == 1


async def test_a_second_signal_right_after_the_first_ends_requests_as_well(
    fresh_database: str, slow_adyen: SlowAdyen
) -> None:
    port = free_port()
    arguments = ("serve", "--port", str(port), "--workers", "2")
    with running(*arguments, **settings(fresh_database, slow_adyen)) as process:
        until_ready(f"http://127.0.0.1:{port}")
        paying = asyncio.create_task(pay(f"http://127.0.0.1:{port}"))
        await slow_adyen.until_called()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        status, body, _ = await paying
        output = await until_ended(process)

    assert (status, body["errorCode"]) == (503, "703")
    assert "cut off by the stop" in output


async def test_a_payment_that_waits_for_a_lock_is_answered_when_the_server_stops(
    fresh_database: str, slow_adyen: SlowAdyen
) -> None:
    port = free_port()
    saved_method = {
        "shopperReference": "shopper-1",
        "storePaymentMethod": True,
        "recurringProcessingModel": "Subscription",
    }
    url = f"http://127.0.0.1:{port}"
    with running("serve", "--port", str(port), **settings(fresh_database, slow_adyen)) as process:
        until_ready(url)
        connection = await asyncpg.connect(fresh_database)
        # The payment waits for this lock when it stores its call to Adyen.
        await connection.execute("BEGIN; LOCK TABLE question IN EXCLUSIVE MODE")
        paying = asyncio.create_task(pay(url, **saved_method))

        async def waits() -> bool:
            return bool(
                await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            )

        await until(waits, bool, "the payment waits")
        process.send_signal(signal.SIGTERM)
        await until_it_does_not_listen(port)
        process.send_signal(signal.SIGTERM)
        status, body, transient = await paying
        output = await until_ended(process)
        await connection.close()

    assert (status, body["errorCode"], transient) == (503, "703", "true")
    assert "cut off by the stop" in output
    assert "the database is away" not in output


@asynccontextmanager
async def status_stream(port: int) -> AsyncIterator[asyncio.StreamReader]:
    """The event stream of a payment's status page, read up to its first event."""
    url, headers = f"http://127.0.0.1:{port}", {"X-API-Key": KEY}
    async with aiohttp.ClientSession() as http:
        fields = {
            "reference": "ORDER-1",
            "amount": {"currency": "IDR", "value": 25_000},
            "returnUrl": "https://shop.example/",
        }
        async with http.post(f"{url}/v72/paymentLinks", json=fields, headers=headers) as created:
            link = (await created.json())["id"]
        async with http.get(f"{url}/pay/{link}") as form:
            attempt = (await form.text()).split('name="attempt" value="')[1].split('"')[0]
        data = {"attempt": attempt}
        async with http.post(f"{url}/pay/{link}", data=data, allow_redirects=False):
            pass
        async with http.get(f"{url}/api/payments?reference=ORDER-1", headers=headers) as found:
            (payment,) = (await found.json())["payments"]
        # With HTTP/1.0 the connection ends with the response.
        path = f"/pay/{link}/payments/{payment['id']}/events"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"event: standing")
        yield reader
        writer.close()


async def test_a_stream_of_events_and_idle_connections_do_not_delay_a_stop(
    fresh_database: str, slow_adyen: SlowAdyen
) -> None:
    port = free_port()
    slow_adyen.may_answer.set()
    with running("serve", "--port", str(port), **settings(fresh_database, slow_adyen)) as process:
        until_ready(f"http://127.0.0.1:{port}")
        # Opened before the stream, so that Kasir has accepted this connection when it stops.
        # The kernel would reset a connection that was not accepted.
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        async with status_stream(port) as reader:
            process.send_signal(signal.SIGTERM)
            await until_it_does_not_listen(port)
            async with asyncio.timeout(10):
                await reader.read()
                await idle_reader.read()
            output = await until_ended(process)
            idle_writer.close()

    assert "Traceback" not in output
    assert "cut off" not in output


async def test_a_stream_whose_tables_disappear_ends_without_an_error(
    fresh_database: str, slow_adyen: SlowAdyen
) -> None:
    port = free_port()
    slow_adyen.may_answer.set()
    with running("serve", "--port", str(port), **settings(fresh_database, slow_adyen)) as process:
        until_ready(f"http://127.0.0.1:{port}")
        async with status_stream(port) as reader:
            connection = await asyncpg.connect(fresh_database)
            await connection.execute("ALTER TABLE payment_link RENAME TO gone")
            await connection.execute("ALTER TABLE fact RENAME TO gone_as_well")
            await connection.close()
            async with asyncio.timeout(30):
                await reader.read()
            process.send_signal(signal.SIGTERM)
            output = await until_ended(process)

    assert "Traceback" not in output


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_that_gets_a_signal_during_its_start_ends_without_an_error(
    fresh_database: str, slow_adyen: SlowAdyen, signal_number: signal.Signals
) -> None:
    connection = await asyncpg.connect(fresh_database)
    try:
        # The worker waits for this lock, as if another process migrated the schema.
        await connection.execute("SELECT pg_advisory_lock($1)", database.MIGRATION_LOCK)
        with running("worker", **settings(fresh_database, slow_adyen)) as process:

            async def waits() -> bool:
                query = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
                return bool(await connection.fetchval(query))

            await until(waits, bool, "the worker waits")
            process.send_signal(signal_number)
            output = await until_ended(process)
    finally:
        await connection.close()

    assert (process.returncode, output) == (0, "")


async def test_a_running_job_is_finished_after_a_signal_to_stop(
    fresh_database: str, slow_adyen: SlowAdyen
) -> None:
    environ = settings(fresh_database, slow_adyen)
    await open_unanswered_call(fresh_database, slow_adyen)
    with running("worker", **environ) as process:
        await until_worker_listens(fresh_database, process)
        await slow_adyen.until_called(2)  # The killed server made the first call.
        process.send_signal(signal.SIGTERM)
        slow_adyen.may_answer.set()
        output = await until_ended(process)
    connection = await asyncpg.connect(fresh_database)
    try:
        answered = await connection.fetchval("SELECT count(*) FROM question WHERE status = 200")
        remaining = await connection.fetchval("SELECT count(*) FROM pgqueuer")
    finally:
        await connection.close()

    assert (answered, remaining) == (1, 0)
    assert "Traceback" not in output


async def test_a_job_that_a_second_signal_interrupts_is_queued_for_the_next_worker(
    fresh_database: str, slow_adyen: SlowAdyen
) -> None:
    environ = settings(fresh_database, slow_adyen)
    await open_unanswered_call(fresh_database, slow_adyen)
    with running("worker", **environ) as process:
        await until_worker_listens(fresh_database, process)
        await slow_adyen.until_called(2)  # The killed server made the first call.
        # The system may merge two equal signals, but never two different ones.
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        output = await until_ended(process)
    connection = await asyncpg.connect(fresh_database)
    try:
        queued = await connection.fetch("SELECT entrypoint, status FROM pgqueuer")
        slow_adyen.may_answer.set()
        with running("worker", **environ) as process:

            async def answered() -> int:
                found: int = await connection.fetchval(
                    "SELECT count(*) FROM question WHERE status = 200"
                )
                return found

            await until(answered, lambda count: count == 1, "the next worker has the answer")
            process.send_signal(signal.SIGTERM)
            await until_ended(process)
    finally:
        await connection.close()

    assert [(row["entrypoint"], row["status"]) for row in queued] == [("ask_again", "queued")]
    assert "put back" in output
    assert "Traceback" not in output


async def open_unanswered_call(database: str, slow_adyen: SlowAdyen) -> None:
    """Kill a server during a payment's call to Adyen, and make the call due for a retry."""
    port = free_port()
    with running("serve", "--port", str(port), **settings(database, slow_adyen)) as process:
        until_ready(f"http://127.0.0.1:{port}")
        paying = asyncio.create_task(pay(f"http://127.0.0.1:{port}"))
        await slow_adyen.until_called()
        process.kill()
        with pytest.raises(aiohttp.ClientError):
            await paying
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("UPDATE question SET asked_at = 'epoch', ask_again_at = now()")
    finally:
        await connection.close()
