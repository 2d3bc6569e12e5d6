"""Payment links are stored encrypted, and those of earlier versions are encrypted later."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from kasir.demo.client import until
from kasir.errors import SettingError
from kasir.jobs.worker import work
from kasir.wiring import Parts
from opened_kasir import kasir_on

REQUEST: Final[dict[str, Any]] = {
    "reference": "ORDER-1001",
    "merchantAccount": "TwinMerchant",
    "amount": {"currency": "IDR", "value": 25_000},
    "returnUrl": "https://shop.example/",
    "shopperEmail": "siti.rahayu@mail.example",
    "shopperName": {"firstName": "Siti", "lastName": "Rahayu"},
    "telephoneNumber": "+6281234567890",
}
PERSONAL_DATA: Final = ("siti.rahayu", "Rahayu", "+6281234567890")
SECRETS: Final = ("first-secret-of-thirty-two-letters", "second-secret-of-thirty-two-letter")


@pytest.fixture
async def kasir(fresh_database: str) -> AsyncIterator[Parts]:
    async with kasir_on(fresh_database, KASIR_SECRET_KEY=SECRETS[0]) as opened:
        yield opened


async def database_as_text(kasir: Parts) -> str:
    """Every row of every table as text."""
    names = await kasir.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [
        row[0]
        for (name,) in names
        for row in await kasir.pool.fetch(f'SELECT row_to_json("{name}")::text FROM "{name}"')
    ]
    return "\n".join(rows)


async def create_link(kasir: Parts) -> str:
    answer = await kasir.links.create(json.dumps(REQUEST).encode())
    return str(answer.json()["id"])


async def insert_older_link(kasir: Parts, name: str = "PL_OLD") -> str:
    """Insert a link without encryption, as earlier versions did; return its id."""
    now = kasir.clock.now()
    await kasir.pool.execute(
        "INSERT INTO payment_link (id, request, created_at, expires_at)"
        " VALUES ($1, $2::jsonb, $3::timestamptz, $3::timestamptz + interval '1 day')",
        *(name, json.dumps(REQUEST), now),
    )
    return name


async def shown(kasir: Parts, link_id: str) -> dict[str, Any]:
    fields = (await kasir.links.get(link_id)).json()
    return {name: fields[name] for name in REQUEST}


async def test_the_database_does_not_show_the_personal_data_of_a_link(kasir: Parts) -> None:
    link_id = await create_link(kasir)
    rows_as_text = await database_as_text(kasir)

    assert link_id in rows_as_text
    assert [word for word in PERSONAL_DATA if word in rows_as_text] == []
    assert await shown(kasir, link_id) == REQUEST


async def test_an_older_link_is_read_and_encrypted_by_a_worker(kasir: Parts) -> None:
    link_ids = [await insert_older_link(kasir, f"PL_{number}") for number in range(150)]
    unencrypted = await database_as_text(kasir)
    before = await shown(kasir, link_ids[0])
    stop = asyncio.Event()
    working = asyncio.create_task(work(kasir, stop))

    async def unencrypted_count() -> int:
        query = "SELECT count(*) FROM payment_link WHERE request IS NOT NULL"
        count: int = await kasir.pool.fetchval(query)
        return count

    await until(unencrypted_count, lambda count: count == 0, "every link encrypted")
    stop.set()
    await working
    rows_as_text = await database_as_text(kasir)

    assert [word for word in PERSONAL_DATA if word in unencrypted] == [*PERSONAL_DATA]
    assert [word for word in PERSONAL_DATA if word in rows_as_text] == []
    assert before == REQUEST
    assert [await shown(kasir, link_id) for link_id in link_ids] == [REQUEST] * len(link_ids)


async def test_encrypting_links_again_changes_nothing(kasir: Parts) -> None:
    await create_link(kasir)
    await insert_older_link(kasir)

    assert [await kasir.links_kept.seal(100) for _ in range(2)] == [1, 0]


async def test_a_link_is_read_with_the_previous_key_and_not_without_it(
    kasir: Parts, fresh_database: str
) -> None:
    link_id = await create_link(kasir)
    both = ",".join(reversed(SECRETS))
    async with kasir_on(fresh_database, KASIR_SECRET_KEY=both) as changed:
        fields = await shown(changed, link_id)
    async with kasir_on(fresh_database, KASIR_SECRET_KEY=SECRETS[1]) as lost:
        with pytest.raises(SettingError, match="KASIR_SECRET_KEY"):
            await lost.links.get(link_id)

    assert fields == REQUEST
