"""Notifications are refused while the database is unavailable, and stored when sent again."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from typing import Final
from urllib.parse import urlsplit

import asyncpg
from structlog.testing import capture_logs

from fakes import envelope, notification_item
from in_process_app import in_process_app
from opened_kasir import kasir_on

TOKENS_KEY: Final = "ab" * 32


async def _allow_connections(database: str, *, allowed: bool) -> None:
    """Allow connections to the database, or refuse them and close those that are open."""
    address = urlsplit(database)
    name = address.path.removeprefix("/")
    connection = await asyncpg.connect(address._replace(path="/postgres").geturl())
    try:
        await connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allowed}")
        if not allowed:  # Wait up to 20 seconds for each connection to be closed.
            await connection.execute(
                "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = $1",
                name,
            )
    finally:
        await connection.close()


async def test_a_notification_that_could_not_be_stored_is_refused_and_stored_when_sent_again(
    fresh_database: str,
) -> None:
    payment_notification = envelope(notification_item())
    token_notification = json.dumps({"type": "recurring.token.created", "eventId": "E1"}).encode()
    digest = hmac.digest(bytes.fromhex(TOKENS_KEY), token_notification, hashlib.sha256)
    headers = {"HmacSignature": b64encode(digest).decode()}
    async with in_process_app(fresh_database, ADYEN_TOKEN_HMAC_KEY=TOKENS_KEY) as client:

        async def send() -> list[tuple[int, bytes]]:
            """Send both notifications, and return the status and body of each response."""
            responses = [
                await client.post("/webhooks/adyen", content=payment_notification),
                await client.post(
                    "/webhooks/adyen/tokens", content=token_notification, headers=headers
                ),
            ]
            return [(response.status_code, response.content) for response in responses]

        await _allow_connections(fresh_database, allowed=False)
        with capture_logs() as logs:
            while_unavailable = await send()
        await _allow_connections(fresh_database, allowed=True)
        when_available = await send()
    async with kasir_on(fresh_database) as kasir:
        notices = await kasir.notices.listed(None, 10)

    assert while_unavailable == [(503, b"not kept; send again")] * 2
    assert when_available == [(202, b"[accepted]")] * 2
    assert len(notices) == 2
    lines = [line for line in logs if line["event"] == "not kept"]
    assert [line["log_level"] for line in lines] == ["error"] * 2
    assert all("notices could not be kept" in line["error"] for line in lines)
