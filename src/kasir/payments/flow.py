"""The road of a payment, read from top to bottom.

Write the intent down; ask; write down what was heard. A question whose asker vanished is asked
again by whoever comes next, with the same key and the same words: so nobody is charged twice and
nothing is lost, wherever the machine stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from kasir.clock import Clock
from kasir.errors import StillRunning
from kasir.ids import PaymentId
from kasir.payments.payment import Intent
from kasir.payments.question import Book, Decide, Kept, Provider, Question, ShopKey

#: How long after each other those look who wait for another's answer: later each time.
_LOOK_AGAIN_S: Final = 0.05
_LOOK_AGAIN_MAX_S: Final = 0.8
_DOUBLINGS_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long everything may take.

    Attributes:
        lease: After this long an unanswered question counts as forsaken.
        wait: How long a second asker waits for the first one's answer.
        first_gap: How long after the first silence it is asked again; doubled every time.
        longest_gap: The most it is ever doubled to.
        key_lifetime: How long the provider remembers a key: after that, asking again is not safe.
    """

    lease: timedelta
    wait: timedelta
    first_gap: timedelta
    longest_gap: timedelta
    key_lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Flow:
    """How payments are asked for.

    Attributes:
        book: Where they are kept.
        provider: Who is asked.
        clock: What time it is.
        chance: A number from 0 to 1, another each time: so that many do not ask again at once.
        patience: How long everything may take.
    """

    book: Book
    provider: Provider
    clock: Clock
    chance: Callable[[], float]
    patience: Patience

    async def pay(
        self, intent: Intent, question: Question, shop_key: ShopKey | None = None
    ) -> tuple[PaymentId, Kept | None]:
        """Ask for a payment, once per shop key.

        Returns:
            Which payment it came to (the first one, if the shop key was used before), and the
            provider's answer, or None while the outcome is unknown.

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

    async def resume(self, key: str) -> Kept | None:
        """Give the kept answer to a question, or ask it again: same key, same words.

        Returns:
            The provider's answer, or None while the outcome is unknown.

        Raises:
            StillRunning: Somebody is waiting for its answer already.
            NotFound: No question has this key.
        """
        return await self._again(key, key)

    async def finish(self, question: Question) -> Kept | None:
        """Ask what became of a payment, once per key; later and concurrent callers get the same.

        Returns:
            The provider's answer, or None while the outcome is unknown.
        """
        async with self.book.asking(question):
            if await self.book.open_question(question):
                return await self._ask(question)
        give_up_at, gap_s = self.clock.now() + self.patience.wait, _LOOK_AGAIN_S
        while True:
            try:
                return await self._again(question.key, question.key)
            except StillRunning:
                if self.clock.now() >= give_up_at:
                    return None
            await asyncio.sleep(gap_s)
            gap_s = min(2 * gap_s, _LOOK_AGAIN_MAX_S)

    async def change(
        self, question: Question, decide: Decide, shop_key: ShopKey | None = None
    ) -> Kept | None:
        """Ask for a change of a payment (a refund, a cancel), once per shop key.

        Returns:
            The provider's answer, or None while the outcome is unknown.

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
        """Ask a question that nobody answered, unless somebody is asking it right now."""
        with suppress(StillRunning):
            await self.resume(key)

    async def _again(self, key: str, shop_key: str) -> Kept | None:
        """Give the kept answer, or take a forsaken question over."""
        known, kept = await self.book.question(key)
        if kept:
            return kept
        now = self.clock.now()
        if now >= known.opened_at + self.patience.key_lifetime:
            return None  # The provider may have forgotten the key: asking might be paying anew.
        is_leased = now < known.asked_at + self.patience.lease
        if is_leased and not await self.book.is_forsaken(known):
            raise StillRunning(shop_key)
        asked = replace(known, asked_at=now)
        async with self.book.asking(asked):
            if not await self.book.take_over(known, now):
                raise StillRunning(shop_key)
            return await self._ask(replace(asked, tries=_tries(known)))

    async def _ask(self, question: Question, opened: Intent | None = None) -> Kept | None:
        """Ask, outside any transaction, and write down what was heard."""
        heard = await self.provider.ask(question)
        await self.book.hear(question, heard, self._next_time(question), opened)
        return heard.answer

    def _next_time(self, question: Question) -> datetime | None:
        """When a worker asks again if there was no answer: later each time, never too late."""
        doubled = self.patience.first_gap * (1 << min(question.tries, _DOUBLINGS_MAX))
        gap = min(doubled, self.patience.longest_gap)
        next_time = self.clock.now() + gap * (0.5 + self.chance())
        return next_time if next_time < question.opened_at + self.patience.key_lifetime else None


def _tries(known: Question) -> int:
    """How often a question was sent, or may have been, that is taken over.

    Whoever asked it first may have sent it before they died. Their time is that of the opening, or
    later; it lies before that where nobody has asked at all.
    """
    return max(known.tries, 1) if known.asked_at >= known.opened_at else known.tries
