"""Brings the schema up to date: Kasir's own tables and the job engine's."""

from __future__ import annotations

from kasir.jobs import engine
from kasir.limits import Limits
from kasir.store import database


async def bring_up_to_date(dsn: str, limits: Limits) -> list[str]:
    """Bring the schema up to date; returns the names of the migrations that were applied.

    Raises:
        DatabaseUnavailable: PostgreSQL cannot be used, or refused a change.
    """
    async with database.changing(dsn, limits) as pool:
        done = await database.migrate(pool)
        await engine.install(pool)
    return done
