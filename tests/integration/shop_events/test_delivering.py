"""Every failed try to deliver an event is counted, logged and followed by a retry.

Every shop here is a real server, and the tests read the log that Kasir prints.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme
from aiohttp import web

from fake_server import FakeServer, plain, serving
from integration.shop_events.bad_shops import (
    Behave,
    close_connection,
    hangs,
    huge,
    misbehaving,
    repeats,
    resets_after,
    sends,
)
from integration.shop_events.event_setup import SECRET, write_events
from kasir.clock import SystemClock
from kasir.shop_events.sender import EventSender, SendResult
from kasir.store.outbox import StoredEvent
from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on

#: More than the buffers between a shop and a client that does not read can hold.
BUFFERS_BYTES = 16 * 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
#: Results of `delivery_state` after one try.
RETRY_IS_DUE = (1, True, False)
DELIVERED = (1, False, True)


@pytest.fixture
async def kasir(postgres_dsn: str) -> AsyncIterator[Parts]:
    async with a_database(postgres_dsn) as database, kasir_on(database) as opened:
        yield opened


@pytest.fixture
async def fake_server() -> AsyncIterator[FakeServer]:
    async with serving() as shop:
        yield shop


def sender_to(url: str, timeout_s: float = 15.0) -> EventSender:
    return EventSender(url, secrets=[SECRET], timeout_s=timeout_s, world=SystemClock())


async def try_once(kasir: Parts, url: str, timeout_s: float = 15.0) -> SendResult:
    """Write an event and try once to deliver it to a shop; return the stored result."""
    (name,) = await write_events(kasir, "pay_1")
    event_id = await kasir.pool.fetchval("SELECT id FROM event WHERE name = $1", name)
    async with sender_to(url, timeout_s) as sender:
        await kasir.delivery.deliver(event_id, sender)
    (row,) = await kasir.pool.fetch("SELECT status, error FROM event_try")
    return SendResult(row["status"], row["error"])


async def delivery_state(kasir: Parts) -> tuple[int, bool, bool]:
    """The only event's number of tries, whether a retry is due soon, whether it is delivered."""
    row = await kasir.pool.fetchrow(
        "SELECT tries, due_at BETWEEN now() AND now() + interval '1 minute' AS is_soon,"
        " delivered_at IS NOT NULL AS is_delivered FROM event"
    )
    assert row is not None
    return row["tries"], bool(row["is_soon"]), row["is_delivered"]


def logged(printed: str) -> list[tuple[str, dict[str, str]]]:
    """The warnings and errors in a printed log: each line's message and fields.

    Every line names the event's payment; that field is left out.
    """
    lines = re.findall(r"\[(?:warning|error) *\] (.+?)  +(\S.*)", printed)
    assert [fields for _, fields in lines if "payment=pay_1" not in fields] == []
    return [
        (message, dict(re.findall(r"(\w+)=('.*?'|\S+)", fields.replace("payment=pay_1", ""))))
        for message, fields in lines
    ]


@pytest.mark.parametrize("status", [300, 302, 307, 308, 400, 401, 404, 410, 429, 500, 503, 599])
async def test_delivery_to_a_shop_that_refuses_is_retried_soon_and_no_redirect_is_followed(
    kasir: Parts, fake_server: FakeServer, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving() as redirect_target:
        redirect_target.handler = plain(204, b"")
        fake_server.handler = plain(status, b"no", Location=redirect_target.url)
        result = await try_once(kasir, fake_server.url)

    assert result == SendResult(status=status)
    assert await delivery_state(kasir) == RETRY_IS_DUE
    name = await kasir.pool.fetchval("SELECT name FROM event")
    assert logged(capsys.readouterr().out) == [
        ("the shop refused an event", {"name": name, "status": str(status)})
    ]
    assert (len(fake_server.asked), redirect_target.asked) == (1, [])


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_accepts_an_event_and_nothing_is_logged(
    kasir: Parts, fake_server: FakeServer, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_server.handler = plain(status, b"")

    assert await try_once(kasir, fake_server.url) == SendResult(status=status)
    assert await delivery_state(kasir) == DELIVERED
    assert logged(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        pytest.param(sends(b""), "ServerDisconnectedError", id="hangs up"),
        pytest.param(sends(b"220 mail.example ESMTP\r\n"), "ClientResponseError", id="no HTTP"),
        pytest.param(resets_after(b""), "ClientOSError", id="resets at once"),
        pytest.param(resets_after(OK + b"X: "), "ClientOSError", id="resets in the head"),
        pytest.param(
            repeats(OK, b"X: a\r\n" * 999), "ClientResponseError", id="headers without end"
        ),
        pytest.param(
            repeats(OK + b"X: ", b"a" * 999), "ClientResponseError", id="a header without end"
        ),
    ],
)
async def test_delivery_to_a_shop_that_answers_incompletely_is_retried_soon(
    kasir: Parts, behave: Behave, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with misbehaving(behave) as shop:
        result = await try_once(kasir, shop.url)

    assert result == SendResult(error=error)
    assert await delivery_state(kasir) == RETRY_IS_DUE
    name = await kasir.pool.fetchval("SELECT name FROM event")
    assert logged(capsys.readouterr().out) == [
        ("the shop did not answer", {"name": name, "error": error})
    ]
    assert len(shop.received) == 1
    assert shop.sent < BUFFERS_BYTES


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(hangs, id="never sends anything"),
        pytest.param(repeats(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), id="sends 102 without end"),
    ],
)
async def test_delivery_to_a_shop_that_hangs_times_out_and_is_retried_soon(
    kasir: Parts, behave: Behave, capsys: pytest.CaptureFixture[str]
) -> None:
    async with misbehaving(behave) as shop:
        result = await try_once(kasir, shop.url, timeout_s=0.5)

    assert result == SendResult(error="TimeoutError")
    assert await delivery_state(kasir) == RETRY_IS_DUE
    ((message, fields),) = logged(capsys.readouterr().out)
    assert (message, fields["error"]) == ("the shop did not answer", "TimeoutError")


async def test_delivery_to_a_shop_that_refuses_connections_is_retried_soon(
    kasir: Parts, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as closed_port:  # Bound, and not listening: every connection is refused.
        closed_port.bind(("127.0.0.1", 0))
        result = await try_once(kasir, f"http://127.0.0.1:{closed_port.getsockname()[1]}/")

    assert result == SendResult(error="ClientConnectorError")
    assert await delivery_state(kasir) == RETRY_IS_DUE
    assert "the shop did not answer" in capsys.readouterr().out


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(resets_after, id="resets in the middle of its body"),
        pytest.param(sends, id="hangs up in the middle of its body"),
    ],
)
async def test_the_status_counts_although_the_rest_of_the_answer_is_lost(
    kasir: Parts, end: object, status: int
) -> None:
    assert callable(end)
    head = f"HTTP/1.1 {status} So\r\nContent-Length: 1000\r\n\r\nabc"
    async with misbehaving(end(head.encode())) as shop:
        result = await try_once(kasir, shop.url)

    assert result == SendResult(status=status)
    assert await delivery_state(kasir) == (DELIVERED if status == 200 else RETRY_IS_DUE)


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_of_100_mb_counts_by_its_status_and_is_not_read(
    kasir: Parts, status: int
) -> None:
    async with misbehaving(huge(status)) as shop:
        result = await try_once(kasir, shop.url)
        await asyncio.wait(shop.tasks)

    assert result == SendResult(status=status)
    assert await delivery_state(kasir) == (DELIVERED if status == 200 else RETRY_IS_DUE)
    assert shop.sent < BUFFERS_BYTES


async def _close_during_handshake(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.read(1)  # The client has begun the TLS handshake.
    writer.transport.abort()
    await close_connection(writer)


async def test_delivery_to_a_shop_that_closes_during_the_tls_handshake_is_retried_soon(
    kasir: Parts, capsys: pytest.CaptureFixture[str]
) -> None:
    server = await asyncio.start_server(_close_during_handshake, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        result = await try_once(kasir, f"https://127.0.0.1:{port}/")

    assert result.error in {"ClientOSError", "ClientConnectorError", "ClientConnectorSSLError"}
    assert await delivery_state(kasir) == RETRY_IS_DUE
    assert "the shop did not answer" in capsys.readouterr().out


async def test_a_shop_with_an_untrusted_certificate_gets_no_event(
    kasir: Parts, capsys: pytest.CaptureFixture[str]
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with misbehaving(sends(OK + b"\r\n"), tls) as shop:
        result = await try_once(kasir, shop.url)

    assert result == SendResult(error="ClientConnectorCertificateError")
    assert await delivery_state(kasir) == RETRY_IS_DUE
    assert shop.received == []
    assert "ClientConnectorCertificateError" in capsys.readouterr().out


async def test_a_cookie_of_the_shop_is_not_sent_back(fake_server: FakeServer) -> None:
    fake_server.handler = plain(204, b"", Set_Cookie="who=me; Path=/")
    async with sender_to(fake_server.url.replace("127.0.0.1", "localhost")) as sender:
        for _ in range(2):
            assert (await sender.send(StoredEvent("evt_1", b"{}"))).is_taken

    assert ["cookie" in headers for _, headers, _ in fake_server.asked] == [False, False]


async def test_an_event_that_no_key_decrypts_is_retried_and_its_job_does_not_fail(
    kasir: Parts, fake_server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (name,) = await write_events(kasir, "pay_1")
    await kasir.pool.execute("UPDATE event SET payload = $1", b"sealed with another key")
    event_id = await kasir.pool.fetchval("SELECT id FROM event")
    async with sender_to(fake_server.url) as sender:
        await kasir.delivery.deliver(event_id, sender)

    assert await delivery_state(kasir) == RETRY_IS_DUE
    assert (
        await kasir.pool.fetchval("SELECT error FROM event_try") == "no KASIR_SECRET_KEY opens it"
    )
    ((message, fields),) = logged(capsys.readouterr().out)
    assert (message, fields["name"]) == ("an event cannot be opened", name)
    assert fake_server.asked == []


async def test_an_event_that_another_job_delivered_is_not_sent_again_after_a_failed_try(
    kasir: Parts, fake_server: FakeServer
) -> None:
    await write_events(kasir, "pay_1")
    event_id = await kasir.pool.fetchval("SELECT id FROM event")

    async def deliver_meanwhile(_: web.Request) -> web.Response:
        fake_server.handler = plain(204, b"")
        await kasir.delivery.deliver(event_id, sender)
        return web.Response(status=500)

    fake_server.handler = deliver_meanwhile
    async with sender_to(fake_server.url) as sender:
        await kasir.delivery.deliver(event_id, sender)
        await kasir.delivery.deliver(event_id, sender)  # Sends nothing: the event is delivered.

    assert await delivery_state(kasir) == DELIVERED
    assert [headers["webhook-id"] for _, headers, _ in fake_server.asked] == [
        await kasir.pool.fetchval("SELECT name FROM event")
    ] * 2
    tries = await kasir.pool.fetch("SELECT status FROM event_try ORDER BY id")
    assert [row["status"] for row in tries] == [204, 500]


async def test_a_sender_that_is_not_opened_raises_an_error() -> None:
    sender = sender_to("http://127.0.0.1:9/")
    await sender.__aexit__()  # It was never opened, so it has nothing to close.

    with pytest.raises(RuntimeError, match="async with"):
        await sender.send(StoredEvent("evt_1", b"{}"))
