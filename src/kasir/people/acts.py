"""Records an act in the audit log: a row before the act, and its outcome after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from kasir.clock import Clock
from kasir.errors import KasirError, cut
from kasir.store import audit
from kasir.store.audit import Entry
from kasir.store.database import Pool


@dataclass(slots=True)
class Record:
    """An act while it runs. The act puts into `after` what it left behind."""

    id: int
    after: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def recorded(pool: Pool, clock: Clock, entry: Entry) -> AsyncIterator[Record]:
    """Run an act in this context: it is recorded before it, and its outcome after it.

    If the context ends with an error, the act counts as failed, with the error's message where it
    is one of Kasir's own.

    Args:
        pool: The tables of the account; for acts on people those of the environment's account.
        clock: The clock.
        entry: Who acts on what, and why.
    """
    record = Record(await audit.begin(pool, entry, clock.now()))
    try:
        yield record
    except BaseException as error:
        why = cut(str(error)) if isinstance(error, KasirError) else type(error).__name__
        await audit.end(pool, record.id, record.after, now=clock.now(), error=why)
        raise
    await audit.end(pool, record.id, record.after, now=clock.now())
