"""The statements of `kasir doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kasir.store.database import Pool, queries
from kasir.store.deliveries import Try, last_try

SQL: Final = queries("doctor")


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Events that the shop has not accepted.

    Attributes:
        waiting: How many events are to be sent, now or later.
        since: When the oldest of these events was written.
        given_up: How many events are not sent any more.
        last: The last try to deliver any event; None if there was none.
    """

    waiting: int
    since: datetime | None
    given_up: int
    last: Try | None


@dataclass(frozen=True, slots=True)
class DoctorCounts:
    """The counts and times that `kasir doctor` reads from the database."""

    pool: Pool

    async def last_notice(self, kind: str) -> datetime | None:
        """When the last notice of a kind (`NoticeKind`) came; None if there is none."""
        received_at: datetime | None = await SQL.last_notice(self.pool, kind=kind)
        return received_at

    async def now(self) -> datetime:
        """The database's time."""
        now: datetime = await SQL.now(self.pool)
        return now

    async def held(self) -> int:
        """How many notices are held."""
        return int(await SQL.held(self.pool))

    async def unconfirmed(self, most: int) -> tuple[int, datetime | None]:
        """How many attempts (at most `most`) timed out without an outcome; when the first did."""
        row = await SQL.unconfirmed(self.pool, most=most)
        return int(row["count"]), row["since"]

    async def undelivered(self, since: datetime, most: int) -> Undelivered:
        """Events that the shop has not accepted. Events given up before `since` do not count.

        Each count is at most `most`.
        """
        row = await SQL.undelivered(self.pool, since=since, most=most)
        last = await last_try(self.pool)
        return Undelivered(row["waiting"], row["waiting_since"], row["given_up"], last)

    async def lost_questions(self, before: datetime) -> tuple[int, datetime | None]:
        """How many questions stored before `before` have no answer, and since when."""
        row = await SQL.lost_questions(self.pool, before=before)
        return int(row["count"]), row["since"]

    async def unknown_payments(self, most: int) -> tuple[int, datetime | None]:
        """How many payments (at most `most`) have an unknown outcome, and since when."""
        row = await SQL.unknown_payments(self.pool, most=most)
        return int(row["count"]), row["since"]

    async def conflicts(self, most: int) -> list[tuple[str, str, str]]:
        """The pspReferences that two payments had in an older schema, at most `most`.

        Each element is a triple: the pspReference, the id of the payment that owns it, and the id
        of the other payment.
        """
        rows = SQL.conflicts(self.pool, most=most)
        return [(row["name"], row["owner"], row["other"]) async for row in rows]
