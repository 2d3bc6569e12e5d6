"""Stores, locks and withdraws the payments of renewals in PostgreSQL, many at a time.

One transaction decides on the charges of many subscriptions. The charges are sent after the commit.
Until a charge is sent, a later turn can withdraw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kasir.ids import PaymentId
from kasir.ledger.payments import Ledger
from kasir.payments.facts import Fact
from kasir.payments.payment import Intent
from kasir.payments.question import KeptAnswer, Question
from kasir.payments.status import Status
from kasir.store.database import Connection, queries
from kasir.store.vault import Vault

SQL: Final = queries("charges")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalPayments:
    """Stores, locks and withdraws the payments of renewals, in the caller's transaction.

    Attributes:
        vault: Encrypts questions and answers.
        ledger: Records facts.
        lease: How long a question may stay unanswered before a worker sends it again.
        asker: The number of this process; see `store.askers`.
    """

    vault: Vault
    ledger: Ledger
    lease: timedelta
    asker: int

    async def open_unasked(
        self, connection: Connection, charges: Sequence[tuple[Intent, Question]]
    ) -> None:
        """Store payments and their questions, without sending the questions.

        After the commit any process may send a question. A worker sends a question that no process
        has sent within `lease`.
        """
        intents = [intent for intent, _ in charges]
        questions = [question for _, question in charges]
        await SQL.open_charges(
            connection,
            ids=[intent.id for intent in intents],
            references_=[intent.reference for intent in intents],
            currencies=[intent.amount.currency for intent in intents],
            amounts=[intent.amount.minor_units for intent in intents],
            methods=[intent.method for intent in intents],
            return_urls=[intent.return_url for intent in intents],
            shopper_references=[intent.shopper_reference for intent in intents],
            models=[intent.model for intent in intents],
            are_capturing=[intent.captures_itself for intent in intents],
            consents=[intent.consent for intent in intents],
            created_ats=[intent.created_at for intent in intents],
            close_ats=[intent.close_at for intent in intents],
            status=Status.CREATED,
            keys=[question.key for question in questions],
            versions=[question.version for question in questions],
            paths=[question.path for question in questions],
            bodies=[self.vault.seal(question.body) for question in questions],
            ask_again_ats=[question.asked_at + self.lease for question in questions],
            asker=self.asker,
        )

    async def lock_unasked(
        self, connection: Connection, payment_ids: Sequence[PaymentId]
    ) -> frozenset[PaymentId]:
        """Lock the questions of these payments that were never sent; return these payments' ids.

        No process can send a locked question before the caller's commit, because a sender begins
        with `take_over`, which waits for the lock.
        """
        rows = SQL.lock_unasked(connection, payment_ids=payment_ids)
        return frozenset([PaymentId(row["payment_id"]) async for row in rows])

    async def withdraw(
        self, connection: Connection, facts: Mapping[PaymentId, Fact], answer: KeptAnswer
    ) -> None:
        """Store `answer` for the questions of these payments that were never sent, and record
        facts.

        A later sender finds the answer, and sends nothing. The caller has locked the payments.
        """
        await SQL.withdraw(
            connection,
            payment_ids=list(facts),
            status=answer.status,
            answer=self.vault.seal(answer.body),
        )
        by_payment = {payment_id: [fact] for payment_id, fact in facts.items()}
        await self.ledger.record(connection, by_payment, schedules=False)
