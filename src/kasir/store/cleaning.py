"""Removes rows that are no longer needed, in batches, so that other transactions do not wait.

Facts, payments, the shops' idempotency keys and the rows of notices are never removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from kasir.clock import Clock, pause
from kasir.retention_settings import Retention
from kasir.store.database import Pool, queries

SQL: Final = queries("cleaning")
_log = structlog.get_logger("kasir.cleaning")

#: A time before every row.
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)

_Statement = Callable[..., Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """Removes old rows. Any number of workers may run it at the same time.

    Attributes:
        pool: The database.
        clock: The machine's clock, never a test clock: when that leaps, rows do not become old.
        kept: How long each kind of row is kept.
        batch_max: How many rows one statement touches.
        pause_s: The pause after each statement, for other users of the database.
    """

    pool: Pool
    clock: Clock
    kept: Retention
    batch_max: int
    pause_s: float

    async def clean(self, stop: asyncio.Event) -> dict[str, int]:
        """Remove old rows until none is left or `stop` is set.

        If rows of one kind cannot be removed, that is logged, and the other kinds are removed.

        Returns:
            How many rows of each kind were removed; kinds without removed rows are left out.
        """
        kept = self.kept
        steps: tuple[tuple[str, _Statement, timedelta], ...] = (
            ("log", SQL.log, kept.jobs),
            ("statistics", SQL.statistics, kept.jobs),
            ("failed_jobs", SQL.failed_jobs, kept.jobs),
            ("notices", SQL.notices, kept.notices),
            ("events", SQL.events, kept.events),
        )
        counts: dict[str, int] = {}
        for name, statement, age in steps:
            try:
                counts[name] = await self._clean(statement, age, stop)
            except Exception as error:  # noqa: BLE001  # The others are removed all the same.
                _log.warning("old rows were not removed", rows=name, error=type(error).__name__)
        return {name: count for name, count in counts.items() if count}

    async def _clean(self, statement: _Statement, age: timedelta, stop: asyncio.Event) -> int:
        total, since = 0, _BEGINNING
        while not stop.is_set():
            row = await statement(
                self.pool, since=since, now=self.clock.now(), kept=age, most=self.batch_max
            )
            total += row["count"]
            if row["count"] < self.batch_max:
                break
            since = row["reached"]
            await pause(self.pause_s, stop)
        return total
