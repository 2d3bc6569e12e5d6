"""No list of the desk or the API reads or sorts a table, with any of its filters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import product
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest
from bench import many_rows
from bench.lists import Searches, of_others, of_payments

from desk_client import OpenDesk, Person, open_desk
from explained import Sent, explain, recorded_statements
from kasir.people.roles import Role
from kasir.store.deliveries import DeliveryState
from kasir.store.inbox import NoticeState
from kasir.subscriptions.states import State
from opened_kasir import a_database

pytestmark = pytest.mark.long

ROWS = 50_000
KEY = "the-key-of-the-tests"
#: The most rows that may be sorted, or skipped: those of one shopper, or of a day's amounts.
MOST = ROWS // 10
#: The filters of lists, each with its values.
_PARAMETERS: dict[str, dict[str, tuple[object, ...]]] = {
    "/desk/deliveries": {
        "state": ("", *DeliveryState),
        "event": ("", "payment.authorised", "dispute.opened", "REPORT_AVAILABLE", "none"),
        "payment": ("", f"pay_{ROWS // 3:026d}"),
        "after": ("", f"{ROWS // 2}.{ROWS // 2}"),
    },
    "/desk/notices": {"state": ("", *NoticeState), "after": ("", ROWS // 2)},
    "/desk/subscriptions": {
        "status": ("", *State),
        "plan": ("", "plan_1", "plan_2", "none"),
        "shopperReference": ("", "shopper-7"),
        "reference": ("", "SUB-77"),
        "after": ("", f"sub_{ROWS // 2:026d}"),
    },
}


def searches() -> Searches:
    """The pages of the benchmark, and each combination of the filters of the other lists."""
    combined: Searches = {}
    for path, parameters in _PARAMETERS.items():
        for values in product(*parameters.values()):
            query = {name: value for name, value in zip(parameters, values, strict=True) if value}
            combined[f"{path} {query}"] = (path, query)
    return {**of_payments(ROWS), **of_others(ROWS), **combined}


@pytest.fixture(scope="module")
async def database(postgres_dsn: str) -> AsyncIterator[str]:
    """A database with many rows of each list."""
    async with a_database(postgres_dsn) as dsn:
        await many_rows.write(dsn, ROWS)
        yield dsn


@pytest.fixture
async def desk(database: str) -> AsyncIterator[OpenDesk]:
    """The desk on that database."""
    async with open_desk(database, KASIR_API_KEY=KEY) as desk:
        yield desk


async def sent_for(person: Person, path: str, query: Any) -> list[Sent]:
    """The queries that a page sends, but those of a CSV file after its first."""
    with recorded_statements() as sent:
        answer = await person.http.get(f"{path}?{urlencode(query)}", headers={"X-API-Key": KEY})

    assert answer.status_code == 200, f"{path} {query}"
    reading = [one for one in sent if not one.is_writing]
    return reading[:5] if path.endswith(".csv") else reading


def faults(name: str, plans: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the plans of a page."""
    for statement, plan in plans.items():
        if plan.scanned or plan.sorted_rows > MOST or plan.skipped_rows > MOST:
            yield name, statement, plan.text


async def test_no_page_reads_or_sorts_a_table(desk: OpenDesk, database: str) -> None:
    connection = await asyncpg.connect(database)
    wrong = list[tuple[str, str, str]]()
    async with desk.signed_in("ani", Role.ADMIN) as person:
        for name, (path, query) in searches().items():
            sent = await sent_for(person, path, query)
            wrong += faults(name, {one.name: await explain(connection, one) for one in sent})
    await connection.close()

    assert wrong == []
