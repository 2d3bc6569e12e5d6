"""What the doctor asks of the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kasir.store.database import Pool, queries
from kasir.store.deliveries import Try, last_try

SQL: Final = queries("doctor")


@dataclass(frozen=True, slots=True)
class Untold:
    """Events that the shop has not taken.

    Attributes:
        waiting: How many are to be tried, now or later.
        since: When the oldest of them came about.
        given_up: How many are not sent any more.
        last: What the shop answered last, to whichever event.
    """

    waiting: int
    since: datetime | None
    given_up: int
    last: Try | None


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

    async def untold(self, since: datetime, most: int) -> Untold:
        """What the shop has not taken; of what was given up, what was so since then."""
        row = await SQL.undelivered(self.pool, since=since, most=most)
        last = await last_try(self.pool)
        return Untold(row["waiting"], row["waiting_since"], row["given_up"], last)

    async def lost_questions(self, before: datetime) -> int:
        """How many calls opened before then have no answer."""
        return int(await SQL.lost_questions(self.pool, before=before))

    async def conflicts(self, most: int) -> list[tuple[str, str, str]]:
        """Names that two payments bear from before each had one owner: name, owner, the other."""
        rows = SQL.conflicts(self.pool, most=most)
        return [(row["name"], row["owner"], row["other"]) async for row in rows]
