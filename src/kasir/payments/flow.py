"""The flow of a payment: store the intent, call the provider, store the result.

A call to the provider is stored as a `Question` before it is sent. If the process that sent a
question has stopped, the next caller sends the question again, with the same idempotency key and
the same body. So no shopper is charged twice and no result is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from kasir.clock import Clock
from kasir.errors import StillRunning
from kasir.ids import LinkId, PaymentId
from kasir.payments.facts import Fact
from kasir.payments.payment import Intent, Payment
from kasir.payments.question import (
    CallResult,
    Decide,
    KeptAnswer,
    Question,
    ShopKey,
    Unanswered,
)
from kasir.telemetry import context

#: The first and the longest pause between two queries for an answer that another caller waits for.
#: Each pause is twice as long as the one before.
_POLL_S: Final = 0.05
_POLL_MAX_S: Final = 0.8
#: How often the wait between two tries is doubled at most, so that its value does not overflow.
_DOUBLINGS_MAX: Final = 20


class Provider(Protocol):
    """The payment provider."""

    async def ask(self, question: Question) -> CallResult:
        """Send a question and read the answer. Never raises for a failed connection."""
        ...


class PaymentBook(Protocol):
    """Stores payments and their questions. Every method is one commit."""

    async def open(
        self, intent: Intent, question: Question, shop_key: ShopKey | None
    ) -> Question | None:
        """Store a payment and its question.

        Returns:
            None if both were stored. If this shop key was used before, nothing is stored, and the
            question that was stored with it is returned.

        Raises:
            KeyReused: The shop key was used before with another fingerprint.
        """
        ...

    async def open_change(
        self, question: Question, decide: Decide, shop_key: ShopKey | None
    ) -> Question | None:
        """Store a question that changes a payment, if `decide` allows it.

        The payment's row is locked while `decide` runs. So concurrent changes are decided one after
        the other, each with the facts of the earlier ones.

        Returns:
            None if the question was stored. If this shop key was used before, nothing is stored,
            and the question that was stored with it is returned.

        Raises:
            KeyReused: The shop key was used before with another fingerprint.
            NotFound: There is no such payment.
            Exception: Whatever `decide` raises; then nothing is stored.
        """
        ...

    async def open_question(self, question: Question) -> bool:
        """Store a question, and return True; False if a question with its key exists already."""
        ...

    async def question(self, key: str) -> tuple[Question, KeptAnswer | None]:
        """Return a question and its stored answer; the answer is None if there is none yet.

        Raises:
            NotFound: No question has this idempotency key.
        """
        ...

    def asking(self, question: Question) -> AbstractAsyncContextManager[None]:
        """A context in which a question is stored and sent.

        If the context ends by a cancellation or a lost database, the question is released, so that
        any process may send the question.
        """
        ...

    async def is_abandoned(self, question: Question) -> bool:
        """Whether it is known that the last sender of a question no longer waits for the answer."""
        ...

    async def take_over(self, question: Question, now: datetime) -> bool:
        """Claim an unanswered question; False if it was sent again since `question.asked_at`."""
        ...

    async def record(
        self,
        question: Question,
        result: CallResult,
        ask_again_at: datetime | None,
        opened: Intent | None = None,
    ) -> None:
        """Store the answer, record its facts, and write the payment's new summary.

        The payment's row is locked meanwhile, so concurrent calls wait for each other. Without an
        answer the question is released: any process may send the question at once, and a worker
        sends it at `ask_again_at`; if that is None, no worker sends it.

        `opened` is the payment's intent if the caller has just stored that intent. Then the payment
        is read from the database only if another fact of the payment was recorded meanwhile.
        """
        ...


class Payments(Protocol):
    """Payments, with their facts."""

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Return a payment; None if there is none with this id."""
        ...

    async def payment_of_attempt(self, psp_reference: str) -> Payment | None:
        """Return the payment that owns the attempt with this pspReference, if there is one."""
        ...

    async def payments_of(self, reference: str, limit: int) -> Sequence[Payment]:
        """Return the payments of a shop's reference, newest first."""
        ...

    async def payments_of_link(self, link_id: LinkId, limit: int) -> Sequence[Payment]:
        """Return the newest payments of a link, and older payments that are or may become paid."""
        ...

    async def original_of(self, name: str) -> tuple[str, str] | None:
        """Return the pspReference and the merchant reference of the payment that owns `name`.

        `name` is the pspReference of a change, or a pspReference that the provider gave before the
        payment was paid. The returned pspReference is empty if the payment has none yet. The result
        is None if no payment owns `name`.
        """
        ...

    async def is_unclaimed(self, psp_reference: str) -> bool:
        """Whether an answer to `/payments/details` has this pspReference and no payment owns it."""
        ...

    async def add_facts(self, payment_id: PaymentId, facts: Sequence[Fact]) -> None:
        """Record facts of a payment that are not from an answer, in one commit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The time limits of the flow.

    Attributes:
        lease: How long a question may stay unanswered before another caller may send it.
        wait: How long a second caller waits for the first caller's answer.
        first_gap: The first wait before a worker sends an unanswered question again. Each further
            wait is twice as long.
        longest_gap: The longest of these waits.
        key_lifetime: How long the provider remembers an idempotency key. After that a question is
            not sent again, because it might become a second payment.
    """

    lease: timedelta
    wait: timedelta
    first_gap: timedelta
    longest_gap: timedelta
    key_lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Flow:
    """Calls the provider for payments and for changes of payments.

    Attributes:
        book: Stores payments and questions.
        provider: The payment provider.
        clock: Kasir's time.
        chance: Returns a random number from 0 to 1, by which retries are spread over time.
        timeouts: The time limits.
    """

    book: PaymentBook
    provider: Provider
    clock: Clock
    chance: Callable[[], float]
    timeouts: Timeouts

    async def pay(
        self, intent: Intent, question: Question, shop_key: ShopKey | None = None
    ) -> tuple[PaymentId, KeptAnswer | Unanswered]:
        """Request a payment from the provider, once per shop key.

        Returns:
            The payment's id, and the provider's answer, or why the outcome is unknown. If the shop
            key was used before, these are the id and the answer of the first payment.

        Raises:
            KeyReused: The shop key was used before with another body.
            StillRunning: The first request with this shop key has no answer yet.
        """
        with context.payment(intent.id):
            async with self.book.asking(question):
                first = await self.book.open(intent, question, shop_key)
                if first is None:
                    return intent.id, await self._ask(question, intent)
        kept = await self._again(first.key, shop_key.key if shop_key else first.key)
        return first.payment_id or intent.id, kept

    async def resume(self, key: str) -> KeptAnswer | Unanswered:
        """Return the stored answer to a question, or send the question again, with the same key.

        Returns:
            The provider's answer, or why the outcome is unknown.

        Raises:
            StillRunning: Another caller is waiting for the answer.
            NotFound: No question has this idempotency key.
        """
        return await self._again(key, key)

    async def finish(self, question: Question) -> KeptAnswer | Unanswered:
        """Request the status of a payment, once per `question.key`. All callers get the same
        answer.

        Returns:
            The provider's answer, or why the outcome is unknown.
        """
        async with self.book.asking(question):
            if await self.book.open_question(question):
                return await self._ask(question)
        give_up_at, gap_s = self.clock.now() + self.timeouts.wait, _POLL_S
        while True:
            try:
                return await self._again(question.key, question.key)
            except StillRunning:
                if self.clock.now() >= give_up_at:
                    return Unanswered()
            await asyncio.sleep(gap_s)
            gap_s = min(2 * gap_s, _POLL_MAX_S)

    async def change(
        self, question: Question, decide: Decide, shop_key: ShopKey | None = None
    ) -> KeptAnswer | Unanswered:
        """Request a change of a payment (a refund, a cancel), once per shop key.

        Returns:
            The provider's answer, or why the outcome is unknown.

        Raises:
            KeyReused: The shop key was used before with another body.
            StillRunning: The first request with this shop key has no answer yet.
            Exception: Whatever `decide` raises; then nothing was sent.
        """
        async with self.book.asking(question):
            first = await self.book.open_change(question, decide, shop_key)
            if first is None:
                return await self._ask(question)
        return await self._again(first.key, shop_key.key if shop_key else first.key)

    async def ask_again(self, key: str) -> None:
        """Send an unanswered question again, unless another caller is sending it at this moment."""
        with suppress(StillRunning):
            await self.resume(key)

    async def _again(self, key: str, shop_key: str) -> KeptAnswer | Unanswered:
        """Return the stored answer to a question, or claim the question and send it again.

        The question is claimed if no caller waits for the answer any more. `key` is the question's
        idempotency key; `shop_key` is only named in the error.
        """
        stored, answer = await self.book.question(key)
        while answer is None:
            now = self.clock.now()
            if now >= stored.opened_at + self.timeouts.key_lifetime:
                return Unanswered()  # The provider may have forgotten the key: a second payment.
            is_leased = now < stored.asked_at + self.timeouts.lease
            if not is_leased or await self.book.is_abandoned(stored):
                asked = replace(stored, asked_at=now)
                async with self.book.asking(asked):
                    if await self.book.take_over(stored, now):
                        return await self._ask(replace(asked, tries=_tries(stored)))
            asked_before = stored.asked_at
            stored, answer = await self.book.question(key)
            if answer is None and stored.asked_at == asked_before:
                raise StillRunning(shop_key)
            # Meanwhile the question was answered, released or claimed, so the loop checks again.
        return answer

    async def _ask(
        self, question: Question, opened: Intent | None = None
    ) -> KeptAnswer | Unanswered:
        """Send a question outside any transaction, store the result, and return the answer."""
        with context.payment(question.payment_id) if question.payment_id else nullcontext():
            result = await self.provider.ask(question)
            await self.book.record(question, result, self._next_time(question), opened)
        return result.answer or Unanswered(result.error)

    def _next_time(self, question: Question) -> datetime | None:
        """When a worker sends an unanswered question again; None if its key expires before that."""
        doubled_gap = self.timeouts.first_gap * (1 << min(question.tries, _DOUBLINGS_MAX))
        gap = min(doubled_gap, self.timeouts.longest_gap)
        next_time = self.clock.now() + gap * (0.5 + self.chance())
        return next_time if next_time < question.opened_at + self.timeouts.key_lifetime else None


def _tries(known: Question) -> int:
    """How many times a question was sent, or may have been sent, before it is claimed.

    If `asked_at` is earlier than `opened_at`, the question was never sent or was released; then
    `tries` is exact. Otherwise the question counts as sent at least once, because a process may
    have sent it and then stopped.
    """
    return max(known.tries, 1) if known.asked_at >= known.opened_at else known.tries
