"""A task can be cancelled or time out while a statement of its transaction waits for a lock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from fake_server import plain, serving
from fakes import KEY, NOW, envelope, notification_item
from kasir.adyen.signing import key_from_hex
from kasir.ids import LinkId
from kasir.jobs.worker import work
from kasir.payment_form import saved_methods
from kasir.payments.links import Link, LinkStatus
from kasir.requests.payment_links import OpenLink
from kasir.webhooks.receiving import receive
from opened_kasir import a_database, kasir_on, until


@asynccontextmanager
async def locked(dsn: str, table: str) -> AsyncIterator[Any]:
    """Lock a table from another session, and yield that session."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield connection
    finally:
        await connection.close()


#: Whether a session that has locked the table `notice`, as a worker does, waits for a lock.
WORKER_WAITS = """
    SELECT EXISTS (
        SELECT FROM pg_locks AS waits JOIN pg_locks AS holds USING (pid)
        WHERE NOT waits.granted AND holds.granted AND holds.relation = 'notice'::regclass
    )
"""


async def test_a_worker_that_is_cancelled_in_a_transaction_ends(postgres_dsn: str) -> None:
    async with a_database(postgres_dsn) as database, kasir_on(database) as kasir:
        await receive(
            envelope(notification_item()),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=kasir.inbox,
            received_at=NOW,
        )
        async with locked(database, "payment") as other:
            working = asyncio.create_task(work(kasir, asyncio.Event()))
            await until(lambda: other.fetchval(WORKER_WAITS))
            working.cancel()
            done, _ = await asyncio.wait([working], timeout=20)
        working.cancel()  # A worker that still runs would block the end of the test.

        assert done == {working}
        assert working.cancelled()


async def test_a_list_of_saved_wallets_that_waits_for_a_lock_does_not_block_payments(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_methods, "_WAIT_S", 1.0)
    saved_wallet = {"id": "TOKEN1", "type": "gopay_wallet", "name": "GoPay"}
    listed_by_adyen = json.dumps({"storedPaymentMethods": [saved_wallet]}).encode()
    link = Link(
        id=LinkId("PL_1"),
        request={"shopperReference": "shopper-1"},
        created_at=NOW,
        expires_at=NOW,
    )
    open_link = OpenLink(link, LinkStatus.ACTIVE, ())
    async with serving() as fake_server, a_database(postgres_dsn) as database:
        fake_server.handler = plain(
            200, listed_by_adyen, Content_Type="application/json", pspReference="PSP1"
        )
        async with kasir_on(database, ADYEN_TWIN_URL=fake_server.url) as kasir:
            async with locked(database, "token_fact"):
                while_locked = await saved_methods.list_saved(kasir, open_link)
                await saved_methods.refresh_saved(kasir, open_link)
            afterwards = await saved_methods.list_saved(kasir, open_link)

    assert while_locked == []
    assert [wallet.token.name.stored_id for wallet in afterwards] == ["TOKEN1"]
