"""Failed jobs: jobs whose handler raised an error. Failed jobs are kept, shown, and retried.

A failed job loses no work: the work stays due, and is queued again as another job (`jobs/due.py`).
The failed job is kept to show what failed, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from pgqueuer.domain.types import JobId

from kasir.errors import NotFound
from kasir.jobs.engine import queries_on
from kasir.store.database import Pool, queries

SQL: Final = queries("jobs")

#: How many jobs one transaction queues again.
_BATCH: Final = 1000
_ERROR_LENGTH_MAX: Final = 300


class FailedJob(msgspec.Struct, rename="camel", kw_only=True):
    """A failed job as the operator sees it.

    Attributes:
        id: The id, as an argument of `kasir jobs retry`.
        job: The kind of the job.
        about: The payload, such as a payment's id, an event's id or a shopper's reference.
        failed_at: When the job last failed.
        tries: How often the job was run.
        error: The last error in one line; empty if it is not known any more.
    """

    id: int
    job: str
    about: str
    failed_at: datetime
    tries: int
    error: str


async def failed(pool: Pool, most: int) -> list[FailedJob]:
    """Return failed jobs, the latest failure first."""
    return [
        FailedJob(
            id=row["id"],
            job=row["entrypoint"],
            about=(row["payload"] or b"").decode(errors="replace"),
            failed_at=row["updated"],
            tries=row["attempts"] + 1,
            error=_error_line(row["error"], row["words"]),
        )
        async for row in SQL.failed(pool, most=most)
    ]


async def count_failed(pool: Pool, most: int) -> tuple[int, datetime | None]:
    """Return the number of failed jobs, at most `most`, and when the first of them failed."""
    row = await SQL.count_failed(pool, most=most)
    return row["count"], row["since"]


async def retry(pool: Pool, ids: Sequence[int]) -> int:
    """Queue these failed jobs again, or all if `ids` is empty. Returns how many were queued.

    Raises:
        NotFound: One of `ids` is not the id of a failed job; then no job is queued.
    """
    total = 0
    while True:
        async with pool.acquire() as connection, connection.transaction():
            rows = SQL.lock_failed(connection, ids=list(ids), most=len(ids) or _BATCH)
            found = [row["id"] async for row in rows]
            if unknown := sorted(set(ids) - set(found)):
                raise NotFound("failed job", ", ".join(map(str, unknown)))
            await queries_on(connection).requeue_jobs([JobId(one) for one in found])
        total += len(found)
        if ids or len(found) < _BATCH:
            return total


async def retry_automatically(pool: Pool, retries: int, after_s: float, most: int) -> int:
    """Queue at most `most` failed jobs again that have retries left. Returns how many were queued.

    Each job gets at most `retries` retries. A job that failed less than `after_s` seconds ago is
    left for later.
    """
    return int(await SQL.retry(pool, retries=retries, after_s=after_s, most=most))


def _error_line(error_type: str | None, message: str | None) -> str:
    """An error in one line; empty if the error is no longer in the engine's log."""
    text = ": ".join(part for part in (error_type, message) if part)
    return " ".join(text.split())[:_ERROR_LENGTH_MAX]
