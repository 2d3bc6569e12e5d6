"""The readiness check reports the state of the database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kasir.web import health
from opened_kasir import kasir_on
from silent_network import proxy_to


@pytest.mark.parametrize(
    # SQL that is run before the check, and the check's answer; no status means 200.
    ("statement", "status", "expected"),
    [
        ("SELECT 1", None, "ok"),
        ("SET default_transaction_read_only = on", 503, "the database takes no writes"),
        ("DROP TABLE migration", 503, "migrations are pending"),
        ("DELETE FROM migration", 503, "migrations are pending"),
    ],
)
async def test_kasir_is_ready_if_the_database_is_writable_and_its_schema_is_current(
    fresh_database: str, statement: str, status: int | None, expected: str
) -> None:
    async with kasir_on(fresh_database) as kasir:
        await kasir.pool.execute(statement)
        # On a busy machine the answer may take longer than callers of the check usually wait.
        limits = replace(kasir.settings.limits, ready_answer_s=30.0)
        patient = replace(kasir, settings=replace(kasir.settings, limits=limits))
        response = await health.ready.fn(patient)

    assert (response.status_code, response.content) == (status, {"status": expected})


async def test_the_readiness_check_answers_while_the_database_is_silent(
    fresh_database: str,
) -> None:
    async with proxy_to(fresh_database) as proxy, kasir_on(proxy.dsn) as kasir:
        proxy.go_silent()
        response = await health.ready.fn(kasir)
        proxy.let_through()

    assert (response.status_code, response.content) == (
        503,
        {"status": "the database does not answer"},
    )
