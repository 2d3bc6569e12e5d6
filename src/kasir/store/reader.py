"""Reads the inbox into the book: a batch of notices in one transaction.

Readers take turns by row locks, so any number of workers may read. A notice that the database
cannot take is found by reading its batch one by one; it is held, and the others are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg

from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import KasirError
from kasir.gateway import meanings
from kasir.ids import PaymentId
from kasir.payments.facts import Fact
from kasir.payments.matching import Candidate, match
from kasir.store import payments
from kasir.store.database import TROUBLE, Connection, Pool
from kasir.store.inbox import SQL
from kasir.store.ledger import Candidates, Ledger, candidates
from kasir.store.tokens import TokenLedger
from kasir.store.vault import Vault
from kasir.tokens.model import TokenNews
from kasir.webhooks.reading import NoticeState, Reading, read
from kasir.webhooks.receive import NoticeKind


@dataclass(slots=True)
class _Placed:
    """What a batch of notices comes to, on its way into the book."""

    settled: list[tuple[int, Reading, PaymentId | None]] = field(default_factory=list)
    news: dict[PaymentId, list[Fact]] = field(default_factory=dict)
    names: dict[str, PaymentId] = field(default_factory=dict)
    tokens: list[TokenNews] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads notices; the worker's work."""

    pool: Pool
    ledger: Ledger
    tokens: TokenLedger
    vault: Vault
    clock: Clock
    merchant_account: str
    batch_max: int

    async def read_all(self) -> int:
        """Read until nothing unread is left; returns how many were read."""
        await SQL.look_again(self.pool, most=self.batch_max)
        total = 0
        while count := await self._read_batch():
            total += count
        return total

    async def _read_batch(self) -> int:
        ids: list[int] = []
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                rows = [row async for row in SQL.take_unread(connection, most=self.batch_max)]
                ids = [row["id"] for row in rows]
                await self._read(connection, rows)
        except Exception as error:
            if not _is_poison(error):
                raise
            for notice_id in ids:
                await self._read_one(notice_id)
        return len(ids)

    async def _read_one(self, notice_id: int) -> None:
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                row = await SQL.take_one(connection, id=notice_id)
                await self._read(connection, [row] if row else [])
        except Exception as error:
            if not _is_poison(error):
                raise
            held = Reading(NoticeState.HELD, error=f"{type(error).__name__}: {error}")
            await self._settle(self.pool, [(notice_id, held, None)])

    async def _read(self, connection: Connection, rows: Sequence[Any]) -> None:
        """Find whose each notice is, let payments and tokens hear, and settle the notices."""
        placed = await self._place(connection, [(row["id"], self._reading(row)) for row in rows])
        if placed.news:
            await self._adopt(connection, placed)
            await self.ledger.hear(connection, placed.news)
        if placed.tokens:
            await self.tokens.hear(connection, placed.tokens)
        await self._settle(connection, placed.settled)
        if placed.names:
            # After the payments are locked, as everybody does: or two would wait for each other.
            # And after the settling: what waits may have come in this very batch.
            await payments.SQL.wake_unplaced(connection, names=list(placed.names))

    def _reading(self, row: Any) -> Reading:
        try:
            plain = self.vault.open(row["item"])
        except KasirError as error:
            return Reading(NoticeState.HELD, error=str(error))
        return read(NoticeKind(row["kind"]), plain, self.merchant_account)

    async def _place(
        self, connection: Connection, readings: Sequence[tuple[int, Reading]]
    ) -> _Placed:
        news = [reading for _, reading in readings if reading.fact]
        references = {reading.reference for reading in news}
        names = {name for reading in news if reading.news for name in reading.news.names}
        found = (
            await candidates(connection, sorted(references), sorted(names))
            if news
            else Candidates()
        )
        placed = _Placed()
        for notice_id, reading in readings:
            if reading.token:
                placed.tokens.append(reading.token)
            if reading.fact is None or reading.news is None:
                placed.settled.append((notice_id, reading, None))
                continue
            ours = found.of(reading.reference, reading.news.names)
            payment_id = match(reading.news, ours)
            if payment_id is None:
                unplaced = NoticeState.WAITING if ours else NoticeState.FOREIGN
                placed.settled.append((notice_id, replace(reading, state=unplaced), None))
                continue
            payment = next(one for one in ours if one.id == payment_id)
            if wrong := _wrong_currency(reading.fact, payment):
                placed.settled.append((notice_id, Reading(NoticeState.HELD, error=wrong), None))
                continue
            placed.settled.append((notice_id, reading, payment_id))
            placed.news.setdefault(payment_id, []).append(reading.fact)
            placed.names |= dict.fromkeys(reading.news.names, payment_id)
        return placed

    async def _adopt(self, connection: Connection, placed: _Placed) -> None:
        """Give the payments what was heard of their attempts before these were known as theirs."""
        known = list(placed.names)
        orphans = payments.SQL.orphan_questions(connection, psp_references=known)
        for row in [row async for row in orphans]:
            payment_id = placed.names[row["psp_reference"]]
            answer = Answer(row["status"], self.vault.open(row["answer"]), row["answer_psp"])
            question = payments.question_of(row, self.vault)
            heard = meanings.of_reply(question, answer, self.clock.now())
            placed.news[payment_id].extend(heard.facts)
            await payments.SQL.adopt_question(connection, key=row["key"], payment_id=payment_id)

    async def _settle(
        self,
        connection: Connection | Pool,
        settled: Sequence[tuple[int, Reading, PaymentId | None]],
    ) -> None:
        await SQL.settle(
            connection,
            ids=[notice_id for notice_id, _, _ in settled],
            states=[reading.state for _, reading, _ in settled],
            payment_ids=[payment_id for _, _, payment_id in settled],
            errors=[reading.error for _, reading, _ in settled],
            # One that tells of a payment, and it cannot be told yet of which.
            unplaced=[bool(reading.fact) and not payment_id for _, reading, payment_id in settled],
            now=self.clock.now(),
        )


def _wrong_currency(fact: Fact, payment: Candidate) -> str:
    """What is wrong with the currency of news of a payment, if anything."""
    ours = payment.amount.currency
    if fact.amount is None or fact.amount.currency == ours:
        return ""
    return f"it speaks of {fact.amount.currency}, and the payment is in {ours}"


def _is_poison(error: Exception) -> bool:
    """Whether it is the notice's own fault: a database that is away is not."""
    return isinstance(error, asyncpg.DataError) or not isinstance(error, TROUBLE)
