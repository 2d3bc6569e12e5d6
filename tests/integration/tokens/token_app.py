"""Kasir on a real database without Adyen; tests post signed notifications of tokens to it."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from adyen_twin.protocol import signing
from fakes import OTHER_KEY, envelope, notification_item, payment_body
from kasir.adyen.calls import details_key, payment_key
from kasir.adyen.replies import Answer
from kasir.gateway.meanings import of_reply
from kasir.ids import PaymentId
from kasir.jobs.engine import enqueue_reading
from kasir.money import IDR, Money
from kasir.payments.payment import Intent
from kasir.payments.question import Kind, Question
from kasir.tokens.model import Token
from kasir.webhooks.notices import replay
from kasir.webhooks.receiving import receive, receive_token
from kasir.wiring import Parts
from opened_kasir import kasir_on

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACCOUNT: Final = "TwinMerchant"
SECRET: Final = "the-key-that-seals-what-is-kept-here"


@asynccontextmanager
async def app_on(database: str, secret: str = SECRET) -> AsyncIterator[TokenApp]:
    """Open a Kasir on a database, with this key for its encryption."""
    async with kasir_on(database, ADYEN_TOKEN_HMAC_KEY=OTHER_KEY, KASIR_SECRET_KEY=secret) as kasir:
        yield TokenApp(kasir)


@dataclass(frozen=True, slots=True)
class SavedWallet:
    """One shopper's wallet, which one payment saves, and its notifications."""

    shopper: str
    token: str
    reference: str
    psp_reference: str
    payment_id: PaymentId

    def webhook(self, kind: str, minute: int, **changes: Any) -> bytes:
        """A token notification, created `minute` minutes after noon; `changes` replace fields."""
        data = {
            "merchantAccount": ACCOUNT,
            "storedPaymentMethodId": self.token,
            "type": "gopay_wallet",
            "operation": kind,
            "shopperReference": self.shopper,
        }
        outer = {
            "createdAt": at(minute).isoformat(),
            "eventId": self.psp_reference,
            "environment": "test",
            "type": f"recurring.token.{kind}",
        }
        data |= {name: text for name, text in changes.items() if name in data}
        outer |= {name: text for name, text in changes.items() if name in outer}
        return json.dumps(outer | {"data": data}).encode()

    def authorisation(self, minute: int, **changes: Any) -> bytes:
        """The payment's AUTHORISATION, with the token and the id of the GoPay account."""
        extra = {
            "GoPay.gopayAccountId": f"62{self.psp_reference}",
            "tokenization.storedPaymentMethodId": self.token,
            "tokenization.shopperReference": self.shopper,
            "tokenization.store.operationType": "created",
        }
        fields = {"eventDate": at(minute).isoformat(), "additionalData": extra}
        return self._item(**fields | changes)

    def contract(self, minute: int, **changes: Any) -> bytes:
        """A RECURRING_CONTRACT, Adyen's older notification of a token."""
        fields = {
            "eventCode": "RECURRING_CONTRACT",
            "pspReference": self.token,
            "originalReference": self.psp_reference,
            "originalPsp": self.psp_reference,
            "amount": {"currency": "IDR", "value": 0},
            "eventDate": at(minute).isoformat(),
            "additionalData": {
                "recurring.recurringDetailReference": self.token,
                "recurring.shopperReference": self.shopper,
                "shopperReference": self.shopper,
                "GoPay.gopayAccountId": f"62{self.psp_reference}",
            },
        }
        return self._item(**fields | changes)

    def refund(self, minute: int) -> bytes:
        """The notification of a full refund of the payment."""
        return self._item(
            eventCode="REFUND",
            pspReference=f"{self.psp_reference[:-2]}RF",
            originalReference=self.psp_reference,
            eventDate=at(minute).isoformat(),
        )

    def _item(self, **changes: Any) -> bytes:
        fields = {"pspReference": self.psp_reference, "merchantReference": self.reference}
        return envelope(notification_item(**fields | changes))


def a_wallet() -> SavedWallet:
    """A wallet with ids that no other wallet has."""
    suffix = secrets.token_hex(7).upper()
    return SavedWallet(
        shopper=f"shopper-{suffix}",
        token=f"TK{suffix}",
        reference=f"ORDER-{suffix}",
        psp_reference=f"PS{suffix}",
        payment_id=PaymentId(f"pay_{suffix}"),
    )


def at(minute: int) -> datetime:
    """The time a number of minutes after noon."""
    return NOON + timedelta(minutes=minute)


@dataclass(frozen=True, slots=True)
class TokenApp:
    """A Kasir to which tests post notifications, and whose stored rows they read."""

    kasir: Parts

    async def clear(self) -> None:
        """Empty every table of Kasir; keep the schema and the job engine's tables."""
        rows = await self.kasir.pool.fetch(
            "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename <> 'migration' AND tablename NOT LIKE 'pgqueuer%'"
        )
        names = ", ".join(row["name"] for row in rows)
        await self.kasir.pool.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")

    async def post(self, *bodies: bytes) -> None:
        """Post notifications of both kinds, each with its signature."""
        for body in bodies:
            if b"notificationItems" in body:
                await receive(
                    body,
                    is_form=False,
                    keys=self.kasir.settings.hmac_keys,
                    inbox=self.kasir.inbox,
                    received_at=self.kasir.clock.now(),
                )
            else:
                await receive_token(
                    body,
                    signature=signing.sign_bytes(body, OTHER_KEY),
                    keys=self.kasir.settings.token_hmac_keys,
                    inbox=self.kasir.inbox,
                    received_at=self.kasir.clock.now(),
                )

    async def post_and_read(self, *bodies: bytes) -> None:
        """Post notifications; read each before the next one is posted."""
        for body in bodies:
            await self.post(body)
            await self.kasir.reader.read_all()

    async def open_payment(self, wallet: SavedWallet, model: str = "Subscription") -> Question:
        """Store a payment that saves a wallet, as `/payments` does before it calls Adyen."""
        return await self._open(wallet, model, storePaymentMethod=True)

    async def open_charge(self, wallet: SavedWallet) -> Question:
        """Store a charge of a saved wallet."""
        stored = {"storedPaymentMethodId": wallet.token}
        return await self._open(wallet, "Subscription", paymentMethod=stored)

    async def _open(self, wallet: SavedWallet, model: str, **more: Any) -> Question:
        recurring = {"shopperReference": wallet.shopper, "recurringProcessingModel": model}
        body = payment_body(reference=wallet.reference, **recurring, **more)
        question = self._question(wallet, payment_key(wallet.payment_id), Kind.PAYMENTS, body)
        intent = Intent(
            id=wallet.payment_id,
            reference=wallet.reference,
            amount=Money(IDR, 25_000),
            method="gopay_wallet",
            return_url="https://shop.example/return",
            created_at=NOON,
            close_at=NOON + timedelta(hours=1),
            model=model,
            shopper_reference=wallet.shopper,
        )
        await self.kasir.payments.open(intent, question, shop_key=None)
        return question

    async def replay(self, notice_id: int) -> None:
        """Replay a held notice, as the operator does."""
        assert await replay(self.kasir.pool, [notice_id], enqueue_reading) == [notice_id]
        await self.kasir.reader.read_all()

    async def question(self, wallet: SavedWallet) -> Question:
        """The question that requests the payment."""
        question, _ = await self.kasir.payments.question(payment_key(wallet.payment_id))
        return question

    async def record_reply(self, question: Question) -> None:
        """Record Adyen's answer to `/payments`."""
        fields = {"resultCode": "RedirectShopper", "action": {"type": "redirect"}}
        await self._record(question, fields)

    async def record_details(self, wallet: SavedWallet) -> None:
        """Record an answer to `/payments/details`: the payment is authorised."""
        body = {"details": {"redirectResult": wallet.reference}}
        key = details_key(wallet.reference)
        question = self._question(wallet, key, Kind.DETAILS, body)
        await self.kasir.payments.open_question(question)
        fields = {
            "resultCode": "Authorised",
            "pspReference": wallet.psp_reference,
            "merchantReference": wallet.reference,
            "amount": {"currency": "IDR", "value": 25_000},
            "additionalData": {"tokenization.storedPaymentMethodId": wallet.token},
        }
        await self._record(question, fields)

    async def _record(self, question: Question, fields: Mapping[str, Any]) -> None:
        result = of_reply(question, Answer(200, msgspec.json.encode(fields)), at(1))
        await self.kasir.payments.record(question, result, ask_again_at=None)

    def _question(
        self, wallet: SavedWallet, key: str, kind: Kind, body: Mapping[str, Any]
    ) -> Question:
        path = "/payments" if kind is Kind.PAYMENTS else "/payments/details"
        return Question(
            key=key,
            kind=kind,
            payment_id=wallet.payment_id,
            version=72,
            path=path,
            body=msgspec.json.encode(body),
            opened_at=NOON,
            asked_at=NOON,
        )

    async def token(self, wallet: SavedWallet) -> Token:
        """The only token of a wallet's shopper."""
        (token,) = await self.kasir.tokens.of(wallet.shopper)
        return token

    async def events(self, wallet: SavedWallet) -> list[dict[str, Any]]:
        """The events of a wallet's token, in order."""
        every = [
            json.loads(event.payload) for event in await self.kasir.events.after(None, limit=10_000)
        ]
        return [
            event
            for event in every
            if event["type"].startswith("token.")
            and event["data"]["shopperReference"] == wallet.shopper
        ]

    async def event_types(self, wallet: SavedWallet) -> list[str]:
        """The types of the events of a wallet's token, in order."""
        return [event["type"] for event in await self.events(wallet)]

    async def notice_states(self) -> dict[str, int]:
        """The number of notices in each state."""
        rows = await self.kasir.pool.fetch("SELECT state, count(*) FROM notice GROUP BY state")
        return {row["state"]: row["count"] for row in rows}

    async def fact_count(self) -> int:
        """The number of stored facts of tokens."""
        return int(await self.kasir.pool.fetchval("SELECT count(*) FROM token_fact"))
