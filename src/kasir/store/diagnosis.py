"""What the doctor asks of the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kasir.store.database import Pool, queries

SQL: Final = queries("doctor")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Counts of what should not be there."""

    pool: Pool

    async def last_notice(self, kind: str) -> datetime | None:
        """When the last authentic notification of a kind came."""
        found: datetime | None = await SQL.last_notice(self.pool, kind=kind)
        return found

    async def now(self) -> datetime:
        """What time it is at the database."""
        found: datetime = await SQL.now(self.pool)
        return found

    async def held(self) -> int:
        """How many notices wait for a person."""
        return int(await SQL.held(self.pool))

    async def unconfirmed(self, most: int) -> tuple[int, datetime | None]:
        """How many attempts wait for Adyen's word on their end, and since when; `most` at most."""
        row = await SQL.unconfirmed(self.pool, most=most)
        return int(row["count"]), row["since"]

    async def lost_questions(self, before: datetime) -> int:
        """How many calls opened before then have no answer."""
        return int(await SQL.lost_questions(self.pool, before=before))

    async def conflicts(self, most: int) -> list[tuple[str, str, str]]:
        """Names that two payments bear from before each had one owner: name, owner, the other."""
        rows = SQL.conflicts(self.pool, most=most)
        return [(row["name"], row["owner"], row["other"]) async for row in rows]
