"""The flow of a payment: write the intent down, ask the provider, write down what came of it.

A question whose sender is gone is sent again by the next caller, with the same key and the same
body. So nobody is charged twice and nothing is lost, wherever a process stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
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

#: How long a caller that waits for another's answer pauses between looks; doubled every time.
_LOOK_AGAIN_S: Final = 0.05
_LOOK_AGAIN_MAX_S: Final = 0.8
_DOUBLINGS_MAX: Final = 20


class Provider(Protocol):
    """Who takes the money."""

    async def ask(self, question: Question) -> CallResult:
        """Send a question and read the answer. Never raises for a failed connection."""
        ...


class PaymentBook(Protocol):
    """Where payments and their questions are written down. Every method is one commit."""

    async def open(
        self, intent: Intent, question: Question, shop_key: ShopKey | None
    ) -> Question | None:
        """Write a payment and its question down.

        Returns:
            None, or the question first asked under this shop key: then nothing was written.

        Raises:
            KeyReused: The shop key came first with another fingerprint.
        """
        ...

    async def open_change(
        self, question: Question, decide: Decide, shop_key: ShopKey | None
    ) -> Question | None:
        """Write a question that changes a payment down, if `decide` allows it.

        The payment's row is locked while `decide` runs, so concurrent changes are decided one
        after the other, each with the facts of those before.

        Returns:
            None, or the question first asked under this shop key: then nothing was written.

        Raises:
            KeyReused: The shop key came first with another fingerprint.
            NotFound: There is no such payment.
            Exception: Whatever `decide` raises; nothing was written.
        """
        ...

    async def open_question(self, question: Question) -> bool:
        """Write a question down; False where one with its key exists."""
        ...

    async def question(self, key: str) -> tuple[Question, KeptAnswer | None]:
        """Give a question and its kept answer, if it has one.

        Raises:
            NotFound: No question has this key.
        """
        ...

    def asking(self, question: Question) -> AbstractAsyncContextManager[None]:
        """A context around the sending of a question, entered before it is written down.

        Where it ends in a cancel or a lost database, the question is released: anybody may send it.
        """
        ...

    async def is_abandoned(self, question: Question) -> bool:
        """Whether whoever sent a question last is known to wait for its answer no longer."""
        ...

    async def take_over(self, question: Question, now: datetime) -> bool:
        """Claim an unanswered question: True if nobody sent it since `question.asked_at`."""
        ...

    async def record(
        self,
        question: Question,
        result: CallResult,
        ask_again_at: datetime | None,
        opened: Intent | None = None,
    ) -> None:
        """Keep the answer, record its facts, and write the payment's new summary.

        The payment's row is locked until then, so concurrent calls take turns. Without an answer
        the question is released: anybody may send it at once, and a worker does at `ask_again_at`
        (never, where that is None). `opened` is the intent, where the caller wrote it down just
        now: then nothing is read back, unless another fact was recorded meanwhile.
        """
        ...


class Payments(Protocol):
    """Payments, with their facts."""

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Give a payment."""
        ...

    async def payment_of_attempt(self, psp_reference: str) -> Payment | None:
        """Give the payment that owns an attempt at the provider."""
        ...

    async def payments_of(self, reference: str, limit: int) -> Sequence[Payment]:
        """Give the payments of a shop's reference, newest first."""
        ...

    async def payments_of_link(self, link_id: LinkId, limit: int) -> Sequence[Payment]:
        """Give the newest payments of a link, and older ones that are paid or may become paid."""
        ...

    async def original_of(self, name: str) -> tuple[str, str] | None:
        """Give the pspReference of the payment that owns a name, and the shop's reference of it.

        The name is a change's, or one that the provider gave while nothing was paid. The
        pspReference is empty where there is none yet. None: no payment owns the name.
        """
        ...

    async def is_unclaimed(self, psp_reference: str) -> bool:
        """Whether an answer to `/payments/details` named an attempt that no payment owns yet."""
        ...

    async def add_facts(self, payment_id: PaymentId, facts: Sequence[Fact]) -> None:
        """Record facts of a payment that no answer brought, in one commit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long everything may take.

    Attributes:
        lease: After this long without an answer others may send a question.
        wait: How long a second caller waits for the first one's answer.
        first_gap: After this long without an answer a worker sends it again; doubled every time.
        longest_gap: The limit of that doubling.
        key_lifetime: How long the provider remembers a key. After that a question is not sent
            again: it might be a second payment.
    """

    lease: timedelta
    wait: timedelta
    first_gap: timedelta
    longest_gap: timedelta
    key_lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Flow:
    """Asks for payments and for changes of them.

    Attributes:
        book: Where they are written down.
        provider: Who is asked.
        clock: What time it is.
        chance: Gives a random number from 0 to 1, so that many retries do not come at once.
        timeouts: How long everything may take.
    """

    book: PaymentBook
    provider: Provider
    clock: Clock
    chance: Callable[[], float]
    timeouts: Timeouts

    async def pay(
        self, intent: Intent, question: Question, shop_key: ShopKey | None = None
    ) -> tuple[PaymentId, KeptAnswer | Unanswered]:
        """Ask for a payment, once per shop key.

        Returns:
            The payment's id (of the first one, if the shop key was used before), and the
            provider's answer, or why the outcome is unknown.

        Raises:
            KeyReused: The shop key came before with another body.
            StillRunning: The first request with this shop key has no answer yet.
        """
        async with self.book.asking(question):
            first = await self.book.open(intent, question, shop_key)
            if first is None:
                return intent.id, await self._ask(question, intent)
        kept = await self._again(first.key, shop_key.key if shop_key else first.key)
        return first.payment_id or intent.id, kept

    async def resume(self, key: str) -> KeptAnswer | Unanswered:
        """Give the kept answer to a question, or send it again with the same key and body.

        Returns:
            The provider's answer, or why the outcome is unknown.

        Raises:
            StillRunning: Another caller is waiting for its answer.
            NotFound: No question has this key.
        """
        return await self._again(key, key)

    async def finish(self, question: Question) -> KeptAnswer | Unanswered:
        """Ask for the status of a payment, once per key; later and concurrent callers get the same.

        Returns:
            The provider's answer, or why the outcome is unknown.
        """
        async with self.book.asking(question):
            if await self.book.open_question(question):
                return await self._ask(question)
        give_up_at, gap_s = self.clock.now() + self.timeouts.wait, _LOOK_AGAIN_S
        while True:
            try:
                return await self._again(question.key, question.key)
            except StillRunning:
                if self.clock.now() >= give_up_at:
                    return Unanswered()
            await asyncio.sleep(gap_s)
            gap_s = min(2 * gap_s, _LOOK_AGAIN_MAX_S)

    async def change(
        self, question: Question, decide: Decide, shop_key: ShopKey | None = None
    ) -> KeptAnswer | Unanswered:
        """Ask for a change of a payment (a refund, a cancel), once per shop key.

        Returns:
            The provider's answer, or why the outcome is unknown.

        Raises:
            KeyReused: The shop key came before with another body.
            StillRunning: The first request with this shop key has no answer yet.
            Exception: Whatever `decide` raises; nothing was sent.
        """
        async with self.book.asking(question):
            first = await self.book.open_change(question, decide, shop_key)
            if first is None:
                return await self._ask(question)
        return await self._again(first.key, shop_key.key if shop_key else first.key)

    async def ask_again(self, key: str) -> None:
        """Send a question that has no answer again, unless somebody is sending it right now."""
        with suppress(StillRunning):
            await self.resume(key)

    async def _again(self, key: str, shop_key: str) -> KeptAnswer | Unanswered:
        """Give the kept answer, or take over a question that nobody waits for."""
        known, kept = await self.book.question(key)
        while kept is None:
            now = self.clock.now()
            if now >= known.opened_at + self.timeouts.key_lifetime:
                # The provider may have forgotten the key: this might be a second payment.
                return Unanswered()
            is_leased = now < known.asked_at + self.timeouts.lease
            if not is_leased or await self.book.is_abandoned(known):
                asked = replace(known, asked_at=now)
                async with self.book.asking(asked):
                    if await self.book.take_over(known, now):
                        return await self._ask(replace(asked, tries=_tries(known)))
            before = known.asked_at
            known, kept = await self.book.question(key)
            if kept is None and known.asked_at == before:
                raise StillRunning(shop_key)
            # Meanwhile it was answered, released or taken over: what was decided is out of date.
        return kept

    async def _ask(
        self, question: Question, opened: Intent | None = None
    ) -> KeptAnswer | Unanswered:
        """Send a question, outside any transaction, and write down what came of it."""
        result = await self.provider.ask(question)
        await self.book.record(question, result, self._next_time(question), opened)
        return result.answer or Unanswered(result.error)

    def _next_time(self, question: Question) -> datetime | None:
        """When a worker sends it again without an answer; None once the key may be forgotten."""
        doubled = self.timeouts.first_gap * (1 << min(question.tries, _DOUBLINGS_MAX))
        gap = min(doubled, self.timeouts.longest_gap)
        next_time = self.clock.now() + gap * (0.5 + self.chance())
        return next_time if next_time < question.opened_at + self.timeouts.key_lifetime else None


def _tries(known: Question) -> int:
    """How often a question that is taken over was sent, or may have been.

    Its first sender may have sent it before the process ended: then `asked_at` is the time of the
    opening or later. It is earlier where nobody has sent it at all.
    """
    return max(known.tries, 1) if known.asked_at >= known.opened_at else known.tries
