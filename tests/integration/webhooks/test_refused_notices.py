"""A notice that the database refuses does not prevent the others from being read."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from integration.webhooks.test_attribution import Account
from kasir.payments.status import Status
from opened_kasir import a_database, kasir_on


@pytest.fixture
async def account(postgres_dsn: str) -> AsyncIterator[Account]:
    async with a_database(postgres_dsn) as database, kasir_on(database) as kasir:
        yield Account(kasir)


@pytest.mark.parametrize(
    "date", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+00:00"]
)
async def test_a_notice_with_a_date_at_the_limit_of_the_calendar_is_stored_like_any_other(
    account: Account, date: str
) -> None:
    ours = await account.open_payment()
    psp = account.psp()
    results = await asyncio.gather(
        account.posts(account.psp(), eventDate=date),
        account.posts(psp, echo=ours.id),
        return_exceptions=True,
    )
    assert list(results) == [None, None]


#: Ten thousand random characters, which the database cannot compress.
LONG = secrets.token_hex(5000)


@pytest.mark.parametrize(
    "field", ["merchantReference", "pspReference", "originalReference", "paymentMethod", "reason"]
)
async def test_a_notice_with_a_very_long_field_does_not_block_others(
    account: Account, field: str
) -> None:
    ours = await account.open_payment()
    psp = account.psp()
    changes: dict[str, Any] = {} if field == "pspReference" else {field: LONG}
    psp_of_long = LONG if field == "pspReference" else account.psp()
    # Without Kasir's payment id, the payment is searched by its merchant reference.
    echo = "" if field == "merchantReference" else ours.id
    # The original reference of an authorisation would be ignored.
    code = {"eventCode": "CAPTURE"} if field == "originalReference" else {}
    await account.posts(psp_of_long, echo=echo, **changes, **code)
    await account.posts(psp, echo=ours.id)
    await account.kasir.reader.read_all()

    assert await account.status(ours) is Status.AUTHORISED


async def test_the_number_of_events_about_held_messages_is_limited(account: Account) -> None:
    for _ in range(30):
        await account.open_payment()
    await asyncio.gather(*(account.posts(account.psp()) for _ in range(60)))
    await account.kasir.reader.read_all()
    held = await account.kasir.pool.fetchval("SELECT count(*) FROM notice WHERE state = 'held'")
    per_payment = await account.kasir.pool.fetch(
        "SELECT count(*) AS times FROM event WHERE type = 'payment.needs_attention' "
        "GROUP BY subject"
    )

    assert held == 60
    # The newest ten payments have ten events each.
    assert [row["times"] for row in per_payment] == [10] * 10


async def _transactions(account: Account) -> int:
    """The number of transactions that last wrote the notices, by their `xmin`."""
    count: int = await account.kasir.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM notice")
    return count


@pytest.mark.parametrize(
    "date",
    [
        "9999-12-31T23:59:59-14:00",
        "9999-06-01T00:00:00+00:00",
        "2999-01-01T00:00:00+07:00",
        "0001-01-01T00:00:00+14:00",
        "1970-01-01T00:00:00+00:00",
        "the day before yesterday",
        "2026-05-05T05:05:05",
        "",
    ],
)
async def test_notices_are_read_in_one_transaction_although_one_has_an_invalid_date(
    account: Account, date: str
) -> None:
    payments = [await account.open_payment() for _ in range(100)]
    dates = [{"eventDate": date} if number == 50 else {} for number in range(100)]
    posts = zip(payments, dates, strict=True)
    await asyncio.gather(
        *(account.posts(account.psp(), echo=ours.id, **more) for ours, more in posts)
    )
    await account.kasir.reader.read_all()
    held = await account.kasir.pool.fetch("SELECT error FROM notice WHERE state = 'held'")
    read_count = await account.kasir.pool.fetchval(
        "SELECT count(*) FROM notice WHERE state = 'read'"
    )
    impossible_dates = await account.kasir.pool.fetchval(
        "SELECT count(*) FROM notice WHERE event_date NOT BETWEEN '2000-01-01' AND '2100-01-01'"
    )

    assert await _transactions(account) == 1
    assert (len(held), read_count, impossible_dates) == (1, 99, 0)
    assert date in held[0]["error"]


async def test_a_notice_that_the_database_refuses_is_found_by_halving_the_batch(
    account: Account,
) -> None:
    payments = [await account.open_payment() for _ in range(128)]
    await account.kasir.pool.execute(
        "ALTER TABLE fact ADD CONSTRAINT refuses CHECK (words NOT LIKE '%poison%')"
    )
    reasons = [{"reason": "poison"} if number == 77 else {} for number in range(128)]
    posts = zip(payments, reasons, strict=True)
    await asyncio.gather(
        *(account.posts(account.psp(), echo=ours.id, **more) for ours, more in posts)
    )
    await account.kasir.reader.read_all()
    states = await account.kasir.pool.fetch(
        "SELECT state, count(*) FROM notice GROUP BY state ORDER BY state"
    )

    assert [tuple(row) for row in states] == [("held", 1), ("read", 127)]
    # Halving 128 notices seven times gives seven parts without the refused notice, and itself.
    assert await _transactions(account) == 8


async def test_an_error_in_the_tables_schema_is_raised(account: Account) -> None:
    await account.posts(account.psp())
    await account.kasir.pool.execute("ALTER TABLE notice RENAME COLUMN item TO words")

    with pytest.raises(asyncpg.UndefinedColumnError):
        await account.kasir.reader.read_all()


async def test_long_notices_are_read_in_small_batches(account: Account) -> None:
    payments = [await account.open_payment() for _ in range(6)]
    for ours in payments:
        await account.posts(account.psp(), echo=ours.id, reason="x" * 10_000)
    await replace(account.kasir.reader, bytes_max=20_000).read_all()
    sizes = await account.kasir.pool.fetch(
        "SELECT count(*) AS size FROM notice WHERE state = 'read' GROUP BY xmin::text"
    )

    assert [row["size"] for row in sizes] == [2, 2, 2]


async def test_a_notice_longer_than_a_batch_is_read_alone(account: Account) -> None:
    ours = await account.open_payment()
    await account.posts(account.psp(), echo=ours.id, reason="x" * 10_000)
    await replace(account.kasir.reader, bytes_max=1).read_all()

    assert await account.status(ours) is Status.AUTHORISED
