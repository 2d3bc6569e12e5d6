"""SQL statements and rows of questions (stored calls to the provider), answers and shop keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from kasir.ids import PaymentId
from kasir.payments.payment import Intent
from kasir.payments.question import KeptAnswer, Kind, Question, ShopKey
from kasir.store import payments
from kasir.store.database import Connection, Pool, queries
from kasir.store.vault import Vault

SQL: Final = queries("questions")

#: `asked_at` of a question that no process is sending.
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Opening:
    """Which process sends a new question, and when a worker sends the question again.

    Attributes:
        ask_again_at: When a worker sends the question again if there is no answer.
        asker: The number of the process that sends the question.
    """

    ask_again_at: datetime
    asker: int


@dataclass(frozen=True, slots=True)
class Assignable:
    """An answer to `/payments/details` whose payment is known now.

    Attributes:
        question: The question that was answered.
        answer: The answer.
        owner: The payment that owns the pspReference in the answer.
    """

    question: Question
    answer: KeptAnswer
    owner: PaymentId


@dataclass(frozen=True, slots=True)
class Questions:
    """SQL statements of questions. `vault` encrypts the bodies of questions and answers."""

    vault: Vault

    async def open_payment(
        self, connection: Connection | Pool, intent: Intent, question: Question, opening: Opening
    ) -> None:
        """Write a payment and its question."""
        columns = self._opening_columns(intent, question, opening)
        await payments.SQL.open_payment(connection, **columns)

    async def open_payment_once(
        self,
        connection: Connection | Pool,
        intent: Intent,
        question: Question,
        opening: Opening,
        shop_key: ShopKey,
    ) -> bool:
        """Write a payment and its question; False if the shop key was used before."""
        columns = self._opening_columns(intent, question, opening)
        opened = await payments.SQL.open_payment_once(
            connection, shop_key=shop_key.key, fingerprint=shop_key.fingerprint, **columns
        )
        return opened is not None

    async def open(
        self, connection: Connection | Pool, question: Question, opening: Opening
    ) -> bool:
        """Write a question, and return True; False if a question with its key exists already."""
        opened = await SQL.open_question(
            connection,
            key=question.key,
            kind=question.kind,
            payment_id=question.payment_id,
            version=question.version,
            path=question.path,
            body=self.vault.seal(question.body),
            opened_at=question.opened_at,
            asked_at=question.asked_at,
            ask_again_at=opening.ask_again_at,
            asker=opening.asker,
        )
        return opened is not None

    async def find(self, pool: Pool, key: str) -> tuple[Question, KeptAnswer | None] | None:
        """Return a question and its answer, which is None if there is none yet.

        None if no question has this idempotency key.
        """
        row = await SQL.question(pool, key=key)
        if row is None:
            return None
        return self._question_of(row), None if row["status"] is None else self._answer_of(row)

    async def of_shop_key(
        self, connection: Connection | Pool, key: str
    ) -> tuple[bytes, Question] | None:
        """Return the fingerprint and the question that were stored with a shop key, if any."""
        row = await SQL.shop_key(connection, key=key)
        return (row["fingerprint"], self._question_of(row)) if row else None

    async def keep_answer(
        self,
        connection: Connection,
        key: str,
        answer: KeptAnswer,
        *,
        payment_id: PaymentId | None,
        attempt: str,
    ) -> None:
        """Write the answer to a question, unless the question has an answer already."""
        await SQL.keep_answer(
            connection,
            key=key,
            status=answer.status,
            answer=self.vault.seal(answer.body),
            answer_psp=answer.psp_reference,
            payment_id=payment_id,
            psp_reference=attempt,
        )

    async def assignable(self, connection: Connection, most: int) -> list[Assignable]:
        """Lock and return answers whose payment was unknown when they came, and is known now."""
        return [
            Assignable(self._question_of(row), self._answer_of(row), PaymentId(row["owner"]))
            async for row in SQL.assignable_answers(connection, most=most)
        ]

    def _opening_columns(
        self, intent: Intent, question: Question, opening: Opening
    ) -> dict[str, Any]:
        return payments.opening_columns(intent) | {
            "asked_at": question.asked_at,
            "key": question.key,
            "version": question.version,
            "path": question.path,
            "body": self.vault.seal(question.body),
            "ask_again_at": opening.ask_again_at,
            "asker": opening.asker,
        }

    def _answer_of(self, row: Mapping[str, Any]) -> KeptAnswer:
        body = self.vault.open(row["answer"])
        return KeptAnswer(status=row["status"], body=body, psp_reference=row["answer_psp"])

    def _question_of(self, row: Mapping[str, Any]) -> Question:
        payment_id = row["payment_id"]
        return Question(
            key=row["key"],
            kind=Kind(row["kind"]),
            payment_id=PaymentId(payment_id) if payment_id else None,
            version=row["version"],
            path=row["path"],
            body=self.vault.open(row["body"]),
            opened_at=row["opened_at"],
            asked_at=row["asked_at"],
            tries=row["tries"],
        )


async def claim_shop_key(
    connection: Connection, shop_key: ShopKey, question_key: str, at: datetime
) -> bool:
    """Write a shop key with the key of its question; False if the shop key was used before."""
    claimed = await SQL.claim_shop_key(
        connection,
        shop_key=shop_key.key,
        fingerprint=shop_key.fingerprint,
        question_key=question_key,
        at=at,
    )
    return claimed is not None


async def take_over(pool: Pool, question: Question, now: datetime, asker: int) -> bool:
    """Claim an unanswered question for sending; False if another process claimed it before.

    Args:
        pool: The database.
        question: The question, with the `asked_at` that the caller read.
        now: The new `asked_at`.
        asker: The number of this process.
    """
    claimed = await SQL.take_over(
        pool, key=question.key, asked_at=question.asked_at, now=now, asker=asker
    )
    return claimed is not None


async def release(
    connection: Connection, question: Question, ask_again_at: datetime | None
) -> None:
    """Let any process send an unanswered question again; a worker sends it at `ask_again_at`."""
    await SQL.release(
        connection, key=question.key, asked_at=question.asked_at, ask_again_at=ask_again_at
    )


async def are_assignable(pool: Pool) -> bool:
    """Whether there is an answer whose payment was unknown when it came, and is known now."""
    return bool([row async for row in SQL.assignable_answers(pool, most=1)])


async def assign(connection: Connection, assignable: Sequence[Assignable]) -> None:
    """Write which payment each of these answers belongs to."""
    await SQL.assign_answers(
        connection,
        keys=[one.question.key for one in assignable],
        payment_ids=[one.owner for one in assignable],
    )


async def is_unassigned(pool: Pool, psp_reference: str) -> bool:
    """Whether an answer to `/payments/details` has this pspReference and no payment owns it."""
    return await SQL.unassigned_answer(pool, psp_reference=psp_reference) is not None
