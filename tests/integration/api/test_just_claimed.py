"""A change of a payment whose notification is read while the request is checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from fake_server import plain, serving
from fakes import payment_body
from kasir.ledger.payment_book import PostgresPaymentBook
from kasir.payments.payment import Payment
from kasir.payments.question import Kind
from opened_kasir import kasir_on


@dataclass
class JustClaimed:
    """The book of payments, in which the attempt is claimed just after the first query for it."""

    book: PostgresPaymentBook
    queries: int = 0

    async def payment_of_attempt(self, psp_reference: str) -> Payment | None:
        """Find no payment the first time."""
        self.queries += 1
        return None if self.queries == 1 else await self.book.payment_of_attempt(psp_reference)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.book, name)


async def test_a_payment_claimed_while_a_refund_is_checked_is_refunded(
    fresh_database: str,
) -> None:
    refund = json.dumps({"amount": {"currency": "IDR", "value": 10_000}}).encode()
    async with (
        serving() as adyen,
        kasir_on(fresh_database, ADYEN_TWIN_URL=adyen.url) as kasir,
    ):
        adyen.handler = plain(200, b'{"resultCode":"Authorised","pspReference":"PSP-1"}')
        await kasir.checkout.payments(json.dumps(payment_body()).encode(), 72)
        book = JustClaimed(kasir.payments)
        changes = type(kasir.changes)(
            flow=kasir.changes.flow,
            payments=cast("PostgresPaymentBook", book),
            ids=kasir.changes.ids,
            clock=kasir.changes.clock,
            merchant_account=kasir.changes.merchant_account,
        )
        adyen.handler = plain(201, b'{"status":"received","pspReference":"REFUND-1"}')
        answer = await changes.ask(Kind.REFUNDS, "PSP-1", refund, 72, None)

    assert (answer.status, answer.json()["pspReference"]) == (201, "REFUND-1")
    assert book.queries == 2
