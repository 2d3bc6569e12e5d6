"""Runs the work of all merchant accounts: of the environment's account, and of the stored accounts.

A *stored account* is a merchant account whose settings are in the database. While a stored account
has nothing to do, one statement checks at growing intervals whether there is work; a new job ends
the wait at once. While there is work, a separate worker with separate limits runs for that account,
so its failures and slow calls delay no other account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Protocol

import structlog

from kasir.clock import pause
from kasir.jobs import engine
from kasir.jobs.engine import AccountQueue, Handler
from kasir.jobs.kinds import JobKind
from kasir.jobs.worker import WorkerParts, clean_once, find_due, handlers_of, work
from kasir.store.accounts import Account
from kasir.store.database import queries
from kasir.store.listening import Listening
from kasir.store.schemas import schema_pool
from kasir.telemetry import context

SQL: Final = queries("due")

#: The setting without which a merchant account relays nothing.
RELAY_URL: Final = "KASIR_RELAY_URL"
#: The setting without which an account fetches no reports.
REPORT_USER: Final = "KASIR_REPORT_USER"

#: The wait between two checks whether an account still has work, and which accounts there are.
_CHECK_EVERY_S: Final = 1.0
#: How many accounts search for work at the same time. The limit leaves connections for other uses.
_LOOKS_MAX: Final = 2
#: The tables of an account that had no work since the last cleaning are cleaned so many times more
#: rarely.
_UNUSED_CLEANED_RARELY: Final = 6

_log = structlog.get_logger("kasir.worker")


class WorkerAccounts(Protocol):
    """The merchant accounts that a worker works for; `kasir.accounts.Accounts` implements it."""

    @property
    def others(self) -> Sequence[Account]:
        """The stored accounts."""

    async def parts_of(self, name: str) -> WorkerParts:
        """Return the parts of an account.

        Raises:
            AccountUnavailable: The parts cannot be built.
        """


@dataclass(slots=True)
class _Activity:
    """How busy the worker of an account is.

    Attributes:
        running: How many jobs are running.
        last_at: The monotonic second at which due work was last found or a job last ended.
    """

    running: int = 0
    last_at: float = field(default_factory=monotonic)

    def found(self, count: int) -> None:
        """Record that a search found this much due work."""
        if count:
            self.last_at = monotonic()

    def noting(self, handler: Handler) -> Handler:
        """The same handler, but its runs are recorded."""

        async def run(payload: bytes) -> None:
            self.running += 1
            try:
                await handler(payload)
            finally:
                self.running -= 1
                self.last_at = monotonic()

        return run

    def idle_s(self) -> float:
        """For how many seconds no work was found and no job was running."""
        return 0.0 if self.running else monotonic() - self.last_at


async def work_for_all(
    parts: WorkerParts,
    accounts: WorkerAccounts,
    stop: asyncio.Event,
    cut: asyncio.Event | None = None,
) -> None:
    """Work for all merchant accounts until `stop` is set; see `worker.work`.

    Args:
        parts: The parts of the environment's account.
        accounts: The stored accounts, also accounts that are added later.
        stop: Set to stop.
        cut: Set to queue running jobs again, for another worker, instead of finishing them.
    """
    cut_off, listening = cut or asyncio.Event(), Listening(schema_pool(parts.pool, "", 1))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work(parts, stop, cut_off))
        tasks.create_task(_work_for_others(parts, accounts, listening, stop, cut_off))
        try:
            await stop.wait()
        finally:
            stop.set()


async def _work_for_others(
    parts: WorkerParts,
    accounts: WorkerAccounts,
    listening: Listening,
    stop: asyncio.Event,
    cut: asyncio.Event,
) -> None:
    """Run a task for each enabled stored account, and one task that listens for new jobs."""
    running: dict[str, tuple[Account, asyncio.Event]] = {}
    shared = _Shared(parts, accounts, listening, asyncio.Semaphore(_LOOKS_MAX), cut)
    is_listening = False
    async with asyncio.TaskGroup() as tasks:
        while not stop.is_set():
            enabled = {each.name: each for each in accounts.others if each.is_enabled}
            for name, (account, stop_one) in [*running.items()]:
                if enabled.get(name) != account:  # The account was changed or disabled.
                    stop_one.set()
                    del running[name]
            if enabled and not is_listening:
                is_listening = True
                tasks.create_task(listening.run(stop))
            for name in enabled.keys() - running.keys():
                running[name] = enabled[name], asyncio.Event()
                tasks.create_task(_AccountWorker(enabled[name], shared).run(running[name][1]))
            await pause(_CHECK_EVERY_S, stop)
        for _, stop_one in running.values():
            stop_one.set()


@dataclass(frozen=True, slots=True)
class _Shared:
    """The values that the tasks of all stored accounts share.

    Attributes:
        parts: The parts of the environment's account.
        accounts: The stored accounts.
        listening: Listens for new jobs.
        looking: Limits how many accounts search for work at the same time.
        cut: Set to queue running jobs again.
    """

    parts: WorkerParts
    accounts: WorkerAccounts
    listening: Listening
    looking: asyncio.Semaphore
    cut: asyncio.Event


class _AccountWorker:
    """Works for one stored account."""

    def __init__(self, account: Account, shared: _Shared) -> None:
        self._account = account
        self._shared = shared
        self._limits = shared.parts.settings.limits
        self._pool = schema_pool(shared.parts.pool, account.schema, 1)
        self._new_job = asyncio.Event()
        self._has_worked = False
        self._cleaned_at = monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Search for work and do it, until `stop` is set."""
        # Adds the account to every line that this task and its jobs log.
        context.bind_account(self._account.name)
        first_s, longest_s = self._limits.account_look_first_s, self._limits.account_look_longest_s
        gap_s, channel, listening = first_s, self._account.schema, self._shared.listening
        listening.add(channel, self._notified)
        try:
            while not stop.is_set():
                gap_s = first_s if await self._take_turn(stop) else min(2 * gap_s, longest_s)
                await self._sleep(gap_s, stop)
        finally:
            listening.remove(channel, self._notified)

    async def _take_turn(self, stop: asyncio.Event) -> bool:
        """Do the account's work, if there is any, and clean its tables if due.

        Returns:
            Whether there was work; False after an error.
        """
        self._new_job.clear()
        try:
            async with self._shared.looking:
                has_work = await self._has_work()
            if has_work:
                await self._work(await self._parts(), stop)
                self._has_worked = True
            if monotonic() >= self._cleaned_at + self._clean_every_s():
                self._cleaned_at, self._has_worked = monotonic(), False
                await clean_once(await self._parts(), stop)
        except Exception as error:  # noqa: BLE001  # After any error the other accounts continue.
            name = type(error).__name__
            _log.warning("account's work failed", account=self._account.name, error=name)
            return False
        return has_work

    async def _has_work(self) -> bool:
        now = self._shared.parts.due.clock.now()
        names = self._account.variables or ()
        has_work = await SQL.has_work(
            self._pool,
            now=now,
            has_relay=RELAY_URL in names,
            fetches_reports=REPORT_USER in names,
        )
        return bool(has_work)

    async def _parts(self) -> WorkerParts:
        return await self._shared.accounts.parts_of(self._account.name)

    def _clean_every_s(self) -> float:
        every_s = self._limits.clean_every_s
        return every_s if self._has_worked else _UNUSED_CLEANED_RARELY * every_s

    async def _work(self, parts: WorkerParts, stop: asyncio.Event) -> None:
        """Work until nothing was found or done for `account_awake_s`, or until `stop` is set."""
        limits, activity, over = self._limits, _Activity(), asyncio.Event()
        queue = AccountQueue(self._account.schema, self._shared.listening)
        at_once: dict[str, int] = {
            JobKind.DELIVER: limits.account_deliveries_max,
            JobKind.REPORT: 1,
        }
        async with AsyncExitStack() as stack:
            handlers = await handlers_of(parts, stack, over)
            noting = {kind: activity.noting(handler) for kind, handler in handlers.items()}
            async with asyncio.TaskGroup() as tasks:
                every_s, held_max = limits.account_poll_every_s, limits.account_jobs_held_max
                tasks.create_task(find_due(parts, over, every_s, activity.found))
                tasks.create_task(
                    engine.work(
                        parts.pool, noting, over, held_max, self._shared.cut, at_once, queue
                    )
                )
                try:
                    while not stop.is_set() and activity.idle_s() < limits.account_awake_s:
                        await pause(_CHECK_EVERY_S, stop)
                finally:
                    over.set()

    async def _sleep(self, seconds: float, stop: asyncio.Event) -> None:
        """Sleep for some seconds, until the account has a new job, or until `stop` is set."""
        waits = [asyncio.create_task(one.wait()) for one in (self._new_job, stop)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _notified(self, _payload: str) -> None:
        self._new_job.set()
