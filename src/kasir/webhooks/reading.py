"""Reads the inbox, a batch of notices per transaction.

Readers lock the notices that they read, so any number of workers may read. If the database refuses
a notice, the batch is read in halves until that notice is found. Then that notice is held, and the
other notices are read. A notice that takes too long is left unread, and is held after
`slow_reads_max` tries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import KasirError
from kasir.gateway import meanings
from kasir.ledger.attribution import Attribution, lock_candidates
from kasir.ledger.payments import Changed, Ledger, schedule_subscriptions
from kasir.ledger.tokens import TokenLedger
from kasir.payments.matching import Ruling
from kasir.payments.question import CallResult
from kasir.store import inbox, questions, reports
from kasir.store.database import (
    UNAVAILABLE,
    Connection,
    Pool,
    StatementTimeout,
    ValueRefused,
    retried,
    transaction,
    tries,
)
from kasir.store.inbox import NoticeState, SettledRow, UnreadRow
from kasir.store.payments import is_name_taken, is_transient
from kasir.store.questions import Assignable, Questions
from kasir.store.vault import Vault
from kasir.webhooks.interpreting import Reading, misdirected, read

#: The state of a notice, by the ruling about its payment.
_STATES: Final = {
    Ruling.OURS: NoticeState.READ,
    Ruling.MISMATCHED: NoticeState.HELD,
    Ruling.HELD: NoticeState.HELD,
    Ruling.WAITING: NoticeState.WAITING,
    Ruling.FOREIGN: NoticeState.FOREIGN,
}
#: The longest merchant reference that a payment of Kasir's can have, in characters.
_REFERENCE_MAX: Final = 80
#: If this many notices of one batch take too long although each is read alone, the database is the
#: cause, and not a notice.
_SLOW_MAX: Final = 3

#: Locks the notices to read in this transaction, and returns their rows.
_Take = Callable[[Connection], Awaitable[list[UnreadRow]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads notices; run by workers.

    Attributes:
        pool: The database.
        ledger: Records facts of payments.
        tokens: Records facts of tokens.
        vault: Decrypts notices.
        clock: Kasir's time.
        merchant_account: The merchant account. Notices of other merchant accounts are foreign.
        batch_max: How many notices one transaction reads.
        bytes_max: How many bytes of notices one transaction reads.
        slow_reads_max: How often a notice may take too long before it is held.
        is_live: Whether this Kasir is for Adyen's live platform.
    """

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
    #: How often each notice, by its id, took too long although it was read alone.
    _slow: Counter[int] = field(default_factory=Counter, init=False)

    async def read_all(self) -> int:
        """Read all unread notices, and return how many were read.

        Raises:
            StatementTimeout: Some notices took too long and are still unread. A later call reads
                them.
        """
        await inbox.recheck_unclaimed(self.pool, self.batch_max)
        total = 0
        while count := await self._read_batch():
            total += count
        await self._assign_answers()
        return total

    # One transaction ----------------------------------------------------------------------------

    async def _read(self, connection: Connection, rows: Sequence[UnreadRow]) -> None:
        """Read notices: record their facts, schedule subscriptions, settle the notices.

        The number of statements does not depend on the number of notices. Rows are locked in the
        order of docs/adr/0015: payments, tokens, subscriptions, notices.

        Raises:
            UniqueViolation: Another transaction claimed a pspReference that had no owner before.
                The notices must be read again; see `is_name_taken`.
        """
        readings = [self._interpreted(row) for row in rows]
        clues = [reading.clues for reading in readings if reading.clues]
        attribution = Attribution({}, {})
        if clues:
            attribution = await lock_candidates(connection, self.ledger, clues)
        settled = [
            _settled(attribution, row.id, reading)
            for row, reading in zip(rows, readings, strict=True)
        ]
        await self._record(connection, attribution, readings)
        await inbox.settle(connection, settled, self.clock.now())
        announced = [reading.report for reading in readings if reading.report]
        await reports.announce(connection, announced, self.clock.now())
        if attribution.claimed:
            # After `settle`, because a notice of this batch may wait for one of these claims.
            await inbox.mark_unread(connection, sorted(attribution.claimed))

    def _interpreted(self, row: UnreadRow) -> Reading:
        try:
            item = self.vault.open(row.sealed_item)
        except KasirError as error:
            return Reading(NoticeState.HELD, error=str(error))
        if why := misdirected(row.kind, item, row.is_live, is_live=self.is_live):
            return Reading(NoticeState.HELD, error=why)
        return read(row.kind, item, self.merchant_account)

    async def _record(
        self, connection: Connection, attribution: Attribution, readings: Sequence[Reading]
    ) -> None:
        """Record facts of payments, then of tokens; then schedule the subscriptions of both."""
        changed = Changed()
        if attribution.facts:
            changed = await self.ledger.record_locked(
                connection, attribution.locked, attribution.facts, schedules=False
            )
        tokens = [reading.token for reading in readings if reading.token]
        shoppers = await self.tokens.record(connection, tokens)
        changed = replace(changed, shoppers=changed.shoppers | shoppers)
        await schedule_subscriptions(connection, changed, self.clock.now())

    # Batches ------------------------------------------------------------------------------------

    async def _read_batch(self) -> int:
        """Read the next batch, and return how many notices it had."""
        ids: list[int] = []

        async def take(connection: Connection) -> list[UnreadRow]:
            rows = await self._next(connection)
            ids[:] = [row.id for row in rows]
            return rows

        try:
            await self._lock_and_read(take)
        except Exception as error:
            if not ids or not _is_of_a_notice(error):
                raise
            await self._read_or_hold(ids, error)
        return len(ids)

    async def _next(self, connection: Connection) -> list[UnreadRow]:
        """Lock and return the notices to read next. Notices that took too long are read last."""
        rows = await inbox.take_unread(connection, most=self.batch_max, most_bytes=self.bytes_max)
        return [row for row in rows if row.id not in self._slow] or rows

    async def _lock_and_read(self, take: _Take) -> None:
        """Lock and read notices in one transaction; retry if another transaction interferes."""
        async for attempt in tries(is_transient):
            with attempt:
                async with transaction(self.pool) as connection:
                    if rows := await take(connection):
                        await self._read(connection, rows)

    # Notices that the database refuses, and slow notices ----------------------------------------

    async def _read_or_hold(self, ids: Sequence[int], error: Exception) -> None:
        """Read a failed batch in parts. Hold each notice that has taken too long too often.

        Raises:
            StatementTimeout: Other notices took too long, and are left unread.
        """
        slow: dict[int, Exception] = {}
        await self._read_apart(ids, error, slow)
        self._slow.update([*slow])
        for notice_id in [each for each in slow if self._slow[each] >= self.slow_reads_max]:
            await self._hold(notice_id, slow.pop(notice_id))
            del self._slow[notice_id]  # After a replay the count starts at 0.
        for first_error in slow.values():
            raise first_error

    async def _read_apart(
        self, ids: Sequence[int], error: Exception, slow: dict[int, Exception]
    ) -> None:
        """Hold the notice that failed with `error`; if there are several, read them in two halves.

        Finding one notice among n takes about 2 log2 n transactions. `slow` collects the notices
        that took too long, each with its error.
        """
        if len(ids) > 1:
            middle = len(ids) // 2
            await self._read_some(ids[:middle], slow)
            await self._read_some(ids[middle:], slow)
        elif not isinstance(error, StatementTimeout):
            await self._hold(ids[0], error)
        else:
            slow[ids[0]] = error
            if len(slow) == _SLOW_MAX:
                raise error

    async def _read_some(self, ids: Sequence[int], slow: dict[int, Exception]) -> None:
        try:
            await self._lock_and_read(lambda connection: inbox.take_some(connection, ids))
        except Exception as error:
            if not _is_of_a_notice(error):
                raise
            await self._read_apart(ids, error, slow)

    async def _hold(self, notice_id: int, error: Exception) -> None:
        held = SettledRow(notice_id, NoticeState.HELD, error=f"{type(error).__name__}: {error}")
        await inbox.settle(self.pool, [held], self.clock.now())

    # Answers that waited for a claim ------------------------------------------------------------

    @retried
    async def _assign_answers(self) -> None:
        """Assign answers to `/payments/details` to the payments that now own their pspReferences.

        A payment may claim a pspReference by a notice while the answer with that pspReference is
        being stored, and neither transaction sees the other. So all such answers are assigned here,
        not only answers that belong to the notices just read.
        """
        if not await questions.are_assignable(self.pool):
            return  # Nearly every call ends here.
        async with transaction(self.pool) as connection:
            found = await Questions(self.vault).assignable(connection, self.batch_max)
            results = [self._result(each) for each in found]
            clues = [result.clues for result in results if result.clues]
            if not clues:
                return
            attribution = await lock_candidates(connection, self.ledger, clues)
            for result in results:
                attribution.attribute_answer(result)
            await questions.assign(connection, found)
            await self.ledger.record_locked(connection, attribution.locked, attribution.facts)

    def _result(self, found: Assignable) -> CallResult:
        kept = found.answer
        answer = Answer(kept.status, kept.body, kept.psp_reference)
        return meanings.of_reply(found.question, answer, self.clock.now())


def _settled(attribution: Attribution, notice_id: int, reading: Reading) -> SettledRow:
    """Decide which payment a notice belongs to, and which state the notice gets."""
    if reading.fact is None or reading.clues is None:
        return SettledRow(notice_id, reading.state, error=reading.error)
    clues = reading.clues
    matched = attribution.attribute(clues, reading.fact)
    is_paid_elsewhere = clues.pays and matched.payment_id is None
    return SettledRow(
        id=notice_id,
        state=_STATES[matched.ruling],
        payment_id=matched.payment_id,
        error=matched.why,
        is_unclaimed=not attribution.owners.keys() & set(clues.names),
        # Cut, because no payment of Kasir's has a longer merchant reference.
        paid_reference=clues.reference[:_REFERENCE_MAX] if is_paid_elsewhere else None,
    )


def _is_of_a_notice(error: Exception) -> bool:
    """Whether an error may be caused by a notice, and not by an outage or another transaction."""
    return isinstance(error, ValueRefused | StatementTimeout) or not (
        isinstance(error, UNAVAILABLE) or is_name_taken(error)
    )
