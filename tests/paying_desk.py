"""A desk with payments, in front of an Adyen that accepts every change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from desk_client import OpenDesk, open_desk
from fake_server import FakeServer, plain, serving
from fakes import a_fact, a_question, an_intent
from kasir.ids import PaymentId
from kasir.payments.facts import Says
from opened_kasir import a_database

__all__ = ["PayingDesk", "paying"]


@dataclass(frozen=True)
class PayingDesk:
    """A desk in front of an Adyen that accepts every change."""

    open: OpenDesk
    adyen: FakeServer

    async def paid(self, name: str, **changes: Any) -> str:
        """Store a payment of 25,000 rupiah that is paid; its pspReference is `PSP-NAME`."""
        book = self.open.parts.payments
        fields = {"reference": f"ORDER-{name}"} | changes
        await book.open(an_intent(f"pay_{name}", **fields), a_question(f"pay_{name}"), None)
        fact = a_fact(Says.AUTHORISED, f"PSP-{name}")
        await book.add_facts(PaymentId(f"pay_{name}"), [fact])
        return f"/desk/payments/pay_{name}"

    def sent(self, psp_reference: str) -> list[Any]:
        """The bodies of the changes that Adyen was asked for, of one payment."""
        return [json.loads(body) for path, _, body in self.adyen.asked if psp_reference in path]

    async def audit(self, payment_id: str) -> list[Any]:
        """The rows of the audit log about a payment, oldest first."""
        query = "SELECT * FROM audit WHERE subject = $1 ORDER BY id"
        return list(await self.open.parts.pool.fetch(query, payment_id))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def paying(postgres_dsn: str) -> AsyncIterator[PayingDesk]:
    """A desk with payments, for all tests of this module."""
    async with (
        serving() as adyen,
        a_database(postgres_dsn) as database,
        open_desk(database, ADYEN_TWIN_URL=adyen.url) as desk,
    ):
        adyen.handler = plain(201, b'{"status": "received", "pspReference": "PSP-CHANGE"}')
        yield PayingDesk(desk, adyen)
