"""A shop with subscriptions on a real database, and a fake Adyen whose answers a test sets.

The first charge of the subscription SUB has the reference SUB, the charge of its second period
SUB-p2. The answers to a charge are set by its reference.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from fakes import BROWSER, KEY, envelope, notification_item
from kasir.adyen.calls import payment_key
from kasir.adyen.replies import Answer
from kasir.adyen.signing import key_from_hex
from kasir.gateway.meanings import of_reply, unanswered
from kasir.gateway.token_answers import TokenRecordingProvider
from kasir.ids import PaymentId
from kasir.payments.flow import Flow
from kasir.payments.question import CallResult, Question
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import Subscription, SubscriptionId
from kasir.tokens.model import BY_WEBHOOK, TokenFact, TokenName, TokenReport, TokenSays
from kasir.webhooks.receiving import receive
from kasir.wiring import Parts
from opened_kasir import kasir_on

NOON: Final = datetime(2026, 1, 31, 5, tzinfo=UTC)
#: After this time the next period of a monthly plan is due.
MONTH: Final = timedelta(days=31)
AUTHORISED: Final = {"resultCode": "Authorised"}
NO_BALANCE: Final = {
    "resultCode": "Refused",
    "refusalReason": "Not enough balance",
    "refusalReasonCode": "12",
}
REVOKED: Final = {
    "resultCode": "Refused",
    "refusalReason": "Revocation Of Auth",
    "refusalReasonCode": "26",
}
#: Adyen does not have this token any more.
NO_SUCH_TOKEN: Final = {
    "status": 422,
    "errorCode": "803",
    "message": "PaymentDetail not found",
    "errorType": "validation",
}
#: Adyen does not process the question and does not answer.
SILENCE: Final[dict[str, Any]] = {}


@dataclass
class SetClock:
    """A clock that a test sets."""

    at: datetime = NOON

    def now(self) -> datetime:
        """Return the time that the test has set."""
        return self.at


@dataclass
class Adyen:
    """A provider that processes each key once, as Adyen does, with answers that a test sets.

    Attributes:
        answers: The answers to the next charges, by reference. Other charges are authorised.
        processed: The body of each processed question, by idempotency key.
        answers_by_key: The answer to each processed question, by idempotency key.
        before: Called before processing; raises where the worker is to die before it sends.
        after: Called after processing; raises where the worker is to die before the answer.
    """

    clock: SetClock
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    processed: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers_by_key: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: Callable[[Question], None] = lambda _: None
    after: Callable[[Question], None] = lambda _: None

    async def ask(self, question: Question) -> CallResult:
        """Answer a question; a repeated key gets the same answer."""
        self.before(question)
        body = json.loads(question.body)
        if question.key not in self.answers_by_key:
            answers = self.answers.get(body["reference"], [])
            answer = answers.pop(0) if answers else AUTHORISED
            if answer is SILENCE:
                return unanswered(question, self.clock.now(), "TimeoutError")
            self.answers_by_key[question.key] = answer
            self.processed[question.key] = body
        self.after(question)
        psp_reference = f"PSP{abs(hash(question.key)) % 10**13:013d}"
        fields = {"pspReference": psp_reference, "merchantReference": body["reference"]}
        status = int(self.answers_by_key[question.key].get("status", 200))
        reply = Answer(status, msgspec.json.encode(fields | self.answers_by_key[question.key]))
        return of_reply(question, reply, self.clock.now())

    def charges(self) -> Counter[str]:
        """The number of authorised charges of each reference."""
        return Counter(
            body["reference"]
            for key, body in self.processed.items()
            if self.answers_by_key[key].get("resultCode") == "Authorised"
        )


@dataclass
class Shop:
    """A shop that sells subscriptions through a Kasir on a real database."""

    kasir: Parts
    clock: SetClock
    adyen: Adyen
    flow: Flow

    async def post_notification(self, **fields: Any) -> None:
        """Have Adyen send a notification, which is stored but not read."""
        await receive(
            envelope(notification_item(**fields)),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=self.kasir.inbox,
            received_at=self.clock.at,
        )

    async def create_plan(self, **more: Any) -> str:
        """Create a plan of 50,000 rupiah a month; return its id."""
        fields = {
            "reference": "GOLD",
            "amount": {"currency": "IDR", "value": 50_000},
            "interval": {"unit": "month", "count": 1},
            "noticeDays": 0,
            **more,
        }
        return (await self.kasir.subscribing.make_plan(json.dumps(fields).encode())).id

    async def sign_up(self, plan: str, name: str, **more: Any) -> SubscriptionId:
        """Sign up a shopper for a plan; return the subscription's id."""
        fields = {
            "plan": plan,
            "reference": name,
            "shopperReference": f"shopper-{name}",
            "returnUrl": "https://shop.example/return",
            "channel": "Web",
            "browserInfo": BROWSER,
            **more,
        }
        subscription_id, _ = await self.kasir.subscribing.sign_up(json.dumps(fields).encode(), None)
        return subscription_id

    async def record_token(
        self, name: str, says: TokenSays = TokenSays.CREATED, token_of: str = ""
    ) -> None:
        """Record a fact of the token that the first payment of a subscription created.

        Args:
            name: Reference of the subscription.
            says: The kind of the fact.
            token_of: Reference of another subscription, if its shopper has the token.
        """
        payments = await self.kasir.payments.payments_of(name, 1)
        psp_reference = payments[0].summary.psp_reference
        account, owner = self.kasir.settings.merchant_account, token_of or name
        token = TokenName(
            merchant_account=account,
            shopper_reference=f"shopper-{owner}",
            stored_id=f"TOKEN-{owner}",
        )
        fact = TokenFact(
            key=f"{says}",
            says=says,
            source=BY_WEBHOOK,
            at=self.clock.now(),
            psp_reference=psp_reference,
        )
        await self.kasir.tokens.record([TokenReport(name=token, method="gopay_wallet", fact=fact)])

    async def create_active(self, name: str, plan: str | None = None) -> SubscriptionId:
        """Create a subscription whose first period is paid and whose token is stored."""
        subscription_id = await self.sign_up(plan or await self.create_plan(), name)
        await self.record_token(name)
        await self.renew(subscription_id)
        assert (await self.find(subscription_id)).state in {State.ACTIVE, State.TRIALING}
        return subscription_id

    async def renew(self, subscription_id: SubscriptionId) -> None:
        """Renew one subscription, as a worker does."""
        await self.kasir.renewing.renew([subscription_id])

    async def take_turn(self, subscription_id: SubscriptionId) -> PaymentId | None:
        """Take one turn of a subscription; return the payment that it created but did not send."""
        result = await self.kasir.renewing.turns.take([subscription_id])
        return result.charges.get(subscription_id)

    async def work(self) -> None:
        """Do all due work as a worker does, but without the job queue."""
        now = self.clock.now()
        due = "SELECT id FROM subscription WHERE due_at <= $1 ORDER BY due_at"
        for _ in range(20):  # Until no subscription is due.
            rows = await self.kasir.pool.fetch(due, now)
            open_questions = await self.kasir.pool.fetch(
                "SELECT key FROM question WHERE status IS NULL AND ask_again_at <= $1", now
            )
            for row in open_questions:
                await self.flow.ask_again(row["key"])
            for row in rows:
                await self.renew(SubscriptionId(row["id"]))
            if not rows:
                return

    async def find(self, subscription_id: SubscriptionId) -> Subscription:
        """Read a subscription."""
        return (await self.kasir.subscriptions.find(subscription_id, 100))[0]

    async def events(self) -> list[str]:
        """The types of all events about subscriptions, in order."""
        every = [
            json.loads(event.payload) for event in await self.kasir.events.after(None, limit=10_000)
        ]
        return [
            event["type"]
            for event in every
            if event["type"].startswith(("subscription.", "renewal."))
        ]

    async def question_of(self, payment_id: PaymentId) -> Question:
        """The question that requests a payment."""
        return (await self.kasir.payments.question(payment_key(payment_id)))[0]


@asynccontextmanager
async def shop_on(database: str, **environ: str) -> AsyncIterator[Shop]:
    """A shop with subscriptions on a database; its Kasir calls a fake Adyen."""
    clock = SetClock()
    async with kasir_on(database, clock=clock, **environ) as opened:
        adyen = Adyen(clock)
        assert isinstance(opened.flow.provider, TokenRecordingProvider)
        flow = replace(opened.flow, provider=replace(opened.flow.provider, provider=adyen))
        checkout = replace(opened.checkout, flow=flow)
        kasir = replace(
            opened,
            flow=flow,
            checkout=checkout,
            subscribing=replace(opened.subscribing, payments=checkout),
            renewing=replace(opened.renewing, flow=flow),
        )
        yield Shop(kasir, clock, adyen, flow)
