"""What the doctor can know of the public address, from this machine and from notifications."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from fake_server import FakeServer, Handler, plain, serving
from fakes import NOW
from kasir.doctor.public_address import check_public_address


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    """A server at the public address."""
    async with serving() as running:
        running.handler = plain(200, b'{"status":"ok"}')
        yield running


async def test_it_is_reached_from_here_before_the_first_notification(server: FakeServer) -> None:
    found = await check_public_address(server.url, None, NOW)

    assert found.is_well
    assert "whether Adyen reaches it" in found.says
    assert [line for line, _, _ in server.asked] == ["GET /health/live"]


async def test_a_notification_proves_that_adyen_reached_it(server: FakeServer) -> None:
    found = await check_public_address(server.url, NOW - timedelta(days=1), NOW)
    behind_a_gateway = await check_public_address("http://127.0.0.1:9", NOW, NOW)
    long_ago = await check_public_address("http://127.0.0.1:9", NOW - timedelta(days=8), NOW)

    assert found.says == "from here; Adyen reached it on 2026-11-22T10:00:00+00:00"
    assert behind_a_gateway.is_well
    assert "not from this machine" in behind_a_gateway.says
    assert not long_ago.is_well


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (plain(503, b""), "HTTP 503 instead of Kasir's answer"),
        (plain(302, b"", Location="/login"), "HTTP 302"),
        (plain(200, b"<html>Welcome to nginx"), "something other than Kasir answers"),
    ],
)
async def test_another_server_at_the_address_is_reported(
    server: FakeServer, handler: Handler, words: str
) -> None:
    server.handler = handler
    found = await check_public_address(server.url, None, NOW)

    assert not found.is_well
    assert words in found.says


async def test_a_certificate_that_is_not_trusted_is_reported(tmp_path: Path) -> None:
    import ssl

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with serving(tls) as server:
        found = await check_public_address(server.url, None, NOW)

    assert "its certificate is not trusted" in found.says
