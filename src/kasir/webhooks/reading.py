"""Reads the inbox into the book: a batch of notices in one transaction.

Readers take turns by row locks, so any number of workers may read. A notice that the database
cannot take is found by reading its batch in halves; it is held, and the others are not. One that
takes too long is left unread and the others are read, until it has been tried often enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import asyncpg

from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import KasirError
from kasir.gateway import meanings
from kasir.ids import PaymentId
from kasir.ledger import payment_book
from kasir.ledger.attribution import Placing, placing
from kasir.ledger.payments import Ledger, Moved, is_contested, is_passing, wake
from kasir.ledger.tokens import TokenLedger
from kasir.payments.matching import Ruling
from kasir.payments.question import Heard
from kasir.store.database import AWAY, Connection, Pool, once_more, tries
from kasir.store.inbox import SQL
from kasir.store.vault import Vault
from kasir.webhooks.interpreting import NoticeState, Reading, misdirected, read
from kasir.webhooks.receiving import NoticeKind

#: What becomes of a notice, by whose it is.
_STATES: Final = {
    Ruling.OURS: NoticeState.READ,
    Ruling.MISMATCHED: NoticeState.HELD,
    Ruling.HELD: NoticeState.HELD,
    Ruling.WAITING: NoticeState.WAITING,
    Ruling.FOREIGN: NoticeState.FOREIGN,
}


#: The longest reference that a payment of ours can have.
_REFERENCE_MAX: Final = 80
#: So many of one batch that take too long by themselves: it is the database that is slow.
_SLOW_TOGETHER: Final = 3


@dataclass(frozen=True, slots=True)
class _Settled:
    """What became of a notice.

    Attributes:
        id: Which one.
        reading: With the state it is in now.
        payment_id: Whose it is, if that is known.
        is_unclaimed: Whether it may become some payment's when one of its names is claimed.
        paid_reference: The reference it says was paid, where that is not ours as far as is known.
    """

    id: int
    reading: Reading
    payment_id: PaymentId | None = None
    is_unclaimed: bool = False
    paid_reference: str | None = None


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
    bytes_max: int
    slow_reads_max: int
    is_live: bool
    #: How often each notice took too long by itself.
    _slow: Counter[int] = field(default_factory=Counter, init=False)

    async def read_all(self) -> int:
        """Read until nothing unread is left; returns how many were read.

        Raises:
            asyncpg.QueryCanceledError: What is left unread takes too long; it is to be tried again.
        """
        await SQL.look_again(self.pool, most=self.batch_max)
        total = 0
        while count := await self._read_batch():
            total += count
        await self._give_returns()
        return total

    async def _read_batch(self) -> int:
        ids: list[int] = []
        try:
            async for attempt in tries(is_passing):
                with attempt:
                    async with self.pool.acquire() as connection, connection.transaction():
                        rows = await self._taken(connection)
                        ids = [row["id"] for row in rows]
                        await self._read(connection, rows)
        except Exception as error:
            if not ids or not _is_poison(error):
                raise
            await self._read_or_hold(ids, error)
        return len(ids)

    async def _taken(self, connection: Connection) -> list[Any]:
        """What is to be read next; what took too long before comes last."""
        most, most_bytes = self.batch_max, self.bytes_max
        taken = SQL.take_unread(connection, most=most, most_bytes=most_bytes)
        rows = [row async for row in taken]
        return [row for row in rows if row["id"] not in self._slow] or rows

    async def _read_or_hold(self, ids: Sequence[int], error: Exception) -> None:
        """Read a batch in parts, and hold what takes too long for the last time.

        Raises:
            asyncpg.QueryCanceledError: Something takes too long, and is left unread.
        """
        slow: dict[int, Exception] = {}
        await self._read_apart(ids, error, slow)
        self._slow.update([*slow])
        spent = [one for one in slow if self._slow[one] >= self.slow_reads_max]
        for one in spent:
            await self._hold(one, slow.pop(one))
            del self._slow[one]  # Replayed, it is tried as often again.
        for left in slow.values():
            raise left

    async def _read_apart(
        self, ids: Sequence[int], error: Exception, slow: dict[int, Exception]
    ) -> None:
        """Hold the one notice that cannot be read, or look for it in either half.

        One among n costs 2 log n transactions, and not n; none grows with what the others cost.
        """
        if len(ids) > 1:
            middle = len(ids) // 2
            await self._read_some(ids[:middle], slow)
            await self._read_some(ids[middle:], slow)
        elif not isinstance(error, asyncpg.QueryCanceledError):
            await self._hold(ids[0], error)
        else:
            slow[ids[0]] = error
            if len(slow) == _SLOW_TOGETHER:
                raise error

    async def _hold(self, notice_id: int, error: Exception) -> None:
        held = Reading(NoticeState.HELD, error=f"{type(error).__name__}: {error}")
        await self._settle(self.pool, [_Settled(notice_id, held)])

    async def _read_some(self, ids: Sequence[int], slow: dict[int, Exception]) -> None:
        try:
            async for attempt in tries(is_passing):
                with attempt:
                    async with self.pool.acquire() as connection, connection.transaction():
                        rows = [row async for row in SQL.take_some(connection, ids=ids)]
                        await self._read(connection, rows)
        except Exception as error:
            if not _is_poison(error):
                raise
            await self._read_apart(ids, error, slow)

    async def _read(self, connection: Connection, rows: Sequence[Any]) -> None:
        """Find whose each notice is, let payments and tokens hear, and settle the notices.

        Raises:
            asyncpg.UniqueViolationError: A name was claimed meanwhile by a payment that was not
                seen: read again; see `is_contested`.
        """
        readings = [(row["id"], self._reading(row)) for row in rows]
        every = [reading.clues for _, reading in readings if reading.clues]
        placed = await placing(connection, self.ledger, every) if every else None
        settled = [_settled(placed, notice_id, reading) for notice_id, reading in readings]
        moved, shoppers = Moved(), frozenset[str]()
        if placed and placed.news:
            moved = await self.ledger.hear_locked(
                connection, placed.locked, placed.news, wakes=False
            )
        if tokens := [reading.token for _, reading in readings if reading.token]:
            shoppers = await self.tokens.hear(connection, tokens)
        # All at once, after the payments and the tokens: the order of locks is docs/adr/0015.
        moved = replace(moved, shoppers=moved.shoppers | shoppers)
        await wake(connection, moved, self.clock.now())
        await self._settle(connection, settled)
        if placed and placed.claimed:
            # After the payments are locked, as everybody does: or two would wait for each other.
            # And after the settling: what waits may have come in this very batch.
            await payment_book.SQL.wake_unplaced(connection, names=sorted(placed.claimed))

    def _reading(self, row: Any) -> Reading:
        try:
            plain = self.vault.open(row["item"])
        except KasirError as error:
            return Reading(NoticeState.HELD, error=str(error))
        kind = NoticeKind(row["kind"])
        if why := misdirected(kind, plain, row["is_live"], is_live=self.is_live):
            return Reading(NoticeState.HELD, error=why)
        return read(kind, plain, self.merchant_account)

    @once_more
    async def _give_returns(self) -> None:
        """Give the answers to shoppers' returns to the payments that own their attempts by now.

        A notification may claim an attempt while the answer that names it is being kept, and
        neither sees the other: so this looks at what there is, and not at what was just read.
        """
        if not [row async for row in payment_book.SQL.owned_returns(self.pool, most=1)]:
            return  # Nearly always.
        async with self.pool.acquire() as connection, connection.transaction():
            owned = payment_book.SQL.owned_returns(connection, most=self.batch_max)
            rows = [row async for row in owned]
            heard = [self._return(row) for row in rows]
            clues = [one.clues for one in heard if one.clues]
            if not clues:
                return
            placed = await placing(connection, self.ledger, clues)
            for row, answer in zip(rows, heard, strict=True):
                placed.place_reply(answer)
                await payment_book.SQL.adopt_question(
                    connection, key=row["key"], payment_id=row["owner"]
                )
            await self.ledger.hear_locked(connection, placed.locked, placed.news)

    def _return(self, row: Any) -> Heard:
        answer = Answer(row["status"], self.vault.open(row["answer"]), row["answer_psp"])
        return meanings.of_reply(
            payment_book.question_of(row, self.vault), answer, self.clock.now()
        )

    async def _settle(self, connection: Connection | Pool, every: Sequence[_Settled]) -> None:
        await SQL.settle(
            connection,
            ids=[one.id for one in every],
            states=[one.reading.state for one in every],
            payment_ids=[one.payment_id for one in every],
            errors=[one.reading.error for one in every],
            unplaced=[one.is_unclaimed for one in every],
            paid_references=[one.paid_reference for one in every],
            now=self.clock.now(),
        )


def _settled(placed: Placing | None, notice_id: int, reading: Reading) -> _Settled:
    """What becomes of a notice, and whose it is."""
    if placed is None or reading.fact is None or reading.clues is None:
        return _Settled(notice_id, reading)
    ruled = placed.place(reading.clues, reading.fact)
    is_anothers = reading.clues.pays and ruled.payment_id is None
    return _Settled(
        id=notice_id,
        reading=replace(reading, state=_STATES[ruled.ruling], error=ruled.why),
        payment_id=ruled.payment_id,
        is_unclaimed=not placed.owners.keys() & set(reading.clues.names),
        # A longer one is no payment's of ours.
        paid_reference=reading.clues.reference[:_REFERENCE_MAX] if is_anothers else None,
    )


def _is_poison(error: Exception) -> bool:
    """Whether it may be the fault of a notice: not of a database away, nor of a race."""
    return isinstance(error, asyncpg.DataError | asyncpg.QueryCanceledError) or not (
        isinstance(error, AWAY) or is_contested(error)
    )
