"""Notices that stop those beside them."""

from __future__ import annotations

import asyncio
import secrets
import time

import pytest

from fakes import KEY, NOW, envelope, notification_item
from integration.store.test_whose_money import PRICE, Account
from kasir.adyen.signing import key_from_hex
from kasir.errors import KasirError
from kasir.payments.status import Status
from kasir.webhooks.receive import receive
from kasir.wiring import Kasir
from opened import a_database, kasir_on


@pytest.fixture
async def account(postgres_dsn: str):  # type: ignore[no-untyped-def]
    async with a_database(postgres_dsn) as database, kasir_on(database) as kasir:
        yield Account(kasir)


@pytest.mark.parametrize(
    "date", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+00:00"]
)
async def test_a_date_at_the_edge_of_time_keeps_no_other_notice_out(
    account: Account, date: str
) -> None:
    ours = await account.opens()
    psp = account.psp()
    said = await asyncio.gather(
        account.posts(account.psp(), eventDate=date),
        account.posts(psp, echo=ours.id),
        return_exceptions=True,
    )
    print(said)
    assert said == [None, None]


LONG = secrets.token_hex(5000)


@pytest.mark.parametrize(
    "field", ["merchantReference", "pspReference", "originalReference", "paymentMethod", "reason"]
)
async def test_a_notice_of_any_length_stops_nobody(account: Account, field: str) -> None:
    ours = await account.opens()
    psp = account.psp()
    changes = {field: LONG}
    if field == "pspReference":
        changes = {}
    poison = LONG if field == "pspReference" else account.psp()
    echo = "" if field == "merchantReference" else ours.id
    code = {"eventCode": "CAPTURE"} if field == "originalReference" else {}
    await account.posts(poison, echo=echo, **changes, **code)
    await account.posts(psp, echo=ours.id)
    try:
        await account.kasir.reader.read_all()
        await account.kasir.reader.read_all()
    except Exception as error:  # noqa: BLE001
        print("read_all:", type(error).__name__, str(error)[:120])
    rows = await account.kasir.pool.fetch("SELECT state, left(error, 80) FROM notice ORDER BY id")
    print([tuple(row) for row in rows], await account.status(ours))
    assert await account.status(ours) is Status.AUTHORISED


@pytest.mark.parametrize("notices", [25, 100, 200])
async def test_what_is_held_of_one_reference_does_not_grow_with_its_square(
    account: Account, notices: int
) -> None:
    for _ in range(100):
        await account.opens()
    await asyncio.gather(*(account.posts(account.psp()) for _ in range(notices)))
    begun = time.perf_counter()
    await account.kasir.reader.read_all()
    took = time.perf_counter() - begun
    facts = await account.kasir.pool.fetchval("SELECT count(*) FROM fact")
    events = await account.kasir.pool.fetchval("SELECT count(*) FROM event")
    size = await account.kasir.pool.fetchval("SELECT pg_total_relation_size('event')")
    print(f"{notices} notices: {took:.1f} s, {facts} facts, {events} events, {size} bytes")
    assert events <= 100 + 2 * notices
