"""The `PaymentBook` of `payments.flow` in PostgreSQL. Each method is one commit.

Three primary keys ensure that no payment, question or fact is stored twice: the shop's idempotency
key, the question's idempotency key, and the `key` of the fact within its payment. The code only
reads which row the database accepted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from kasir.errors import KeyReused, NotFound
from kasir.ids import LinkId, PaymentId
from kasir.ledger.attribution import Attribution, lock_candidates
from kasir.ledger.payments import Ledger
from kasir.payments import fold
from kasir.payments.facts import Fact
from kasir.payments.payment import Intent, Payment
from kasir.payments.question import CallResult, Decide, KeptAnswer, Question, ShopKey
from kasir.store import inbox, payments, questions, tokens
from kasir.store.askers import Asker
from kasir.store.database import (
    Connection,
    Pool,
    UniqueViolation,
    retried,
    transaction,
    tries,
)
from kasir.store.payments import FirstAnswer, is_transient
from kasir.store.questions import Opening, Questions
from kasir.store.vault import Vault


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The payment that an answer belongs to, if known, and the pspReferences that it claimed."""

    payment_id: PaymentId | None
    claimed: Collection[str] = ()


class PostgresPaymentBook:
    """Payments and questions in PostgreSQL."""

    def __init__(
        self,
        pool: Pool,
        vault: Vault,
        ledger: Ledger,
        lease: timedelta,
        first_check: timedelta,
        asker: int | None = None,
    ) -> None:
        """Make the book.

        Args:
            pool: The database.
            vault: Encrypts questions and answers.
            ledger: Records facts.
            lease: The time after which a worker sends an unanswered question again, if the process
                that sent it is gone.
            first_check: The wait before a comparison with the provider's list: so long after a
                payment that saves or charges a token, the shopper's tokens are compared.
            asker: The number of this process, if another book of this process has one already.
        """
        self.asker = Asker(pool, lease.total_seconds(), asker)
        self._pool = pool
        self._vault = vault
        self._questions = Questions(vault)
        self._ledger = ledger
        self._lease = lease
        self._first_check = first_check

    @retried
    async def open(
        self, intent: Intent, question: Question, shop_key: ShopKey | None
    ) -> Question | None:
        """Store a payment and its question; see `payments.flow.PaymentBook.open`."""
        if not (intent.model and intent.shopper_reference):
            return await self._open(self._pool, intent, question, shop_key)
        async with transaction(self._pool) as connection:
            # If no notification about the token arrives, the comparison finds the token.
            check_at = intent.created_at + self._first_check
            await tokens.watch(connection, intent.shopper_reference, check_at)
            return await self._open(connection, intent, question, shop_key)

    async def _open(
        self,
        connection: Connection | Pool,
        intent: Intent,
        question: Question,
        shop_key: ShopKey | None,
    ) -> Question | None:
        opening = self._opening(question)
        if shop_key is None:
            await self._questions.open_payment(connection, intent, question, opening)
            return None
        if await self._questions.open_payment_once(connection, intent, question, opening, shop_key):
            return None
        return await self._first_question(connection, shop_key)

    @retried
    async def open_change(
        self, question: Question, decide: Decide, shop_key: ShopKey | None
    ) -> Question | None:
        """Store a change's question, if `decide` allows it; see `PaymentBook.open_change`."""
        payment_id = question.payment_id
        if payment_id is None:
            raise ValueError("a change is of a payment")
        async with transaction(self._pool) as connection:
            if shop_key and not await questions.claim_shop_key(
                connection, shop_key, question.key, question.opened_at
            ):
                return await self._first_question(connection, shop_key)
            locked = await self._ledger.lock(connection, [payment_id])
            if payment_id not in locked:
                raise NotFound("payment", payment_id)
            facts = decide(locked[payment_id].payment)
            await self._ledger.record_locked(connection, locked, {payment_id: facts})
            await self._questions.open(connection, question, self._opening(question))
        return None

    async def open_question(self, question: Question) -> bool:
        """Store a question, and return True; False if a question with its key exists already."""
        return await self._questions.open(self._pool, question, self._opening(question))

    async def question(self, key: str) -> tuple[Question, KeptAnswer | None]:
        """Return a question and its stored answer; the answer is None if there is none yet."""
        found = await self._questions.find(self._pool, key)
        if found is None:
            raise NotFound("question", key)
        return found

    def asking(self, question: Question) -> AbstractAsyncContextManager[None]:
        """A context in which a question is stored and sent; see `PaymentBook.asking`."""
        return self.asker.asking(question)

    async def is_abandoned(self, question: Question) -> bool:
        """Whether it is known that the last sender of a question no longer waits for the answer."""
        return await self.asker.is_abandoned(question)

    async def take_over(self, question: Question, now: datetime) -> bool:
        """Claim an unanswered question; False if it was sent again since `question.asked_at`."""
        return await questions.take_over(self._pool, question, now, self.asker.number)

    async def record(
        self,
        question: Question,
        result: CallResult,
        ask_again_at: datetime | None,
        opened: Intent | None = None,
    ) -> None:
        """Store the answer and record its facts; see `PaymentBook.record`."""
        if opened and result.answer:
            with suppress(UniqueViolation):  # Another payment owns a pspReference: handled below.
                if await self._record_first(opened, question, result, result.answer):
                    return
        async for attempt in tries(is_transient):
            with attempt:
                async with transaction(self._pool) as connection:
                    is_first_try = attempt.num == 1
                    recorded = await self._record(
                        connection, question, result, is_first_try=is_first_try
                    )
                    await self._keep(
                        connection, question, result, recorded.payment_id, ask_again_at
                    )
                    if recorded.claimed:
                        # Notices with these pspReferences had no owner, and can be read now.
                        await inbox.mark_unread(connection, sorted(recorded.claimed))

    async def _record(
        self, connection: Connection, question: Question, result: CallResult, *, is_first_try: bool
    ) -> _Recorded:
        """Record the facts of the payment that the answer belongs to."""
        if result.clues is None:
            if question.payment_id and result.facts:
                await self._ledger.record(connection, {question.payment_id: result.facts})
            return _Recorded(question.payment_id)
        if question.payment_id and is_first_try:
            # The call was made for this payment, and nearly always no other payment owns a
            # pspReference in the answer. If another payment does, the database refuses the claim,
            # and the next try locks that payment too.
            locked = await self._ledger.lock(connection, [question.payment_id])
            attribution = Attribution(locked, {})
        else:
            attribution = await lock_candidates(connection, self._ledger, [result.clues])
        payment_id = attribution.attribute_answer(result)
        if attribution.facts:
            await self._ledger.record_locked(connection, attribution.locked, attribution.facts)
        return _Recorded(payment_id, attribution.claimed)

    async def _keep(
        self,
        connection: Connection,
        question: Question,
        result: CallResult,
        payment_id: PaymentId | None,
        ask_again_at: datetime | None,
    ) -> None:
        """Store the answer, if there is one; otherwise release the question, to be sent again."""
        if result.answer is None:
            await questions.release(connection, question, ask_again_at)
            return
        await self._questions.keep_answer(
            connection,
            question.key,
            result.answer,
            payment_id=payment_id,
            attempt=result.clues.attempt if result.clues else "",
        )

    @retried
    async def _record_first(
        self, opened: Intent, question: Question, result: CallResult, answer: KeptAnswer
    ) -> bool:
        """Store an answer and its fact by one SQL statement; see `Ledger.record_first`.

        Returns:
            False if one statement is not enough; then nothing is stored.
        """
        first = FirstAnswer(
            question_key=question.key,
            status=answer.status,
            sealed_body=self._vault.seal(answer.body),
            psp_reference=answer.psp_reference,
            attempt=result.clues.attempt if result.clues else "",
        )
        return await self._ledger.record_first(self._pool, opened, result.facts, first)

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Return a payment with its facts; None if there is none with this id."""
        return await self._payment_of(await payments.intent(self._pool, payment_id))

    @retried
    async def add_facts(self, payment_id: PaymentId, facts: Sequence[Fact]) -> None:
        """Record facts of a payment that are not from an answer."""
        async with transaction(self._pool) as connection:
            await self._ledger.record(connection, {payment_id: facts})

    async def payment_of_attempt(self, psp_reference: str) -> Payment | None:
        """Return the payment that owns the attempt with this pspReference, if there is one."""
        return await self._payment_of(await payments.intent_of_attempt(self._pool, psp_reference))

    async def original_of(self, name: str) -> tuple[str, str] | None:
        """Return the pspReference and the merchant reference of the payment that owns `name`.

        `name` is a pspReference of the payment or of one of its changes.
        """
        return await payments.original_of(self._pool, name)

    async def is_unclaimed(self, psp_reference: str) -> bool:
        """Whether an answer to `/payments/details` has this pspReference and no payment owns it."""
        return await questions.is_unassigned(self._pool, psp_reference)

    async def payments_of(self, reference: str, limit: int) -> Sequence[Payment]:
        """Return the payments of a shop's reference with their facts, newest first."""
        return await self._with_facts(
            await payments.intents_of_reference(self._pool, reference, limit)
        )

    async def payments_of_link(self, link_id: LinkId, limit: int) -> Sequence[Payment]:
        """Return the payments made through a link with their facts, newest first.

        These are the newest `limit` payments, and older payments that are or may become paid.
        """
        return await self._with_facts(await payments.intents_of_link(self._pool, link_id, limit))

    async def disputed(self, after: str, limit: int) -> Sequence[Payment]:
        """Return payments with a dispute with their facts, newest first, after that with an id."""
        return await self._with_facts(await payments.disputed_intents(self._pool, after, limit))

    async def _first_question(self, connection: Connection | Pool, shop_key: ShopKey) -> Question:
        """The question that was stored with a shop key.

        Raises:
            KeyReused: The shop key was used with another body, or may not be used any more.
        """
        found = await self._questions.of_shop_key(connection, shop_key.key)
        if found is None:
            raise KeyReused(shop_key.key)
        fingerprint, question = found
        if fingerprint != shop_key.fingerprint:
            raise KeyReused(shop_key.key)
        return question

    def _opening(self, question: Question) -> Opening:
        """When a worker sends the question again, and the number of the process that sends it."""
        return Opening(question.asked_at + self._lease, self.asker.number)

    async def _payment_of(self, intent: Intent | None) -> Payment | None:
        return (await self._with_facts([intent]))[0] if intent else None

    async def _with_facts(self, intents: Sequence[Intent]) -> list[Payment]:
        facts = await payments.facts_of(self._pool, [intent.id for intent in intents])
        return [fold.payment(intent, facts[intent.id]) for intent in intents]
