"""A client that is still sending a refused body receives the response."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import urllib.error
import urllib.request
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

import pytest

from kasir.demo.processes import RunningDemo
from kasir.limits import Limits

#: More than Kasir accepts.
LARGE: Final = b"x" * (10 * 1024 * 1024)


def post_by_urllib(system: RunningDemo, path: str, api_key: str) -> tuple[int, bytes]:
    """Post as Python's urllib does: the whole body first, on a connection that is then closed."""
    headers = {"X-API-Key": api_key, "Content-Type": "application/json"}
    request = urllib.request.Request(system.kasir_url + path, LARGE, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def post_twice_on_one_connection(system: RunningDemo, path: str) -> list[int]:
    """Post as `requests` does: the whole body first, on a connection that is reused."""
    host = urlsplit(system.kasir_url)
    statuses = []
    with closing(http.client.HTTPConnection(host.hostname or "", host.port, timeout=60)) as shop:
        for _ in range(2):
            shop.request("POST", path, LARGE, {"X-API-Key": system.api_key})
            with shop.getresponse() as answer:
                answer.read()
                statuses.append(answer.status)
    return statuses


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v72/payments", 413),
        ("/v72/payments/details", 413),
        ("/v71/paymentLinks", 413),
        ("/v72/payments/PSP/refunds", 413),
        ("/pal/servlet/Recurring/v68/disable", 413),
        ("/api/plans", 413),
        ("/webhooks/adyen", 413),
        ("/webhooks/adyen/tokens", 413),
        ("/health/live", 405),
        ("/nowhere", 404),
        ("/pay/PL_NOWHERE", 413),
    ],
)
async def test_a_client_that_sends_too_large_a_body_receives_the_response(
    system: RunningDemo, path: str, status: int
) -> None:
    answered_status, body = await asyncio.to_thread(post_by_urllib, system, path, system.api_key)

    assert answered_status == status
    if path.startswith(("/v7", "/pal", "/api")):
        assert json.loads(body)["status"] == status


async def test_a_client_that_sends_a_large_body_without_a_key_receives_the_error(
    system: RunningDemo,
) -> None:
    answered_status, body = await asyncio.to_thread(post_by_urllib, system, "/v72/payments", "")

    assert (answered_status, json.loads(body)["errorType"]) == (401, "security")


@pytest.mark.parametrize("path", ["/v72/payments", "/webhooks/adyen", "/pay/PL_NOWHERE"])
async def test_a_reused_connection_receives_each_response(system: RunningDemo, path: str) -> None:
    statuses = await asyncio.to_thread(post_twice_on_one_connection, system, path)

    assert statuses in ([413, 413], [404, 404])


def send_endless_body(system: RunningDemo, path: str) -> tuple[bytes, int]:
    """Send an endless body until the connection breaks, or four times the limit is sent.

    Returns the response (empty if the connection broke) and the number of bytes sent.
    """
    host, sent = urlsplit(system.kasir_url), 0
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n".encode()
    with socket.create_connection((host.hostname or "", host.port or 0), timeout=60) as connection:
        connection.sendall(head)
        try:
            while sent < 4 * Limits().drained_bytes_max:
                sent += connection.send(LARGE[:65536])
        except ConnectionError:
            return b"", sent
        return connection.recv(65536), sent


@pytest.mark.parametrize("path", ["/v72/payments", "/webhooks/adyen", "/pay/PL_NOWHERE"])
async def test_an_endless_body_is_read_up_to_the_limit(system: RunningDemo, path: str) -> None:
    _, sent = await asyncio.to_thread(send_endless_body, system, path)

    # Less than twice the limit: the sockets' buffers hold bytes that were sent but not read.
    assert sent < 2 * Limits().drained_bytes_max


async def test_a_client_that_expects_100_continue_is_answered_at_once(system: RunningDemo) -> None:
    host = urlsplit(system.kasir_url)
    head = (
        "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n"
        "Expect: 100-continue\r\n\r\n"
    )

    def call() -> bytes:
        with socket.create_connection((host.hostname or "", host.port or 0), timeout=60) as shop:
            shop.sendall(head.encode())
            response = b""
            while part := shop.recv(65536):  # Until the connection is closed.
                response += part
            return response

    response = await asyncio.to_thread(call)

    assert response.startswith(b"HTTP/1.1 404")
    assert b"100 Continue" not in response
