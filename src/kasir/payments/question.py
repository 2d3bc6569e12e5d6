"""What the flow of a payment needs from the rest of the house, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from kasir.ids import PaymentId
from kasir.payments.facts import Fact
from kasir.payments.matching import Clues
from kasir.payments.payment import Intent, Payment


class Kind(StrEnum):
    """What a question asks of the provider."""

    #: A payment.
    PAYMENTS = "payments"
    #: What became of a payment, after the shopper came back.
    DETAILS = "details"
    #: To take the money of an authorised payment.
    CAPTURES = "captures"
    #: To give money back.
    REFUNDS = "refunds"
    #: To undo an authorised payment whose money was not taken.
    CANCELS = "cancels"
    #: To undo a payment, whichever way that takes.
    REVERSALS = "reversals"
    #: To undo a payment by the shop's reference, where the provider's is not known.
    CANCELS_BY_REFERENCE = "cancels_by_reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call to the provider, written down before it is made; its words never change.

    Attributes:
        key: Its idempotency key at the provider, one per intent, forever.
        kind: What it asks.
        payment_id: Whose it is; None where only the answer can tell.
        version: The version of the provider's API it is spoken in.
        path: Where it goes.
        body: The exact words.
        opened_at: When it was written down.
        asked_at: When it was last sent.
        tries: How often it was sent, or may have been, without an answer.
        fields: The body, decoded, where it was just encoded; None where it comes from the database.
    """

    key: str
    kind: Kind
    payment_id: PaymentId | None
    version: int
    path: str
    body: bytes
    opened_at: datetime
    asked_at: datetime
    tries: int = 0
    fields: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def was_sent_before(self) -> bool:
        """Whether it may have reached the provider before, and done what it asks."""
        return self.tries > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer that is final and kept: whoever asks again gets these very bytes.

    `fields` is the body, decoded, where it has just come; None where it comes from the database.
    """

    status: int
    body: bytes
    psp_reference: str = ""
    fields: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of asking.

    Attributes:
        answer: The answer to keep; None while the outcome is unknown.
        facts: What was learnt of the payment it is about.
        clues: What the answer says of which payment that is; None where there is no answer.
    """

    answer: Kept | None
    facts: tuple[Fact, ...]
    clues: Clues | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopKey:
    """The shop's own idempotency key and a fingerprint of the body it came with."""

    key: str
    fingerprint: bytes


#: Judges a change under the payment's lock: the facts that record it, or an exception.
Decide = Callable[[Payment], Sequence[Fact]]


class Provider(Protocol):
    """Whoever takes the money."""

    async def ask(self, question: Question) -> Heard:
        """Send a question and read the answer. Never raises for trouble on the way."""
        ...


class Book(Protocol):
    """Where payments, their facts and their questions are kept. Every method is one commit."""

    async def open(
        self, intent: Intent, question: Question, shop_key: ShopKey | None
    ) -> Question | None:
        """Write an intent and its question down.

        Returns:
            None, or the question first asked under this shop key: then nothing was written.

        Raises:
            KeyReused: The shop key came first with another fingerprint.
        """
        ...

    async def open_change(
        self, question: Question, decide: Decide, shop_key: ShopKey | None
    ) -> Question | None:
        """Write a question that changes a payment down, if `decide` lets it.

        The payment's row is locked while `decide` looks at it, so of many who ask at once each
        sees what the one before was allowed.

        Returns:
            None, or the question first asked under this shop key: then nothing was written.

        Raises:
            KeyReused: The shop key came first with another fingerprint.
            Exception: Whatever `decide` raises; nothing was written.
        """
        ...

    async def open_question(self, question: Question) -> bool:
        """Write a question down; False where one with its key is there already."""
        ...

    async def question(self, key: str) -> tuple[Question, Kept | None]:
        """Give a question and its kept answer, if it has one."""
        ...

    def asking(self, question: Question) -> AbstractAsyncContextManager[None]:
        """Around the asking of a question, from before it is written down.

        Where it is broken off, by a cut or a database that went away, the question is let go.
        """
        ...

    async def is_forsaken(self, question: Question) -> bool:
        """Whether whoever asked a question last is known to wait no more for its answer."""
        ...

    async def take_over(self, question: Question, now: datetime) -> bool:
        """Claim an unanswered question: True if nobody asked it since `question.asked_at`."""
        ...

    async def hear(
        self,
        question: Question,
        heard: Heard,
        ask_again_at: datetime | None,
        opened: Intent | None = None,
    ) -> None:
        """Keep the answer and the facts, and write the payment's new standing with them.

        The payment's row is locked until then, so that two who hear at once hear in turn. Without
        an answer the question is let go: anybody may take it over at once, and a worker does at
        `ask_again_at` (never, where that is None). `opened` is the intent, where the asker wrote it
        down just now: nothing need be read back then, unless something else was heard meanwhile.
        """
        ...

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Give a payment with its facts."""
        ...

    async def payments_of(self, reference: str, limit: int) -> Sequence[Payment]:
        """Give the payments of a shop's reference with their facts, newest first."""
        ...
