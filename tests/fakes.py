"""Data and fakes for tests: requests, notifications, a clock, and fakes of our ports.

A fake passes the same suite as the real implementation: tests/contract.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from adyen_twin.protocol import signing
from kasir.errors import KasirError, KeyReused, NotFound
from kasir.ids import PaymentId
from kasir.ledger.attribution import Attribution
from kasir.ledger.payments import LockedPayment
from kasir.money import IDR, Money
from kasir.payments import fold
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.payment import Intent, Payment
from kasir.payments.question import CallResult, Decide, KeptAnswer, Kind, Question, ShopKey
from kasir.payments.status import Status
from kasir.shop_events.event_policy import Reported
from kasir.store.payments import names_in
from twin_fixtures import BROWSER, KEY, OTHER_KEY, payment_body

#: Settings with which Kasir starts in the live environment.
IN_LIVE: Final = {
    "ADYEN_ENVIRONMENT": "live",
    "ADYEN_LIVE_PREFIX": "1797a841fbb37ca7-Warung",
    "ADYEN_API_KEY": "AQE-live-key",
    "ADYEN_MERCHANT_ACCOUNT": "WarungECOM",
    "ADYEN_HMAC_KEY": KEY,
    "KASIR_PUBLIC_URL": "https://pay.shop.example",
    "KASIR_SECRET_KEY": "a-secret-of-thirty-two-characters",
}

__all__ = ["BROWSER", "KEY", "OTHER_KEY", "payment_body"]

NOW: Final = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def notification_item(*, key: str = KEY, **changes: Any) -> dict[str, Any]:
    """One item of a notification, signed by the twin; a change of None leaves it out."""
    fields = {
        "pspReference": "QFQTPCQ8HXSKGK82",
        "merchantAccountCode": "TwinMerchant",
        "merchantReference": "ORDER-1001",
        "amount": {"currency": "IDR", "value": 25000},
        "eventCode": "AUTHORISATION",
        "eventDate": "2026-05-05T05:05:05+02:00",
        "paymentMethod": "gopay_wallet",
        "reason": "",
        "success": "true",
        "additionalData": {},
    } | changes
    fields = {name: value for name, value in fields.items() if value is not None}
    amount, extra = fields.get("amount"), fields.get("additionalData")
    if isinstance(extra, dict) and isinstance(amount, dict) and "hmacSignature" not in extra:
        extra = {**extra, "hmacSignature": signing.sign_item(fields, key)}
        fields["additionalData"] = extra
    return fields


def envelope(*items: dict[str, Any]) -> bytes:
    """The envelope around items, as Adyen posts it."""
    boxes = [{"NotificationRequestItem": item} for item in items]
    return json.dumps({"live": "false", "notificationItems": boxes}).encode()


def an_intent(name: str = "pay_1", **changes: Any) -> Intent:
    """The intent of a payment of 25,000 rupiah."""
    fields: dict[str, Any] = {
        "id": PaymentId(name),
        "reference": "ORDER-1001",
        "amount": Money(IDR, 25_000),
        "method": "gopay_wallet",
        "return_url": "https://shop.example/return",
        "created_at": NOW,
        "close_at": NOW + timedelta(hours=1),
    }
    return Intent(**(fields | changes))


def a_question(name: str = "pay_1", **changes: Any) -> Question:
    """The call that requests that payment."""
    fields: dict[str, Any] = {
        "key": f"kasir-{name}",
        "kind": Kind.PAYMENTS,
        "payment_id": PaymentId(name),
        "version": 72,
        "path": "/payments",
        "body": b'{ "reference" : "ORDER-1001" }',
        "opened_at": NOW,
        "asked_at": NOW,
    }
    return Question(**(fields | changes))


def a_fact(says: Says, psp_reference: str = "", **changes: Any) -> Fact:
    """A fact; its key differs from that of every fact with another content."""
    parts = (says, psp_reference, changes.get("about", ""), changes.get("modification", ""))
    fields: dict[str, Any] = {
        "key": ":".join(parts),
        "says": says,
        "source": Source.NOTIFICATION,
        "at": NOW,
        "psp_reference": psp_reference,
    }
    return Fact(**(fields | changes))


def an_answer(*facts: Fact, body: bytes = b'{"resultCode":"RedirectShopper"}') -> CallResult:
    """A final answer with its facts."""
    return CallResult(answer=KeptAnswer(status=200, body=body, psp_reference="PSP"), facts=facts)


class FrozenClock:
    """A clock that shows the time that a test sets."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return the time that was set."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move the clock forward."""
        self._now += by


class CountedIds:
    """Names that a test can predict: pay_1, pay_2 and so on."""

    def __init__(self) -> None:
        self._given = 0

    def new(self, kind: str) -> str:
        """Give the next name."""
        self._given += 1
        return f"{kind}_{self._given}"


#: The longest time that `ask` waits for `may_answer`.
_PATIENCE_S: Final = 10.0


@dataclass
class ScriptedProvider:
    """A provider that gives the test's answer, and records its questions."""

    answer: Callable[[Question], CallResult]
    asked: list[Question] = field(default_factory=list)
    #: If given, each call waits until it is set.
    may_answer: asyncio.Event | None = None
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, question: Question) -> CallResult:
        """Answer, when allowed to."""
        self.asked.append(question)
        self.was_asked.set()
        if self.may_answer:
            async with asyncio.timeout(_PATIENCE_S):
                await self.may_answer.wait()
        return self.answer(question)


@dataclass
class _Page:
    """A question in the memory book, with its answer."""

    question: Question
    answer: KeptAnswer | None = None


class MemoryBook:
    """The book of payments in memory. Passes tests/contract, as the one in PostgreSQL does."""

    def __init__(self) -> None:
        self._intents: dict[PaymentId, Intent] = {}
        self._facts: dict[PaymentId, dict[str, Fact]] = {}
        self._pages: dict[str, _Page] = {}
        self._shop_keys: dict[str, tuple[bytes, str]] = {}
        self._owners: dict[str, PaymentId] = {}

    async def open(
        self, intent: Intent, question: Question, shop_key: ShopKey | None
    ) -> Question | None:
        """Store an intent and its question; see `PaymentBook.open`."""
        if shop_key and (first := self._first(shop_key)):
            return first
        self._claim(shop_key, question)
        self._intents[intent.id] = intent
        self._facts[intent.id] = {}
        self._pages[question.key] = _Page(question)
        return None

    async def open_change(
        self, question: Question, decide: Decide, shop_key: ShopKey | None
    ) -> Question | None:
        """Store a change's question, if `decide` allows it; see `PaymentBook.open_change`."""
        if shop_key and (first := self._first(shop_key)):
            return first
        payment_id = question.payment_id
        if payment_id is None or payment_id not in self._intents:
            raise NotFound("payment", str(payment_id))
        facts = decide(self._payment(payment_id))
        self._claim(shop_key, question)
        self._pages[question.key] = _Page(question)
        self._add(payment_id, facts)
        return None

    async def open_question(self, question: Question) -> bool:
        """Store a question; False if one with its key exists already."""
        if question.key in self._pages:
            return False
        self._pages[question.key] = _Page(question)
        return True

    async def question(self, key: str) -> tuple[Question, KeptAnswer | None]:
        """Return a question and its stored answer, if it has one."""
        page = self._pages.get(key)
        if page is None:
            raise NotFound("question", key)
        return page.question, page.answer

    @asynccontextmanager
    async def asking(self, question: Question) -> AsyncIterator[None]:
        """A context for sending a question: if it is interrupted, the question is released."""
        try:
            yield
        except KasirError:
            raise
        except BaseException:
            page = self._pages.get(question.key)
            if page and page.question.asked_at == question.asked_at:
                tries = page.question.tries + 1
                page.question = replace(page.question, asked_at=_LONG_AGO, tries=tries)
            raise

    async def is_abandoned(self, question: Question) -> bool:
        """Whether its sender is gone: never, because there is one process."""
        return False

    async def take_over(self, question: Question, now: datetime) -> bool:
        """Claim an unanswered question: True if it was not asked since `question.asked_at`."""
        page = self._pages.get(question.key)
        if page is None or page.answer or page.question.asked_at != question.asked_at:
            return False
        page.question = replace(page.question, asked_at=now)
        return True

    async def record(
        self,
        question: Question,
        result: CallResult,
        ask_again_at: datetime | None,
        opened: Intent | None = None,
    ) -> None:
        """Store the answer and record the facts."""
        page = self._pages[question.key]
        payment_id = self._record(question, result)
        if result.answer is None:
            if not page.answer and page.question.asked_at == question.asked_at:
                tries = page.question.tries + 1
                page.question = replace(page.question, asked_at=_LONG_AGO, tries=tries)
        elif page.answer is None:
            page.answer = result.answer
            page.question = replace(
                page.question, payment_id=payment_id or page.question.payment_id
            )

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Return a payment with its facts."""
        return self._payment(payment_id) if payment_id in self._intents else None

    async def payments_of(self, reference: str, limit: int) -> Sequence[Payment]:
        """Return the payments of a shop's reference with their facts, newest first."""
        found = [intent for intent in self._intents.values() if intent.reference == reference]
        found.sort(key=lambda intent: (intent.created_at, intent.id), reverse=True)
        return [self._payment(intent.id) for intent in found[:limit]]

    def _first(self, shop_key: ShopKey) -> Question | None:
        known = self._shop_keys.get(shop_key.key)
        if known is None:
            return None
        fingerprint, key = known
        if fingerprint != shop_key.fingerprint:
            raise KeyReused(shop_key.key)
        return self._pages[key].question

    def _claim(self, shop_key: ShopKey | None, question: Question) -> None:
        if shop_key:
            self._shop_keys[shop_key.key] = shop_key.fingerprint, question.key

    def _payment(self, payment_id: PaymentId) -> Payment:
        facts = tuple(self._facts[payment_id].values())
        return fold.payment(self._intents[payment_id], facts)

    def _add(self, payment_id: PaymentId, facts: Sequence[Fact]) -> None:
        for fact in facts:
            self._facts[payment_id].setdefault(fact.key, fact)
        self._owners |= dict.fromkeys(names_in(facts), payment_id)

    def _record(self, question: Question, result: CallResult) -> PaymentId | None:
        """Record the facts at the payment of an answer; return that payment if it is known."""
        if result.clues is None:
            if question.payment_id:
                self._add(question.payment_id, result.facts)
            return question.payment_id
        unreported = Reported(Status.CREATED, None)
        every = {one: LockedPayment(self._payment(one), unreported) for one in self._intents}
        attribution = Attribution(every, self._owners)
        payment_id = attribution.attribute_answer(result)
        for one, facts in attribution.facts.items():
            self._add(one, facts)
        return payment_id


_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
