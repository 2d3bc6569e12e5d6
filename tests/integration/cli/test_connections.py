"""`kasir serve` serves other clients while some send too much, too little or nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable

import pytest

from kasir.cli.connections import BoundedHttp
from kasir.demo.client import until
from kasir.telemetry import metrics
from served import OUTSIDE_ADDRESS, OutsideConnection, Served, served

#: The start of a payment request; each test adds the rest.
REQUEST_START = b"POST /v72/payments HTTP/1.1\r\nHost: kasir\r\n"
#: A complete request, after whose response the server closes the connection.
LAST_REQUEST = b"GET /health/live HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n"


def status_of(response: bytes) -> int:
    """The status in the first line of a response."""
    return int(response.split(b" ", 2)[1])


def error_of(response: bytes) -> dict[str, object]:
    """The JSON body of a response."""
    fields: dict[str, object] = json.loads(response.split(b"\r\n\r\n", 1)[1])
    return fields


async def test_an_endless_header_is_refused_with_431_and_others_can_pay(
    fresh_database: str,
) -> None:
    async with served(fresh_database, request_head_bytes_max=4096) as kasir:
        connection = await kasir.connect()
        connection.send(REQUEST_START + b"X-Long: ")
        for _ in range(100):
            connection.send(b"a" * 1000)
            await asyncio.sleep(0)
        response = await connection.receive_all()
        other_result = await kasir.other_shopper_pays("NEIGHBOUR")

    assert status_of(response) == error_of(response)["status"] == 431
    assert b"connection: close" in response.lower()
    assert other_result == "RedirectShopper"


async def test_a_too_long_head_in_one_packet_is_refused(
    fresh_database: str,
) -> None:
    async with served(fresh_database, request_head_bytes_max=1000) as kasir:
        connection = await kasir.connect()
        body = b"x" * 200
        connection.send(
            REQUEST_START + b"X-Long: " + b"a" * 1100 + b"\r\nContent-Length: 200\r\n\r\n" + body
        )
        response = await connection.receive_all()

    assert status_of(response) == 431


@pytest.mark.parametrize(
    "rest",
    [b"0\r\nX-Trailer: ", b"5;ext="],
    ids=["a-trailer", "a-chunk-extension"],
)
async def test_trailers_and_chunk_extensions_are_limited(fresh_database: str, rest: bytes) -> None:
    async with served(fresh_database, request_head_bytes_max=4096) as kasir:
        connection = await kasir.connect()
        connection.send(REQUEST_START + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n" + rest)
        for _ in range(200):
            connection.send(b"a" * 1000)
            await asyncio.sleep(0)
        response = await connection.receive_all()

    # 401: Kasir may refuse the missing API key first.
    assert status_of(response) in (401, 431)


async def test_small_chunks_of_a_body_do_not_count_as_a_long_head(
    fresh_database: str,
) -> None:
    async with served(fresh_database, request_head_bytes_max=1000) as kasir:
        connection = await kasir.connect()
        connection.send(REQUEST_START + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        connection.send(b"1\r\n \r\n" * 2000 + b"0\r\n\r\n")
        response = await connection.receive_all()

    assert status_of(response) == 401  # There was no API key.


@pytest.mark.parametrize(
    # What each client sends, and the statuses that it may receive; 0 is a close without one.
    ("sent", "statuses"),
    [
        (b"", {0}),
        (b"\r\n", {0}),
        (b"GET /health/live HT", {408}),
        (REQUEST_START + b"X-Half: ", {408}),
        # Kasir may refuse these requests before it reads their bodies.
        (REQUEST_START + b"Content-Length: 10\r\n\r\n{", {401, 408}),
        (b"POST /pay/PL_none HTTP/1.1\r\nHost: k\r\nContent-Length: 10\r\n\r\na", {404, 408}),
        (b"POST /webhooks/adyen HTTP/1.1\r\nHost: k\r\nContent-Length: 10\r\n\r\n{", {408}),
    ],
)
async def test_a_connection_without_a_complete_request_is_closed_and_others_can_pay(
    fresh_database: str, sent: bytes, statuses: set[int]
) -> None:
    async with served(fresh_database, request_head_s=2, request_body_s=2) as kasir:
        connections = [await kasir.connect() for _ in range(50)]
        for connection in connections:
            connection.send(sent)
        other_result = await kasir.other_shopper_pays("NEIGHBOUR")
        responses = [await connection.receive_all() for connection in connections]

    assert other_result == "RedirectShopper"
    assert {status_of(response) if response else 0 for response in responses} <= statuses


async def test_a_request_sent_byte_by_byte_is_answered_408_at_the_time_limit(
    fresh_database: str,
) -> None:
    async with served(fresh_database, request_head_s=0.3) as kasir:
        connection = await kasir.connect()

        async def send_slowly() -> None:
            connection.send(b"GET /health/live HTTP/1.1\r\nX-Slow: ")
            while not connection.writer.is_closing():
                connection.send(b"a")
                await asyncio.sleep(0.02)

        sending = asyncio.create_task(send_slowly())
        response = await connection.receive_all()
        sending.cancel()

    assert status_of(response) == 408


async def test_an_idle_connection_that_sends_empty_lines_is_closed(
    fresh_database: str,
) -> None:
    async with served(fresh_database, request_head_s=0.3) as kasir:
        connection = await kasir.connect()

        async def send_slowly() -> None:
            while not connection.writer.is_closing():
                connection.send(b"\r\n")
                await asyncio.sleep(0.02)

        sending = asyncio.create_task(send_slowly())
        response = await connection.receive_all()
        sending.cancel()

    assert response == b""


async def test_a_new_connection_replaces_a_silent_one_when_all_are_in_use(
    fresh_database: str,
) -> None:
    async with served(fresh_database, connections_max=20, request_head_s=600) as kasir:
        connections = [await kasir.connect("127.0.0.1") for _ in range(40)]
        responses = [await connection.receive_all() for connection in connections[:20]]
        other_result = await kasir.other_shopper_pays("NEIGHBOUR")
        for connection in connections:
            await connection.leave()

    # Of 40 connections, Kasir closed the 20 oldest.
    assert responses == [b""] * 20
    assert other_result == "RedirectShopper"


async def test_an_address_cannot_use_more_connections_than_its_limit(fresh_database: str) -> None:
    limits = {"connections_per_address_max": 5, "request_head_s": 600}
    async with served(fresh_database, **limits) as kasir:
        other_client = await kasir.connect("127.0.0.3")
        connections = [await kasir.connect(OUTSIDE_ADDRESS) for _ in range(12)]
        # Each connection beyond the limit of 5 closes the oldest one.
        closed = [await connection.receive_all() for connection in connections[:7]]
        other_client.send(LAST_REQUEST)
        response = await other_client.receive_all()
        connections[-1].send(LAST_REQUEST)
        newest = await connections[-1].receive_all()
        for connection in connections:
            await connection.leave()

    assert closed == [b""] * 7
    assert status_of(response) == status_of(newest) == 200


async def test_a_trusted_proxy_is_not_limited_by_its_address(
    fresh_database: str,
) -> None:
    async with served(fresh_database, connections_per_address_max=2) as kasir:
        connections = [await kasir.connect("127.0.0.1") for _ in range(10)]
        for connection in connections:
            connection.send(LAST_REQUEST)
        responses = [await connection.receive_all() for connection in connections]

    assert {status_of(response) for response in responses} == {200}


async def test_on_a_dual_stack_socket_each_address_is_counted_separately(
    fresh_database: str,
) -> None:
    limits = {"connections_per_address_max": 2}
    async with served(fresh_database, "::", **limits) as kasir:
        single = await kasir.connect("127.0.0.3")
        too_many = [await kasir.connect() for _ in range(5)]
        # These addresses are trusted proxies, which have no limit.
        by_proxy = [await kasir.connect("127.0.0.1") for _ in range(5)]
        by_proxy += [await kasir.connect("::1") for _ in range(5)]
        for connection in (single, *by_proxy):
            connection.send(LAST_REQUEST)
        responses = [await connection.receive_all() for connection in (single, *by_proxy)]
        for connection in too_many:
            await connection.leave()

    assert [status_of(response) for response in responses if response] == [200] * 11


async def test_unfinished_forms_do_not_delay_others(fresh_database: str) -> None:
    limits = {"database_connections_max": 2, "request_body_s": 2}
    async with served(fresh_database, **limits) as kasir:
        link = await kasir.link()
        head = f"POST /pay/{link['id']} HTTP/1.1\r\nHost: k\r\nContent-Length: 1000\r\n\r\na"
        connections = [await kasir.connect() for _ in range(30)]
        for connection in connections:
            connection.send(head.encode())
        other_result = await kasir.other_shopper_pays("NEIGHBOUR")
        responses = [await connection.receive_all() for connection in connections]

    assert other_result == "RedirectShopper"
    assert {status_of(response) for response in responses} == {408}


#: Runs a test with the limit of all connections, and with the limit of one address.
EACH_LIMIT = pytest.mark.parametrize(
    "limit", ["connections_max", "connections_per_address_max"], ids=["of-all", "of-an-address"]
)


@EACH_LIMIT
async def test_when_all_connections_are_in_use_health_checks_and_notifications_are_answered(
    fresh_database: str, limit: str
) -> None:
    limits = {"connections_spare": 4, limit: 2}
    async with served(fresh_database, **limits) as kasir:
        streams = await open_streams(kasir, 2)
        requests = [
            b"GET /health/ready HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n",
            b"POST /webhooks/adyen HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
            REQUEST_START + b"Content-Length: 0\r\n\r\n",
        ]
        responses = [await response_to(kasir, request) for request in requests]
        for stream in streams:
            await stream.leave()

    assert [status_of(response) for response in responses] == [200, 400, 503]
    assert error_of(responses[2])["errorCode"] == "703"
    assert b"transient-error: true" in responses[2]


async def open_streams(kasir: Served, count: int) -> list[OutsideConnection]:
    """Open this many event streams of a payment, each on its own connection."""
    link = await kasir.link()
    await kasir.start(link)
    (payment,) = await kasir.payments()
    await kasir.http.close()  # Only the streams stay open.
    path = f"/pay/{link['id']}/payments/{payment['id']}/events"
    streams = [await kasir.connect() for _ in range(count)]
    for stream in streams:
        stream.send(f"GET {path} HTTP/1.1\r\nHost: k\r\n\r\n".encode())
        await stream.reader.readuntil(b"event: standing")
    return streams


async def response_to(kasir: Served, request: bytes) -> bytes:
    connection = await kasir.connect()
    connection.send(request)
    return await connection.receive_all()


@EACH_LIMIT
async def test_a_connection_beyond_the_spare_ones_is_closed(
    fresh_database: str, limit: str
) -> None:
    limits = {"connections_spare": 0, limit: 1}
    async with served(fresh_database, **limits) as kasir:
        (stream,) = await open_streams(kasir, 1)
        response = await response_to(kasir, b"GET /health/live HTTP/1.1\r\nHost: k\r\n\r\n")
        await stream.leave()

    assert response == b""


async def test_a_client_that_does_not_read_its_responses_is_closed(fresh_database: str) -> None:
    async with served(fresh_database, response_read_s=1) as kasir:
        connection = await kasir.connect()
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(400):
            connection.send(b"GET /api/openapi.json HTTP/1.1\r\nHost: k\r\n\r\n")
        await until_open_connections(kasir, 1)
        await until_open_connections(kasir, 0)
        other_result = await kasir.other_shopper_pays("NEIGHBOUR")
        await connection.leave()

    assert other_result == "RedirectShopper"


async def test_a_client_that_pauses_reading_gets_every_response(fresh_database: str) -> None:
    request_head = b"GET /api/openapi.json HTTP/1.1\r\nHost: k\r\n"
    async with served(fresh_database) as kasir:
        connection = await kasir.connect()
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]

        sent: list[bytes] = []

        async def send_until_paused() -> bool:
            connection.send(request_head + b"\r\n")
            sent.append(request_head)
            protocols = kasir.server.server_state.connections
            return any(
                isinstance(each, BoundedHttp) and each.flow.write_paused for each in protocols
            )

        await until(send_until_paused, bool, "the server pauses its responses")
        connection.writer.transport.resume_reading()  # type: ignore[attr-defined]
        connection.send(request_head + b"Connection: close\r\n\r\n")
        response = await connection.receive_all()

    assert response.count(b"HTTP/1.1 ") == len(sent) + 1


async def test_a_refused_client_that_keeps_sending_is_closed(fresh_database: str) -> None:
    limits = {"request_head_bytes_max": 1000, "drained_bytes_max": 100_000, "linger_s": 600}
    async with served(fresh_database, **limits) as kasir:
        connection = await kasir.connect()
        connection.send(REQUEST_START + b"X-Long: ")
        for _ in range(200):
            connection.send(b"a" * 10_000)
            await asyncio.sleep(0)
        await until_open_connections(kasir, 0)
        await connection.leave()
        other_result = await kasir.other_shopper_pays("NEIGHBOUR")

    assert other_result == "RedirectShopper"


async def until_open_connections(kasir: Served, count: int) -> None:
    """Wait until remote clients have this many open connections."""

    async def open_connections() -> int:
        return kasir.outside_connections

    await until(open_connections, lambda found: found == count, f"{count} open connections")


async def test_a_client_that_sends_too_long_a_body_after_its_response_is_closed(
    fresh_database: str,
) -> None:
    limits = {"drained_bytes_max": 100_000, "request_body_s": 600}
    async with served(fresh_database, **limits) as kasir:
        connection = await kasir.connect()
        connection.send(REQUEST_START + b"Content-Length: 99999999\r\n\r\n")
        response_head = await connection.reader.readuntil(b"\r\n\r\n")
        connection.send(b"a" * 1_000_000)
        await until_open_connections(kasir, 0)
        await connection.leave()

    assert status_of(response_head) == 401


async def test_a_connection_is_reused_when_the_body_arrives_after_the_response(
    fresh_database: str,
) -> None:
    async with served(fresh_database) as kasir:
        connection = await kasir.connect()
        connection.send(REQUEST_START + b"Content-Length: 2\r\n\r\n")
        # The body of the 401 response ends so.
        first = await connection.reader.readuntil(b'security"}')
        connection.send(b"{}GET /health/live HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n")
        second = await connection.receive_all()

    assert (status_of(first), status_of(second)) == (401, 200)


async def test_bytes_that_are_not_http_are_answered_400_in_adyens_format(
    fresh_database: str,
) -> None:
    async with served(fresh_database) as kasir:
        # A TLS handshake starts with these three bytes.
        response = await response_to(kasir, b"\x16\x03\x01 hello\r\n\r\n")

    assert status_of(response) == error_of(response)["status"] == 400


async def test_a_request_to_upgrade_the_protocol_is_answered_in_http_1(
    fresh_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(fresh_database) as kasir:
        connection = await kasir.connect()
        connection.send(
            b"GET /health/live HTTP/1.1\r\nHost: k\r\nUpgrade: websocket\r\n"
            b"Connection: upgrade\r\n\r\n"
        )
        response = await connection.reader.readuntil(b"\r\n\r\n")
        await connection.leave()

    assert status_of(response) == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_pipelined_requests_are_both_answered(
    fresh_database: str,
) -> None:
    async with served(fresh_database, request_head_s=1, request_body_s=1) as kasir:
        live = b"GET /health/live HTTP/1.1\r\nHost: k\r\n"
        response = await response_to(kasir, live + b"\r\n" + live + b"Connection: close\r\n\r\n")

    assert response.count(b"HTTP/1.1 200") == 2


def refused(reason: str) -> float:
    """How much was refused for this reason, as the metrics of this process say."""
    text = metrics.text("TwinMerchant", are_several=False).decode()
    rows = re.findall(rf'^kasir_http_refused_total{{reason="{reason}"}} (\S+)$', text, re.MULTILINE)
    return float(rows[0]) if rows else 0.0


async def too_long(kasir: Served) -> None:
    """A request whose head is too long."""
    connection = await kasir.connect()
    connection.send(REQUEST_START + b"X-Long: " + b"a" * 1100 + b"\r\n\r\n")
    await connection.receive_all()


async def too_slow(kasir: Served) -> None:
    """A request that never becomes complete."""
    connection = await kasir.connect()
    connection.send(REQUEST_START)
    await connection.receive_all()


async def malformed(kasir: Served) -> None:
    """Bytes that are not HTTP."""
    connection = await kasir.connect()
    connection.send(b"\x16\x03\x01 hello\r\n\r\n")
    await connection.receive_all()


async def busy(kasir: Served) -> None:
    """A request while all connections are answered."""
    streams = await open_streams(kasir, 2)
    await response_to(kasir, REQUEST_START + b"Content-Length: 0\r\n\r\n")
    for stream in streams:
        await stream.leave()


async def too_many_connections(kasir: Served) -> None:
    """Connections that send nothing, one more than there may be."""
    opened = [await kasir.connect() for _ in range(3)]
    await opened[0].receive_all()
    for connection in opened[1:]:
        await connection.leave()


@pytest.mark.parametrize("refuse", [too_long, too_slow, malformed, busy, too_many_connections])
async def test_what_the_server_itself_refuses_is_counted_by_its_reason(
    fresh_database: str, refuse: Callable[[Served], Awaitable[None]]
) -> None:
    async with served(
        fresh_database,
        request_head_bytes_max=1000,
        request_head_s=0.2 if refuse is too_slow else 60.0,
        connections_max=2 if refuse in {busy, too_many_connections} else 100,
    ) as kasir:
        before = refused(refuse.__name__)
        await refuse(kasir)
        after = refused(refuse.__name__)

    assert after == before + 1
