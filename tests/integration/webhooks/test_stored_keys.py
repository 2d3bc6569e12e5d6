"""The HMAC keys that `kasir setup` stored are read while a server runs, and kept in an outage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from app_client import app_client
from fakes import OTHER_KEY, envelope, notification_item
from kasir.store import webhook_keys as store
from kasir.store.vault import Vault
from kasir.webhooks import webhook_keys
from kasir.wiring import Parts
from opened_kasir import kasir_on


async def store_key(kasir: Parts) -> None:
    """Store a key, as `kasir setup` does."""
    now = datetime.now(UTC)
    key_id = await store.ask(kasir.pool, "S2-1", now)
    sealed = Vault(kasir.settings.secrets).seal(bytes.fromhex(OTHER_KEY))
    async with kasir.pool.acquire() as connection:
        await store.keep(connection, key_id, sealed, now + timedelta(seconds=1))


async def test_while_stored_keys_cannot_be_read_a_notification_is_refused_and_later_accepted(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_keys, "_READ_EVERY_S", 0.0)
    body = envelope(notification_item(key=OTHER_KEY))
    async with kasir_on(fresh_database) as kasir, app_client(kasir) as http:
        await store_key(kasir)
        await kasir.pool.execute("ALTER TABLE webhook_key RENAME TO webhook_key_away")
        with capture_logs() as logs:
            refused = await http.post("/webhooks/adyen", content=body)
        await kasir.pool.execute("ALTER TABLE webhook_key_away RENAME TO webhook_key")
        accepted = await http.post("/webhooks/adyen", content=body)

    assert (refused.status_code, accepted.status_code) == (401, 202)
    assert (logs[0]["event"], logs[0]["error"]) == (
        "stored webhook keys were not read",
        "UndefinedTableError",
    )
    assert logs[-1]["event"] == "not authentic"


async def test_keys_that_are_known_stay_while_the_stored_ones_cannot_be_read(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_keys, "_READ_EVERY_S", 0.0)
    async with kasir_on(fresh_database) as kasir:
        await store_key(kasir)
        await kasir.webhook_keys.refresh()
        before = kasir.webhook_keys.all
        await kasir.pool.execute("ALTER TABLE webhook_key RENAME TO webhook_key_away")
        await kasir.webhook_keys.refresh()

    assert bytes.fromhex(OTHER_KEY) in before
    assert before == kasir.webhook_keys.all
