"""Kasir as a library: `from kasir import Kasir` (docs/library.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from kasir.adyen.calls import OWN_VERSION
from kasir.adyen.replies import Answer
from kasir.config import Settings
from kasir.ids import PaymentId
from kasir.jobs.worker import work
from kasir.ledger.payment_book import PostgresPaymentBook
from kasir.ledger.tokens import Tokens
from kasir.money import Money
from kasir.requests.changes import ChangeRequests
from kasir.requests.payment_links import PaymentLinks
from kasir.requests.payments import PaymentRequests
from kasir.requests.stored_methods import StoredMethods
from kasir.store.outbox import EventFeed
from kasir.tokens.model import Token
from kasir.wiring import Parts, open_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Kasir:
    """An open Kasir, from `async with Kasir.open() as kasir`.

    Attributes:
        checkout: `/paymentMethods`, `/payments` and `/payments/details`.
        changes: Captures, refunds, cancels and reversals.
        links: `/paymentLinks`.
        tokens: Shoppers' saved wallets, as Kasir has recorded them.
        stored: Shoppers' saved wallets in Adyen's list: to list and to remove.
        payments: Payments with all their facts.
        events: Events, for apps that fetch them.
    """

    checkout: PaymentRequests
    changes: ChangeRequests
    links: PaymentLinks
    tokens: Tokens
    stored: StoredMethods
    payments: PostgresPaymentBook
    events: EventFeed
    _parts: Parts = field(repr=False)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings | None = None) -> AsyncIterator[Kasir]:
        """Open Kasir, and close it with the context.

        Args:
            settings: Read from the environment where None.

        Raises:
            SettingError: A setting is missing or malformed.
            DatabaseUnavailable: PostgreSQL cannot be used.
        """
        async with open_parts(settings) as parts:
            yield kasir_of(parts)

    async def charge(
        self,
        token: Token,
        amount: Money,
        *,
        reference: str,
        return_url: str,
        model: Literal["Subscription", "CardOnFile"] = "Subscription",
        key: str | None = None,
    ) -> tuple[Answer, PaymentId]:
        """Charge a token, once per key.

        Args:
            token: The token, from `kasir.tokens`.
            amount: The amount, in rupiah.
            reference: The shop's own name for the payment, up to 80 characters.
            return_url: The address to which the shopper returns. Adyen requires it with every
                payment, but uses it with `CardOnFile` only.
            model: `Subscription` (charged without the shopper) or `CardOnFile` (the shopper is
                redirected, and enters the PIN).
            key: The idempotency key of the charge. The same key returns the first answer again.

        Returns:
            Adyen's answer and the payment's id. The answer's `resultCode` is not final. The
            notification is final, and `kasir.payments` has its result.

        Raises:
            InvalidRequest: The token is disabled or something else is wrong; nothing was sent.
            KeyReused: The key was used before with another charge.
            StillRunning: The first charge with this key has no answer yet.
        """
        fields = {
            "amount": {"currency": amount.currency, "value": amount.minor_units},
            "reference": reference,
            "paymentMethod": {"storedPaymentMethodId": token.name.stored_id},
            "shopperReference": token.name.shopper_reference,
            "shopperInteraction": "ContAuth",
            "recurringProcessingModel": model,
            "returnUrl": return_url,
        }
        return await self.checkout.pay(fields, OWN_VERSION, key)

    async def work(self, stop: asyncio.Event) -> None:
        """Run a worker until `stop` is set: read notifications, do what is due, deliver events."""
        await work(self._parts, stop)


def kasir_of(parts: Parts) -> Kasir:
    """A `Kasir` with parts that are already open, such as those of a mounted app."""
    return Kasir(
        checkout=parts.checkout,
        changes=parts.changes,
        links=parts.links,
        tokens=parts.tokens,
        stored=parts.stored,
        payments=parts.payments,
        events=parts.events,
        _parts=parts,
    )
