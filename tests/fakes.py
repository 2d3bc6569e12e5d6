"""Data and fakes for tests: requests, notifications, a clock, a provider and a `PaymentBook`.

The fake `PaymentBook` passes the same tests as the one in PostgreSQL: tests/contract.
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
    """One item of a notification, signed by the twin; a field that is None is left out."""
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
    wrapped = [{"NotificationRequestItem": item} for item in items]
    return json.dumps({"live": "false", "notificationItems": wrapped}).encode()


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
    """The stored call that requests this payment."""
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
    """A fact; its key contains what it says and what it is about."""
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
    """The result of a call with a final answer and these facts."""
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
    """Ids that a test can predict: pay_1, pay_2 and so on."""

    def __init__(self) -> None:
        self._given = 0

    def new(self, kind: str) -> str:
        """Return the next id."""
        self._given += 1
        return f"{kind}_{self._given}"


#: The longest time that `ask` waits for `may_answer`.
_PATIENCE_S: Final = 10.0


@dataclass
class ScriptedProvider:
    """A provider that answers with the test's function, and records the questions."""

    answer: Callable[[Question], CallResult]
    asked: list[Question] = field(default_factory=list)
    #: If given, each call waits until this event is set.
    may_answer: asyncio.Event | None = None
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, question: Question) -> CallResult:
        """Record the question, wait for `may_answer`, and answer."""
        self.asked.append(question)
        self.was_asked.set()
        if self.may_answer:
            async with asyncio.timeout(_PATIENCE_S):
                await self.may_answer.wait()
        return self.answer(question)


@dataclass
class _StoredQuestion:
    """A question in `MemoryBook`, with its answer."""

    question: Question
    answer: KeptAnswer | None = None


class MemoryBook:
    """A `PaymentBook` in memory."""

    def __init__(self) -> None:
        self._intents: dict[PaymentId, Intent] = {}
        self._facts: dict[PaymentId, dict[str, Fact]] = {}
        self._questions: dict[str, _StoredQuestion] = {}
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
        self._questions[question.key] = _StoredQuestion(question)
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
        self._questions[question.key] = _StoredQuestion(question)
        self._add(payment_id, facts)
        return None

    async def open_question(self, question: Question) -> bool:
        """Store a question; False if one with its key exists already."""
        if question.key in self._questions:
            return False
        self._questions[question.key] = _StoredQuestion(question)
        return True

    async def question(self, key: str) -> tuple[Question, KeptAnswer | None]:
        """Return a question and its stored answer, if it has one."""
        stored = self._questions.get(key)
        if stored is None:
            raise NotFound("question", key)
        return stored.question, stored.answer

    @asynccontextmanager
    async def asking(self, question: Question) -> AsyncIterator[None]:
        """Release the question for another caller if the block is interrupted."""
        try:
            yield
        except KasirError:
            raise
        except BaseException:
            stored = self._questions.get(question.key)
            if stored and stored.question.asked_at == question.asked_at:
                tries = stored.question.tries + 1
                stored.question = replace(stored.question, asked_at=_LONG_AGO, tries=tries)
            raise

    async def is_abandoned(self, question: Question) -> bool:
        """Return False: the only process that sends questions is this one."""
        return False

    async def take_over(self, question: Question, now: datetime) -> bool:
        """Claim an unanswered question: True if it was not asked since `question.asked_at`."""
        stored = self._questions.get(question.key)
        if stored is None or stored.answer or stored.question.asked_at != question.asked_at:
            return False
        stored.question = replace(stored.question, asked_at=now)
        return True

    async def record(
        self,
        question: Question,
        result: CallResult,
        ask_again_at: datetime | None,
        opened: Intent | None = None,
    ) -> None:
        """Store the answer and record the facts."""
        stored = self._questions[question.key]
        payment_id = self._record(question, result)
        if result.answer is None:
            if not stored.answer and stored.question.asked_at == question.asked_at:
                tries = stored.question.tries + 1
                stored.question = replace(stored.question, asked_at=_LONG_AGO, tries=tries)
        elif stored.answer is None:
            stored.answer = result.answer
            stored.question = replace(
                stored.question, payment_id=payment_id or stored.question.payment_id
            )

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Return a payment with its facts."""
        return self._payment(payment_id) if payment_id in self._intents else None

    async def payments_of(self, reference: str, limit: int) -> Sequence[Payment]:
        """Return the payments of a shop's reference with their facts, newest first."""
        intents = [intent for intent in self._intents.values() if intent.reference == reference]
        intents.sort(key=lambda intent: (intent.created_at, intent.id), reverse=True)
        return [self._payment(intent.id) for intent in intents[:limit]]

    def _first(self, shop_key: ShopKey) -> Question | None:
        """Return the question that was stored with this shop key before, if there is one."""
        stored = self._shop_keys.get(shop_key.key)
        if stored is None:
            return None
        fingerprint, key = stored
        if fingerprint != shop_key.fingerprint:
            raise KeyReused(shop_key.key)
        return self._questions[key].question

    def _claim(self, shop_key: ShopKey | None, question: Question) -> None:
        """Store which question a shop key belongs to."""
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
        """Record a result's facts on the payment that it belongs to; return that payment's id."""
        if result.clues is None:
            if question.payment_id:
                self._add(question.payment_id, result.facts)
            return question.payment_id
        unreported = Reported(Status.CREATED, None)
        locked = {each: LockedPayment(self._payment(each), unreported) for each in self._intents}
        attribution = Attribution(locked, self._owners)
        payment_id = attribution.attribute_answer(result)
        for each, facts in attribution.facts.items():
            self._add(each, facts)
        return payment_id


#: The `asked_at` of a released question: any caller may ask it again at once.
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
