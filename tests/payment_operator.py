"""An operator of a Kasir in this process, who stores payments and asks the API about them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app_client import app_client
from fakes import a_fact, a_question, an_intent
from kasir.ids import PaymentId
from kasir.money import IDR, Money
from kasir.payments.facts import Fact, Says
from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on

__all__ = ["Operator", "authorised", "operator"]


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator with an API key."""

    kasir: Parts
    http: httpx.AsyncClient

    async def store(self, name: str, *facts: Fact, value: int = 25_000, **changes: Any) -> str:
        """Store a payment with these facts; returns its id."""
        intent = an_intent(name, amount=Money(IDR, value), **changes)
        await self.kasir.payments.open(intent, a_question(name), None)
        if facts:
            await self.kasir.payments.add_facts(PaymentId(name), facts)
        return name

    async def listed(self, **query: object) -> Any:
        """List payments over the API."""
        response = await self.http.get("/api/payments", params=_texts(query))
        assert response.status_code == 200, response.text
        return response.json()

    async def ids(self, **query: object) -> list[str]:
        """The ids of the payments that a query lists, in order."""
        return [payment["id"] for payment in (await self.listed(**query))["payments"]]


def _texts(query: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items()}


def authorised(psp_reference: str, *more: Says, value: int = 25_000) -> Iterable[Fact]:
    """The facts of a paid attempt."""
    amount = Money(IDR, value)
    return [a_fact(says, psp_reference, amount=amount) for says in (Says.AUTHORISED, *more)]


@pytest.fixture(scope="module")
async def operator(postgres_dsn: str) -> AsyncIterator[Operator]:
    """An operator; all tests of a module share the Kasir and its database."""
    async with (
        a_database(postgres_dsn) as database,
        kasir_on(database, KASIR_API_KEY="shop-key") as kasir,
        app_client(kasir, X_API_Key="shop-key") as http,
    ):
        yield Operator(kasir, http)
