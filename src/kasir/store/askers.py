"""Shows whether the process that sent a question is alive.

If that process is gone, another process sends the question at once. Every process has a number, and
an advisory lock with that number in a database session that ends with the process. If no session
has the lock, the process is gone. A process that lost its session takes the lock again a moment
later. If another process claims a question in that moment, the question is sent twice with the same
idempotency key, and the provider executes it once.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final

import structlog
from asyncpg import InterfaceError

from kasir.errors import KasirError
from kasir.payments.question import Question
from kasir.store.database import DRIVER_ERRORS, Connection, Pool, queries

SQL: Final = queries("askers")

#: The first number of these advisory locks ("kasi" in ASCII); the second number is that of a
#: process. No other program on the database may use this first number.
SPACE: Final = 0x6B61_7369
#: The largest number of a process: the largest second number of an advisory lock.
_NUMBER_MAX: Final = 2**31 - 1
#: The wait between two checks of the session.
_CHECK_EVERY_S: Final = 1.0
#: The wait after an error of the database.
_AGAIN_S: Final = 0.2
#: After a restart of PostgreSQL, every live process has its lock again within this time.
_RESTART_S: Final = 5.0
#: How long a process that is ending tries to record the questions that it abandoned.
_CLOSING_S: Final = 2.0

_log = structlog.get_logger("kasir.askers")


class Asker:
    """This process as a sender of questions.

    Attributes:
        number: Identifies this process while the process has its lock.
    """

    def __init__(self, pool: Pool, patience_s: float, number: int | None = None) -> None:
        # The merchant accounts of a process share the number and the lock of the process.
        self.number = number or secrets.randbelow(_NUMBER_MAX) + 1
        self._pool = pool
        # After this time other processes may send an abandoned question, recorded or not.
        self._patience_s = patience_s
        self._is_closed = False
        # A counter, because several tasks may try to send the same question.
        self._being_sent: Counter[tuple[str, datetime]] = Counter()
        self._abandoning: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """A context in which this process has its lock."""
        is_held = asyncio.Event()
        holding = asyncio.create_task(self._hold(is_held))
        try:
            await is_held.wait()
            yield
        finally:
            if self._abandoning:
                await asyncio.wait(self._abandoning, timeout=_CLOSING_S)
            self._is_closed = True
            for task in (holding, *self._abandoning):
                task.cancel()
            # `_is_closed` is needed too, because the driver may ignore a cancel while it connects.
            await asyncio.wait([holding], timeout=_CLOSING_S)

    @asynccontextmanager
    async def asking(self, question: Question) -> AsyncIterator[None]:
        """A context in which a question is sent.

        If the context ends by an error or a cancellation, the question is released, so that other
        processes may send the question at once.
        """
        sending = question.key, question.asked_at
        self._being_sent[sending] += 1
        try:
            yield
        except KasirError:
            raise  # The question was refused before it was sent.
        except BaseException:
            task = asyncio.create_task(self._abandon(question))
            self._abandoning.add(task)
            task.add_done_callback(self._abandoning.discard)
            raise
        finally:
            self._being_sent[sending] -= 1
            self._being_sent += Counter()  # Removes keys with a count of zero.

    async def is_abandoned(self, question: Question) -> bool:
        """Whether it is known that no process waits for the answer to a question any more."""
        last = await SQL.last_asker(
            self._pool,
            key=question.key,
            asked_at=question.asked_at,
            space=SPACE,
            restart_s=_RESTART_S,
        )
        if last is None:
            return False
        if last["asker"] == self.number:
            return (question.key, question.asked_at) not in self._being_sent
        return bool(last["is_gone"])

    async def _hold(self, is_held: asyncio.Event) -> None:
        """Keep the lock; take it again if the session is lost."""
        while not self._is_closed:
            try:
                async with self._pool.acquire() as connection:
                    await self._hold_by(connection, is_held)
            except DRIVER_ERRORS as error:
                _log.warning("liveness lock lost", error=type(error).__name__)
                await asyncio.sleep(_AGAIN_S)

    async def _hold_by(self, connection: Connection, is_held: asyncio.Event) -> None:
        try:
            await SQL.hold(connection, space=SPACE, asker=self.number)
            is_held.set()
            while not self._is_closed:
                await asyncio.sleep(_CHECK_EVERY_S)
                await connection.execute("SELECT 1")
        finally:
            with suppress(InterfaceError):  # A cancellation has closed the connection already.
                connection.terminate()  # The pool must not lend a session with this lock.

    async def _abandon(self, question: Question) -> None:
        """Record that a question is abandoned; retry while the database is unavailable."""
        deadline = time.monotonic() + self._patience_s
        while time.monotonic() < deadline:
            try:
                await SQL.abandon(
                    self._pool,
                    key=question.key,
                    asked_at=question.asked_at,
                    asker=self.number,
                )
            except DRIVER_ERRORS as error:
                _log.warning(
                    "a question is not released yet", key=question.key, error=type(error).__name__
                )
                await asyncio.sleep(_AGAIN_S)
            else:
                return
