"""Payments and questions in PostgreSQL: the book that `payments.flow` writes in.

Once-only is a constraint here, never an `if`: the shop's key, the question's key and the fact's
key are primary keys, and the code reads what the database let in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from kasir.errors import KeyReused, NotFound
from kasir.ids import LinkId, PaymentId
from kasir.ledger.attribution import Placing, placing
from kasir.ledger.payments import Ledger, facts_of, intent_of, is_passing, names_in
from kasir.payments import fold
from kasir.payments.facts import Fact
from kasir.payments.payment import Intent, Payment
from kasir.payments.question import Decide, Heard, Kept, Kind, Question, ShopKey
from kasir.payments.status import FINAL, Status
from kasir.store.askers import Asker
from kasir.store.database import Connection, Pool, once_more, queries, tries
from kasir.store.vault import Vault

SQL: Final = queries("payments")
TOKENS: Final = queries("tokens")


@dataclass(frozen=True, slots=True)
class _Learnt:
    """Whose an answer is, where that is known, and the names that it claimed."""

    payment_id: PaymentId | None
    claimed: Collection[str] = ()


class PostgresBook:
    """The book of payments. Every method is one commit."""

    def __init__(
        self, pool: Pool, vault: Vault, ledger: Ledger, lease: timedelta, first_look: timedelta
    ) -> None:
        self._pool = pool
        self.asker = Asker(pool, lease.total_seconds())
        # A token that was asked for is looked for after this long.
        self._first_look = first_look
        self._vault = vault
        self._ledger = ledger
        # A question whose asker vanished is asked again by a worker after this long.
        self._lease = lease

    @once_more
    async def open(
        self, intent: Intent, question: Question, shop_key: ShopKey | None
    ) -> Question | None:
        """Write an intent and its question down; see `payments.ports.Book.open`."""
        if not (intent.model and intent.shopper_reference):
            return await self._open(self._pool, intent, question, shop_key)
        async with self._pool.acquire() as connection, connection.transaction():
            # Its token will be looked for, should nobody tell of it.
            look_at = intent.created_at + self._first_look
            shopper = intent.shopper_reference
            await TOKENS.watch(connection, shopper_reference=shopper, look_at=look_at)
            return await self._open(connection, intent, question, shop_key)

    async def _open(
        self,
        connection: Connection | Pool,
        intent: Intent,
        question: Question,
        shop_key: ShopKey | None,
    ) -> Question | None:
        row = self._opening(intent, question)
        if shop_key is None:
            await SQL.open_payment(connection, **row)
            return None
        shop = {"shop_key": shop_key.key, "fingerprint": shop_key.fingerprint}
        if await SQL.open_payment_once(connection, **shop, **row):
            return None
        return await self._first(connection, shop_key)

    @once_more
    async def open_change(
        self, question: Question, decide: Decide, shop_key: ShopKey | None
    ) -> Question | None:
        """Write a change's question down, if `decide` lets it; see `Book.open_change`."""
        payment_id = question.payment_id
        if payment_id is None:
            raise ValueError("a change is of a payment")
        async with self._pool.acquire() as connection, connection.transaction():
            if shop_key and not await self._claimed(connection, shop_key, question):
                return await self._first(connection, shop_key)
            found = (await self._ledger.lock(connection, [payment_id])).get(payment_id)
            if found is None:
                raise NotFound("payment", payment_id)
            facts = decide(found.payment)
            await self._ledger.hear_locked(connection, {payment_id: found}, {payment_id: facts})
            await self._insert(connection, question)
        return None

    async def open_question(self, question: Question) -> bool:
        """Write a question down; False where one with its key is there already."""
        return await self._insert(self._pool, question)

    async def question(self, key: str) -> tuple[Question, Kept | None]:
        """Give a question and its kept answer, if it has one."""
        row = await SQL.question(self._pool, key=key)
        if row is None:
            raise NotFound("question", key)
        return question_of(row, self._vault), self._kept(row)

    def asking(self, question: Question) -> AbstractAsyncContextManager[None]:
        """Around the asking of a question; see `Book.asking`."""
        return self.asker.asking(question)

    async def is_forsaken(self, question: Question) -> bool:
        """Whether whoever asked a question last is known to wait no more for its answer."""
        return await self.asker.is_forsaken(question)

    async def take_over(self, question: Question, now: datetime) -> bool:
        """Claim an unanswered question: True if nobody asked it since `question.asked_at`."""
        taken = await SQL.take_over(
            self._pool,
            key=question.key,
            asked_at=question.asked_at,
            now=now,
            asker=self.asker.number,
        )
        return taken is not None

    async def hear(
        self,
        question: Question,
        heard: Heard,
        ask_again_at: datetime | None,
        opened: Intent | None = None,
    ) -> None:
        """Keep the answer and the facts, and write the payment's new standing with them."""
        if opened and heard.answer:
            with suppress(asyncpg.UniqueViolationError):  # Contested: looked at closely below.
                if await self._hear_first(opened, question, heard, heard.answer):
                    return
        async for attempt in tries(is_passing):
            with attempt:
                async with self._pool.acquire() as connection, connection.transaction():
                    is_new = attempt.num == 1
                    learnt = await self._learn(connection, question, heard, is_new=is_new)
                    await self._keep(connection, question, heard, learnt.payment_id, ask_again_at)
                    if learnt.claimed:
                        # It is now known whose these names are: what waited for that can be read.
                        await SQL.wake_unplaced(connection, names=sorted(learnt.claimed))

    async def _learn(
        self, connection: Connection, question: Question, heard: Heard, *, is_new: bool
    ) -> _Learnt:
        """Let the payment that an answer is about learn of it; whose it is, where that is known."""
        if heard.clues is None:
            if question.payment_id and heard.facts:
                await self._ledger.hear(connection, {question.payment_id: heard.facts})
            return _Learnt(question.payment_id)
        if question.payment_id and is_new:
            # The call was made for it, and nearly always nobody else owns a name in its answer.
            # Where somebody does, the database refuses, and the next try looks for the owners.
            placed = Placing(await self._ledger.lock(connection, [question.payment_id]), {})
        else:
            placed = await placing(connection, self._ledger, [heard.clues])
        payment_id = placed.place_reply(heard)
        if placed.news:
            await self._ledger.hear_locked(connection, placed.locked, placed.news)
        return _Learnt(payment_id, placed.claimed)

    async def _keep(
        self,
        connection: Connection,
        question: Question,
        heard: Heard,
        payment_id: PaymentId | None,
        ask_again_at: datetime | None,
    ) -> None:
        """Keep an answer, or let the question go where there is none."""
        if heard.answer is None:
            await SQL.let_go(
                connection,
                key=question.key,
                asked_at=question.asked_at,
                ask_again_at=ask_again_at,
            )
            return
        await SQL.keep_answer(
            connection,
            key=question.key,
            status=heard.answer.status,
            answer=self._vault.seal(heard.answer.body),
            answer_psp=heard.answer.psp_reference,
            payment_id=payment_id,
            psp_reference=heard.clues.attempt if heard.clues else "",
        )

    @once_more
    async def _hear_first(
        self, opened: Intent, question: Question, heard: Heard, answer: Kept
    ) -> bool:
        """Keep an answer in one statement, if that will do; see `Ledger.hear_first`."""
        kept = {
            "names": sorted(names_in(heard.facts)),
            "question": question.key,
            "answer_status": answer.status,
            "answer": self._vault.seal(answer.body),
            "answer_psp": answer.psp_reference,
            "of_attempt": heard.clues.attempt if heard.clues else "",
        }
        return await self._ledger.hear_first(self._pool, opened, heard.facts, kept)

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Give a payment with its facts."""
        row = await SQL.payment(self._pool, id=payment_id)
        return (await self._with_facts([row]))[0] if row else None

    @once_more
    async def add_facts(self, payment_id: PaymentId, facts: Sequence[Fact]) -> None:
        """Let a payment hear facts that no question brought."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._ledger.hear(connection, {payment_id: facts})

    async def payment_of_attempt(self, psp_reference: str) -> Payment | None:
        """Give the payment that an attempt at the provider belongs to."""
        row = await SQL.payment_of_attempt(self._pool, psp_reference=psp_reference)
        return (await self._with_facts([row]))[0] if row else None

    async def original_of(self, name: str) -> tuple[str, str] | None:
        """Give the pspReference of the payment that owns a name, and the shop's reference."""
        row = await SQL.original_of(self._pool, name=name)
        return (row["original"], row["reference"]) if row else None

    async def is_unclaimed(self, psp_reference: str) -> bool:
        """Whether an answer to a shopper's return named an attempt that no payment owns yet."""
        return await SQL.unclaimed_return(self._pool, psp_reference=psp_reference) is not None

    async def payments_of(self, reference: str, limit: int) -> Sequence[Payment]:
        """Give the payments of a shop's reference with their facts, newest first."""
        return await self._with_facts(
            [row async for row in SQL.payments_of(self._pool, reference=reference, most=limit)]
        )

    async def payments_of_link(self, link_id: LinkId, limit: int) -> Sequence[Payment]:
        """Give the payments made through a link with their facts, newest first.

        They are the newest `limit`, and older ones that are paid or may yet be.
        """
        found = SQL.payments_of_link(self._pool, link_id=link_id, most=limit, ended=sorted(FINAL))
        return await self._with_facts([row async for row in found])

    async def _claimed(self, connection: Connection, shop_key: ShopKey, question: Question) -> bool:
        claimed = await SQL.claim_shop_key(
            connection,
            shop_key=shop_key.key,
            fingerprint=shop_key.fingerprint,
            question_key=question.key,
            at=question.opened_at,
        )
        return claimed is not None

    async def _first(self, connection: Connection | Pool, shop_key: ShopKey) -> Question:
        """The question first asked under a shop key.

        Raises:
            KeyReused: It was asked with another body, or nothing may be asked under it any more.
        """
        first = await SQL.shop_key(connection, key=shop_key.key)
        if first is None or first["fingerprint"] != shop_key.fingerprint:
            raise KeyReused(shop_key.key)
        return question_of(first, self._vault)

    async def _insert(self, connection: Connection | Pool, question: Question) -> bool:
        inserted = await SQL.open_question(
            connection,
            key=question.key,
            kind=question.kind,
            payment_id=question.payment_id,
            version=question.version,
            path=question.path,
            body=self._vault.seal(question.body),
            opened_at=question.opened_at,
            asked_at=question.asked_at,
            ask_again_at=question.asked_at + self._lease,
            asker=self.asker.number,
        )
        return inserted is not None

    async def _with_facts(self, rows: Sequence[Any]) -> list[Payment]:
        facts = await facts_of(self._pool, [row["id"] for row in rows])
        return [fold.payment(intent_of(row), facts[row["id"]]) for row in rows]

    def _kept(self, row: Any) -> Kept | None:
        if row["status"] is None:
            return None
        body = self._vault.open(row["answer"])
        return Kept(status=row["status"], body=body, psp_reference=row["answer_psp"])

    def _opening(self, intent: Intent, question: Question) -> dict[str, Any]:
        return {
            "id": intent.id,
            "reference": intent.reference,
            "currency": intent.amount.currency,
            "minor_units": intent.amount.minor_units,
            "method": intent.method,
            "return_url": intent.return_url,
            "shopper_reference": intent.shopper_reference,
            "link_id": intent.link_id,
            "captures_itself": intent.captures_itself,
            "model": intent.model,
            "consent": intent.consent,
            "created_at": intent.created_at,
            "asked_at": question.asked_at,
            "close_at": intent.close_at,
            "status": Status.CREATED,
            "key": question.key,
            "version": question.version,
            "path": question.path,
            "body": self._vault.seal(question.body),
            "ask_again_at": question.asked_at + self._lease,
            "asker": self.asker.number,
        }


def question_of(row: Any, vault: Vault) -> Question:
    """A question, from its row."""
    payment_id = row["payment_id"]
    return Question(
        key=row["key"],
        kind=Kind(row["kind"]),
        payment_id=PaymentId(payment_id) if payment_id else None,
        version=row["version"],
        path=row["path"],
        body=vault.open(row["body"]),
        opened_at=row["opened_at"],
        asked_at=row["asked_at"],
        tries=row["tries"],
    )
