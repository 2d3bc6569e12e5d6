"""The readiness check, by what the database does."""

from __future__ import annotations

from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from command import TWIN
from kasir.config import settings_from
from kasir.web.app import create_app
from swallowing import way_to


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("SELECT 1", (200, {"status": "ok"})),
        (
            "SET default_transaction_read_only = on",
            (503, {"status": "the database takes no writes"}),
        ),
        ("DROP TABLE migration", (503, {"status": "migrations are pending"})),
        ("DELETE FROM migration", (503, {"status": "migrations are pending"})),
    ],
)
async def test_it_is_ready_while_the_database_takes_writes_and_the_schema_is_ours(
    fresh_database: str, statement: str, says: tuple[int, Any]
) -> None:
    settings = settings_from(TWIN | {"KASIR_DATABASE_URL": fresh_database})
    async with AsyncTestClient(create_app(settings)) as client:
        await client.app.state.kasir.pool.execute(statement)
        told = await client.get("/health/ready")

    assert (told.status_code, told.json()) == says


async def test_it_answers_while_the_database_does_not(fresh_database: str) -> None:
    async with way_to(fresh_database) as way:
        settings = settings_from(TWIN | {"KASIR_DATABASE_URL": way.dsn})
        async with AsyncTestClient(create_app(settings)) as client:
            way.swallow()
            told = await client.get("/health/ready")
            way.let_through()

    assert (told.status_code, told.json()) == (503, {"status": "the database does not answer"})
